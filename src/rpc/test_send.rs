//! The page that sends a test with a body of one's own.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Error, deliveries::DeliveryPage};
use crate::domain::{contract::BodyCheck, delivery::Delivery, hook::Hook, time::Timestamp};

/// Where the body in the form came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    Sample,
    LastEvent,
    Typed,
}

/// The form, what was said about its body, what came of the test, and the tests before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestPage {
    pub hook: Hook,
    pub body: String,
    pub origin: Origin,
    /// This reader may start from the last real event.
    pub may_use_last: bool,
    /// It was asked for, but there is none.
    pub has_no_last: bool,
    pub checked: Option<BodyCheck>,
    /// The body was to be sent and was not, because of what was said about it.
    pub was_stopped: bool,
    pub result: Option<DeliveryPage>,
    /// What the receiver answered is for this reader's eyes: it was their test, or they may see
    /// payloads.
    pub sees_answer: bool,
    pub history: Vec<Delivery>,
    pub now: Timestamp,
}

#[server]
pub async fn read_test(
    #[server(default)] id: String,
    #[server(default)] sample: String,
    #[server(default)] draft: String,
    #[server(default)] test: String,
) -> Result<TestPage, Error> {
    crate::server::forms::test_send::read(&id, &sample, &draft, &test).await
}

/// Says whether a body is JSON and as the schema demands; sends nothing.
#[server]
pub async fn check_body(
    #[server(default)] id: String,
    #[server(default)] body: String,
) -> Result<(), Error> {
    crate::server::forms::test_send::check(id, body).await
}

/// Sends a body to the hook. With `anyway` also one that is not as the schema demands.
#[server]
pub async fn send_body(
    #[server(default)] id: String,
    #[server(default)] body: String,
    #[server(default)] anyway: String,
) -> Result<(), Error> {
    let anyway = crate::server::forms::is_on(&anyway);
    crate::server::forms::test_send::send(id, body, anyway).await
}
