//! A time: short and relative for reading, and exact (in the reader's own zone, with its offset and
//! name) for whoever asks. How the reader wants it stands in the page's context, put there by the
//! server.

use std::sync::Arc;

use leptos::prelude::*;

use crate::domain::{
    preferences::{Clockface, Utc},
    time::Timestamp,
};

/// The clock of whoever reads this page.
pub fn readers_clock() -> Arc<dyn Clockface> {
    use_context::<Arc<dyn Clockface>>().unwrap_or_else(|| Arc::new(Utc))
}

/// `3 minutes ago`, and the date when that is long past.
#[component]
pub fn DateTime(at: Timestamp, now: Timestamp) -> impl IntoView {
    let clock = readers_clock();
    let text = at.relative_to(now).unwrap_or_else(|| clock.date(at));
    view! { <time datetime=at.rfc3339() title=clock.exact(at)>{text}</time> }
}

/// The exact time, to be read and copied.
#[component]
pub fn ExactDateTime(at: Timestamp) -> impl IntoView {
    view! { <time class="exact" datetime=at.rfc3339()>{readers_clock().exact(at)}</time> }
}
