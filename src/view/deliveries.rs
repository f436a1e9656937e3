//! View data of one delivery, and of the redelivery form.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::{Attempt, Delivery},
    redelivery::{Act, HookNow, Remedy},
    time::Timestamp,
};

/// A delivery, its attempts and its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryPage {
    pub delivery: Delivery,
    pub attempts: Vec<Attempt>,
    /// `None` without `payloads:read`.
    pub body: Option<String>,
    pub hook_name: String,
    /// What the reader can do with it now.
    pub act: Option<Act>,
    pub now: Timestamp,
}

/// The delivery page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDetail {
    pub page: DeliveryPage,
    pub request: SentRequest,
    pub hook: HookNow,
    /// The action to offer first.
    pub remedy: Option<Remedy>,
    /// Other deliveries of the same event, and whether these are all.
    pub elsewhere: Vec<Elsewhere>,
    pub is_all: bool,
    /// Why it cannot be redelivered now, for readers with the permission.
    pub refused: Option<String>,
    /// Ids of its neighbours in the list that the reader came from, and that list.
    pub newer: Option<String>,
    pub older: Option<String>,
    pub list: String,
    /// URL of this page, including the list.
    pub address: String,
}

/// A delivery of the same event to another hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    pub hook_name: String,
    pub delivery: Delivery,
}

/// The same request as a command or as a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// A part of element ids.
    pub key: String,
    pub name: String,
    /// What to know before it is run.
    pub hint: String,
    pub text: String,
}

/// The request that was sent last, or will be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentRequest {
    pub url: String,
    /// With a masked API key and without the signature.
    pub headers: Vec<(String, String)>,
    pub size: i64,
    pub body: Body,
    /// Violations of the event's schema; `None` if unknown.
    pub faults: Option<Vec<String>>,
    /// Empty if there is no URL. Secrets are read from environment variables.
    pub code: Vec<Code>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// The reader lacks `payloads:read`.
    Hidden,
    /// Retention removed it.
    Removed,
    Shown {
        text: String,
        /// Re-indented, so not byte for byte as sent.
        is_pretty: bool,
        /// Truncated for display.
        is_cut: bool,
        /// URL of the complete payload.
        file: String,
    },
}

/// Preview of a redelivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redelivery {
    /// Ids of the deliveries that can be redelivered.
    pub ids: Vec<String>,
    pub groups: Vec<RedeliveryGroup>,
    /// How many are redelivered, and how many are waiting and tried now.
    pub again: i64,
    pub now: i64,
    /// Reasons why the others cannot, each with a count.
    pub refused: Vec<(String, i64)>,
    /// For a single delivery: its event, and the URL of its last attempt.
    pub event: Option<String>,
    pub old_url: Option<String>,
    /// URL for Cancel.
    pub back: String,
}

/// The deliveries of one hook in a redelivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeliveryGroup {
    pub id: String,
    pub name: String,
    pub url: String,
    pub key_hint: String,
    pub enabled: bool,
    pub act: Act,
    pub count: i64,
}
