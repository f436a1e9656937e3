//! The event catalogue's pages.

use leptos::prelude::*;

use crate::view::{
    Error,
    events::{EventPage, EventRow},
};

#[server]
pub async fn list() -> Result<Vec<EventRow>, Error> {
    crate::portal::handlers::events::list().await
}

/// An event type with a sample receiver in `lang`, adapted to the hook `hook` if given.
#[server]
pub async fn detail(
    #[server(default)] key: String,
    #[server(default)] lang: String,
    #[server(default)] hook: String,
) -> Result<EventPage, Error> {
    crate::portal::handlers::events::detail(&key, &lang, &hook).await
}
