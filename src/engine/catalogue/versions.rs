//! The versions of each event's schema, oldest first; the last one is in force. To publish a new
//! version, write its types in `payloads` and its sample in `samples`, and add one entry here:
//! downloads, pages and validation follow.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::{payloads, samples};
use crate::domain::event::EventType;

/// One published version of a schema. It never changes once it is out.
pub struct Version {
    pub number: u32,
    /// The release of this program that it came with.
    pub since: &'static str,
    /// What it is for, or what made it necessary.
    pub note: &'static str,
    /// A real body.
    pub sample: &'static str,
    pub(super) generate: fn(SchemaSettings) -> Schema,
}

const ABANDONED: &[Version] = &[Version {
    number: 1,
    since: "0.1.0",
    note: "The first version.",
    sample: samples::ABANDONED,
    generate: root::<payloads::ConversationAbandoned>,
}];

const OUTBOUND: &[Version] = &[Version {
    number: 1,
    since: "0.1.0",
    note: "The first version.",
    sample: samples::OUTBOUND,
    generate: root::<payloads::OutboundCallInitiated>,
}];

const CLOSED: &[Version] = &[Version {
    number: 1,
    since: "0.1.0",
    note: "The first version.",
    sample: samples::CLOSED,
    generate: root::<payloads::WorkItemClosed>,
}];

fn root<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    settings.into_generator().into_root_schema_for::<T>()
}

/// Every version of an event's schema, oldest first.
pub fn versions(event: EventType) -> &'static [Version] {
    match event {
        EventType::ConversationAbandoned => ABANDONED,
        EventType::OutboundCallInitiated => OUTBOUND,
        EventType::WorkItemClosed => CLOSED,
    }
}

/// The version in force.
pub fn current(event: EventType) -> &'static Version {
    versions(event).last().expect("every event has a version; a test asks all of them")
}

/// The sample body of an event, as its producer would write it.
pub fn sample(event: EventType) -> &'static str {
    current(event).sample
}
