//! Signing in and out, and the frame of every page.

use leptos::prelude::*;

use crate::view::{
    Error,
    session::{Flash, Frame, Resumed, SignInForm},
};

#[server]
pub async fn read_frame() -> Result<Frame, Error> {
    crate::portal::handlers::session::frame().await
}

/// The message of the last action; returned once.
#[server]
pub async fn take_flash() -> Result<Option<Flash>, Error> {
    crate::portal::handlers::session::take_flash().await
}

#[server]
pub async fn read_sign_in(#[server(default)] draft: String) -> Result<SignInForm, Error> {
    crate::portal::handlers::session::sign_in_form(&draft).await
}

#[server]
pub async fn sign_in(
    #[server(default)] email: String,
    #[server(default)] password: String,
    #[server(default)] next: String,
) -> Result<(), Error> {
    crate::portal::handlers::session::sign_in(email, password, next).await
}

#[server]
pub async fn sign_out() -> Result<(), Error> {
    crate::portal::handlers::session::sign_out().await
}

/// Redirects to a form that was posted while its user was signed out.
#[server]
pub async fn resume(#[server(default)] form: String) -> Result<Resumed, Error> {
    crate::portal::handlers::resume::resume(&form).await
}

/// Sets the page's status to 404, which only the server can do.
#[server]
pub async fn not_found() -> Result<(), Error> {
    crate::portal::request::not_found("page").await
}
