//! The quick search of pages, objects and actions.

use leptos::prelude::*;

use crate::view::{Error, search::Found};

/// What fits `q`. The complete id of one object redirects to it, unless `list` is set.
#[server]
pub async fn find(
    #[server(default)] q: String,
    #[server(default)] list: String,
) -> Result<Found, Error> {
    crate::portal::handlers::search::find(&q, crate::portal::handlers::is_on(&list)).await
}
