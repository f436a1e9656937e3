//! What pages and plain forms need around an operation: read data for a page, redirect after a
//! POST, leave a flash message, keep a draft after an error. One file per noun. Rules and
//! permission checks belong to `ops`.

pub mod account;
mod banner;
pub mod datetime;
pub mod deliveries;
pub mod dismissals;
pub mod editor;
pub mod events;
pub mod first_steps;
mod found;
pub mod hooks;
pub mod inbox;
pub mod jobs;
pub mod log;
pub mod preferences;
pub mod redeliver;
pub mod resume;
mod returned;
pub mod search;
pub mod session;
pub mod setup;
pub mod status;
pub mod test_send;
pub mod try_now;
pub mod views;

use crate::{
    portal::{auth::session::FLASH, request::Request},
    view::session::{Flash, FlashKind},
};

/// Leaves a flash message for the next page. It is lost if the session cannot be written; the
/// action itself is not affected.
async fn flash(request: &Request, kind: FlashKind, text: impl Into<String>) {
    let flash = Flash { kind, text: text.into() };
    if let Err(error) = request.session.insert(FLASH, flash).await {
        tracing::warn!(error = %error, "failed to store a flash message");
    }
}

/// Text for a query string.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The value of a checked control: `true` from our own, `on` from a bare checkbox. An unchecked one
/// sends nothing.
pub fn is_on(control: &str) -> bool {
    matches!(control, "true" | "on" | "1")
}
