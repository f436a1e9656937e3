//! The user's own password, sessions and API tokens.

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

/// `days`: the lifetime of the token.
#[server]
pub async fn create_token(
    #[server(default)] token_name: String,
    #[server(default)] permissions: Vec<String>,
    #[server(default)] days: String,
    #[server(default)] form_token: String,
) -> Result<(), Error> {
    crate::portal::handlers::account::create_token(token_name, permissions, days, &form_token).await
}

#[server]
pub async fn revoke_token(#[server(default)] id: String) -> Result<(), Error> {
    crate::portal::handlers::account::revoke_token(&id).await
}
