//! The user's own password and sessions.

use leptos::prelude::*;

use crate::view::Error;

#[server]
pub async fn change_password(
    #[server(default)] current_password: String,
    #[server(default)] password: String,
) -> Result<(), Error> {
    crate::portal::handlers::account::change_password(&current_password, &password).await
}

#[server]
pub async fn end_session(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::account::end_session(&id).await
}

/// Ends all sessions of the user but the one that asks.
#[server]
pub async fn end_other_sessions() -> Result<(), Error> {
    crate::portal::handlers::account::end_other_sessions().await
}
