//! Times: relative in the text, exact in the tooltip, with the reader's own time zone. The server
//! puts the reader's [`Clockface`] into the page's context.

use std::sync::Arc;

use leptos::prelude::*;

use crate::domain::{
    preferences::{Clockface, Utc},
    time::Timestamp,
};

/// The clock of the reader of this page; UTC if there is none.
pub fn readers_clock() -> Arc<dyn Clockface> {
    use_context::<Arc<dyn Clockface>>().unwrap_or_else(|| Arc::new(Utc))
}

/// `3 minutes ago`; the date after a month. With scripts it ticks, and a click or tap shows the
/// exact time (`browser/times.js`). Pages of one thing use [`FullDateTime`].
#[component]
pub fn DateTime(at: Timestamp, now: Timestamp) -> impl IntoView {
    let clock = readers_clock();
    let relative = at.relative_to(now);
    let ticks = relative.as_ref().map(|_| "");
    let text = relative.unwrap_or_else(|| clock.date(at));
    view! { <time datetime=at.rfc3339() title=clock.exact(at) data-tick=ticks>{text}</time> }
}

/// The exact time, and how long ago: to be read, selected and copied.
#[component]
pub fn FullDateTime(at: Timestamp, now: Timestamp) -> impl IntoView {
    view! { <ExactDateTime at/> " (" <DateTime at now/> ")" }
}

/// The exact time as text.
#[component]
pub fn ExactDateTime(at: Timestamp) -> impl IntoView {
    view! { <time class="exact" datetime=at.rfc3339()>{readers_clock().exact(at)}</time> }
}
