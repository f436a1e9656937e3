//! View data of the event catalogue.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{
    contract::{Difference, Field},
    event::EventType,
    hook::Hook,
};

/// A row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    pub event: EventType,
    /// The current schema version.
    pub version: u32,
    /// Hooks for this event type, and how many of them are on.
    pub hooks: usize,
    pub on: usize,
    /// Events of the last 24 hours that no hook listened to.
    pub unheard: i64,
}

/// The page of one event type: its schema and a sample receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    pub event: EventType,
    pub fields: Vec<Field>,
    pub sample: String,
    /// The current schema, in draft 2020-12.
    pub schema: String,
    /// Newest first.
    pub versions: Vec<SchemaVersion>,
    pub snippet: Snippet,
    /// The hook that the snippet is adapted to, if any.
    pub hook: Option<Hook>,
    /// All hooks for this event type.
    pub hooks: Vec<Hook>,
    /// Events of the last 24 hours that no hook listened to.
    pub unheard: i64,
    /// The server's default retry schedule and attempt timeout.
    pub retries: Vec<Duration>,
    pub timeout: Duration,
}

/// One version of a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaVersion {
    pub number: u32,
    pub since: String,
    pub note: String,
    /// Differences from the previous version.
    pub changes: Vec<Difference>,
}

/// A sample receiver in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    /// The language's key, and all languages as (key, name).
    pub language: String,
    pub languages: Vec<(String, String)>,
    pub file: String,
    pub text: String,
}
