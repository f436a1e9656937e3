//! Deliveries: what their pages read.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Error;
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

/// Sends a settled delivery again.
#[server]
pub async fn redeliver(#[server(default)] id: String) -> Result<(), Error> {
    crate::server::forms::deliveries::redeliver(&id).await
}

#[server]
pub async fn detail(#[server(default)] id: String) -> Result<DeliveryPage, Error> {
    crate::server::forms::deliveries::detail(&id).await
}
