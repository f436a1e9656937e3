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
    pub now: Timestamp,
}

#[server]
pub async fn detail(#[server(default)] id: String) -> Result<DeliveryPage, Error> {
    crate::server::forms::deliveries::detail(&id).await
}
