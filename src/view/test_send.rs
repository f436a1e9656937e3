//! The page that sends a test: what the pages show.

use serde::{Deserialize, Serialize};

use super::deliveries::DeliveryPage;
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
