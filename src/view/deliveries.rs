//! One delivery, and what sending it again asks: what the pages show.

use serde::{Deserialize, Serialize};

use crate::domain::{
    delivery::{Attempt, Delivery},
    time::Timestamp,
};

/// One delivery, its attempts, and the body that was sent (for those who may see it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryPage {
    pub delivery: Delivery,
    pub attempts: Vec<Attempt>,
    /// `None`: not for this reader's eyes.
    pub body: Option<String>,
    pub hook_name: String,
    /// It is settled, its hook is there, and this reader may send it again.
    pub may_redeliver: bool,
    pub now: Timestamp,
}

/// Everything about one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDetail {
    pub page: DeliveryPage,
    pub request: SentRequest,
    /// Why it cannot be sent again, for those who may send others.
    pub refused: Option<String>,
    /// Its neighbours in the list that it was come from, and that list.
    pub newer: Option<String>,
    pub older: Option<String>,
    pub list: String,
    /// This page's address with the list it was come from.
    pub address: String,
}

/// What was sent, or will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentRequest {
    pub url: String,
    /// With the key's last letters only, and without the signature.
    pub headers: Vec<(String, String)>,
    pub size: i64,
    pub body: Body,
    /// What is wrong with the body by its event's schema; `None` where nobody can tell.
    pub faults: Option<Vec<String>>,
    /// The same as a command, with `$API_KEY` for the key.
    pub curl: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Not for this reader's eyes.
    Hidden,
    /// Retention removed it.
    Removed,
    Shown {
        text: String,
        /// It is indented, and not as it was sent.
        is_pretty: bool,
        /// It is too long to be shown in full.
        is_cut: bool,
        /// The address of the whole of it.
        file: String,
    },
}

/// What would be sent again: asked before it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redelivery {
    /// Those that can be.
    pub ids: Vec<String>,
    pub groups: Vec<RedeliveryGroup>,
    /// Why the others cannot, and how many of them.
    pub refused: Vec<(String, i64)>,
    /// Of a single one: its event, and where it was sent before.
    pub event: Option<String>,
    pub old_url: Option<String>,
    /// Where to go when it is not done.
    pub back: String,
}

/// What goes to one hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeliveryGroup {
    pub id: String,
    pub name: String,
    pub url: String,
    pub key_hint: String,
    pub enabled: bool,
    pub count: i64,
}
