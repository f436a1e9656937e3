//! The versions of each event's schema, oldest first. The last one is the current version. To
//! publish a new version, add its types to `payloads`, its sample to `samples`, and one entry here.
//! Downloads, pages and validation use it automatically.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::{payloads, samples};
use crate::domain::event::EventType;

/// One published version of a schema. It must not change after its release.
pub struct Version {
    pub number: u32,
    /// The release of this program that introduced it.
    pub since: &'static str,
    /// The purpose of the version, shown in the portal.
    pub note: &'static str,
    /// A realistic payload.
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

/// The current version: the one that payloads are validated against.
pub fn current(event: EventType) -> &'static Version {
    versions(event).last().expect("every event has a version; a test asks all of them")
}

/// The sample payload of an event, formatted like a producer would send it.
pub fn sample(event: EventType) -> &'static str {
    current(event).sample
}
