//! A time: short and relative for reading, exact and in UTC for whoever asks.

use leptos::prelude::*;

use crate::domain::time::Timestamp;

#[component]
pub fn Moment(at: Timestamp, now: Timestamp) -> impl IntoView {
    view! { <time datetime=at.rfc3339() title=at.readable()>{at.relative_to(now)}</time> }
}
