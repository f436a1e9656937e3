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

#[server]
pub async fn read_inbox(#[server(default)] q: String) -> Result<Inbox, Error> {
    crate::portal::handlers::inbox::inbox(&q).await
}
