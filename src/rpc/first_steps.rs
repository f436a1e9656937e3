//! The checklist of a new installation.

use leptos::prelude::*;

use crate::view::{Error, first_steps::FirstSteps};

#[server]
pub async fn read_steps() -> Result<Option<FirstSteps>, Error> {
    crate::portal::handlers::first_steps::read().await
}
