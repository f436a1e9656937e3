//! View data of the page that tests a hook with a custom payload.

use serde::{Deserialize, Serialize};

use super::{deliveries::DeliveryPage, hooks::SendWaiting};
use crate::domain::{contract::BodyCheck, delivery::Delivery, hook::Hook, time::Timestamp};

/// Where the payload in the form comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    Sample,
    LastEvent,
    Typed,
}

/// The form with the payload's check, the test's result, and earlier tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestPage {
    pub hook: Hook,
    pub body: String,
    pub origin: Origin,
    /// The reader may start from the last real event.
    pub may_use_last: bool,
    /// The last real event was requested but does not exist.
    pub has_no_last: bool,
    pub checked: Option<BodyCheck>,
    /// Sending was stopped because the check failed.
    pub was_stopped: bool,
    pub result: Option<DeliveryPage>,
    /// After a successful test: what can be sent now.
    pub waiting: Option<SendWaiting>,
    /// The reader may see the response: it was their test, or they have `payloads:read`.
    pub sees_answer: bool,
    pub history: Vec<Delivery>,
    pub now: Timestamp,
}
