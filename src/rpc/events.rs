//! The event catalogue.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::domain::event::EventType;

/// One event's contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    pub event: EventType,
    pub fields: Vec<EventField>,
    pub sample: String,
}

/// One member of an event's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventField {
    /// In dots: `agent.email`.
    pub name: String,
    pub kind: String,
    pub required: bool,
    pub description: String,
}

#[server]
pub async fn list() -> Result<Vec<EventType>, Error> {
    crate::server::forms::events::list().await
}

#[server]
pub async fn detail(#[server(default)] key: String) -> Result<EventPage, Error> {
    crate::server::forms::events::detail(&key).await
}
