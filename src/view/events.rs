//! The event catalogue: what the pages show.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{
    contract::{Difference, Field},
    event::EventType,
    hook::Hook,
};

/// An event as the catalogue lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    pub event: EventType,
    /// The version of its schema in force.
    pub version: u32,
    /// Hooks that listen to it, and how many of them are on.
    pub hooks: usize,
    pub on: usize,
}

/// One event's contract and what a receiver of it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    pub event: EventType,
    pub fields: Vec<Field>,
    pub sample: String,
    /// The schema in force, in the newer draft.
    pub schema: String,
    /// Newest first.
    pub versions: Vec<SchemaVersion>,
    pub snippet: Snippet,
    /// The hook whose receiver the snippet is for, where one was named.
    pub hook: Option<Hook>,
    /// Hooks that listen to it.
    pub hooks: Vec<Hook>,
    /// The operator's waits after failed attempts, and the time-out of each attempt.
    pub retries: Vec<Duration>,
    pub timeout: Duration,
}

/// One version of a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaVersion {
    pub number: u32,
    pub since: String,
    pub note: String,
    /// Against the version before.
    pub changes: Vec<Difference>,
}

/// A receiver to begin with, in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    /// The language's key, and those that there are with their names.
    pub language: String,
    pub languages: Vec<(String, String)>,
    pub file: String,
    pub text: String,
}
