//! What plain forms and pages need around an operation: read for a page, redirect after a post, a
//! flash for the next page, a draft when something was wrong. One file a noun; no decisions that
//! `ops` has not made.

mod banner;
pub mod datetime;
pub mod deliveries;
pub mod editor;
pub mod events;
mod found;
pub mod hooks;
pub mod jobs;
pub mod log;
pub mod preferences;
pub mod redeliver;
mod returned;
pub mod session;
pub mod setup;
pub mod status;
pub mod test_send;

use crate::{
    portal::{auth::session::FLASH, request::Request},
    view::session::{Flash, FlashKind},
};

/// Leaves a sentence for the next page. A session that cannot be written loses it; what was done
/// stays done.
async fn flash(request: &Request, kind: FlashKind, text: impl Into<String>) {
    let flash = Flash { kind, text: text.into() };
    if let Err(error) = request.session.insert(FLASH, flash).await {
        tracing::warn!(error = %error, "a flash message was lost");
    }
}

/// Text for a query string.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What a control that is on sends: our own say `true`, a bare checkbox `on`. One that is off sends
/// nothing.
pub fn is_on(control: &str) -> bool {
    matches!(control, "true" | "on" | "1")
}
