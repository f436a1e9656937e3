//! The page that sends a test with a body of one's own.

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

/// Says whether a body is JSON and as the schema demands; sends nothing.
#[server]
pub async fn check_body(
    #[server(default)] id: String,
    #[server(default)] body: String,
) -> Result<(), Error> {
    crate::portal::handlers::test_send::check(id, body).await
}

/// Sends a body to the hook. With `anyway` also one that is not as the schema demands.
#[server]
pub async fn send_body(
    #[server(default)] id: String,
    #[server(default)] body: String,
    #[server(default)] anyway: String,
) -> Result<(), Error> {
    let anyway = crate::portal::handlers::is_on(&anyway);
    crate::portal::handlers::test_send::send(id, body, anyway).await
}
