//! The delivery log's pages.

use leptos::prelude::*;

use crate::{
    domain::log::LogQuery,
    view::{Error, inbox::Inbox, log::LogPage},
};

/// A page of the log, of one hook or (with an empty `hook`) of all.
#[server]
pub async fn read_log(
    #[server(default)] hook: String,
    #[server(default)] query: LogQuery,
) -> Result<LogPage, Error> {
    crate::portal::handlers::log::page(&hook, query).await
}

/// Saves the filters of the list under a name.
#[server]
pub async fn save_view(
    #[server(default)] name: String,
    #[server(default)] query: String,
) -> Result<(), Error> {
    crate::portal::handlers::views::save(&name, &query).await
}

/// Removes one of the reader's saved views.
#[server]
pub async fn remove_view(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::views::remove(&id).await
}

#[server]
pub async fn read_inbox(#[server(default)] q: String) -> Result<Inbox, Error> {
    crate::portal::handlers::inbox::inbox(&q).await
}
