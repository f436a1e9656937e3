//! The log of deliveries: what its pages read.

use leptos::prelude::*;

use crate::{
    domain::log::LogQuery,
    view::{
        Error,
        log::{Inbox, LogPage},
    },
};

/// A page of the log: of one hook, or of all where `hook` is empty.
#[server]
pub async fn read_log(
    #[server(default)] hook: String,
    #[server(default)] query: LogQuery,
) -> Result<LogPage, Error> {
    crate::portal::handlers::log::page(&hook, query).await
}

#[server]
pub async fn read_inbox() -> Result<Inbox, Error> {
    crate::portal::handlers::log::inbox().await
}
