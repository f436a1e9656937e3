//! First-run set-up: creating the first administrator.

use leptos::prelude::*;

use crate::view::{Error, setup::SetupForm};

/// The form behind a one-time link, if the link is valid.
#[server]
pub async fn read_setup(
    #[server(default)] token: String,
    #[server(default)] draft: String,
) -> Result<SetupForm, Error> {
    crate::portal::handlers::setup::form(token, &draft).await
}

#[server]
pub async fn set_up(
    #[server(default)] token: String,
    #[server(default)] name: String,
    #[server(default)] email: String,
    #[server(default)] password: String,
) -> Result<(), Error> {
    crate::portal::handlers::setup::finish(token, name, email, password).await
}
