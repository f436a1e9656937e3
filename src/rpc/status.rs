//! The status page.

use leptos::prelude::*;

use crate::view::{Error, status::StatusPage};

#[server]
pub async fn read() -> Result<StatusPage, Error> {
    crate::portal::handlers::status::read().await
}
