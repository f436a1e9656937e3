//! The page that tests a hook with a custom payload.

use leptos::prelude::*;

use crate::view::{Error, test_send::TestPage};

#[server]
pub async fn read_test(
    #[server(default)] id: String,
    #[server(default)] sample: String,
    #[server(default)] draft: String,
    #[server(default)] test: String,
) -> Result<TestPage, Error> {
    crate::portal::handlers::test_send::read(&id, &sample, &draft, &test).await
}

/// Checks a payload against the schema. Sends nothing.
#[server]
pub async fn check_body(
    #[server(default)] id: String,
    #[server(default)] body: String,
) -> Result<(), Error> {
    crate::portal::handlers::test_send::check(id, body).await
}

/// Sends a payload to the hook; with `anyway` even if it does not match the schema.
#[server]
pub async fn send_body(
    #[server(default)] id: String,
    #[server(default)] body: String,
    #[server(default)] anyway: String,
    #[server(default)] form_token: String,
) -> Result<(), Error> {
    let anyway = crate::portal::handlers::is_on(&anyway);
    crate::portal::handlers::test_send::send(id, body, anyway, &form_token).await
}
