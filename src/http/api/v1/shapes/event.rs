//! Events and event types in API responses.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{delivery::DeliveryShape, keys::EventTypeKey, page::page, time::Time};
use crate::{
    domain::event::EventType,
    engine::dispatcher::Accepted,
    portal::ops::{self, events::EventStory},
};

/// An event and its deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventShape {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: EventTypeKey,
    /// Whether it is a test.
    pub test: bool,
    /// Who emitted it.
    #[schema(examples("token:crm"))]
    pub source: String,
    pub created_at: Time,
    /// The payload, byte for byte. Absent without the permission `payloads:read`, and after its
    /// retention period.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub data: Option<Box<RawValue>>,
    pub deliveries: Vec<DeliveryShape>,
}

impl From<EventStory> for EventShape {
    fn from(story: EventStory) -> Self {
        let EventStory { event, body, deliveries, .. } = story;
        let data = body
            .and_then(|body| RawValue::from_string(String::from_utf8(body.to_vec()).ok()?).ok());
        Self {
            id: event.id.0,
            kind: EventTypeKey(event.event_type),
            test: event.is_test,
            source: event.source,
            created_at: Time(event.created_at),
            data,
            deliveries: deliveries
                .into_iter()
                .map(|(delivery, attempts)| DeliveryShape::with_attempts(delivery, attempts))
                .collect(),
        }
    }
}

/// An accepted event, and the number of its deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = AcceptedEvent)]
pub struct AcceptedShape {
    pub id: Uuid,
    /// One for each hook of its type; 0 if no hook listens.
    pub deliveries: usize,
    /// How many of them were skipped, because their hook is off or its queue is full.
    pub skipped: usize,
}

impl From<Accepted> for AcceptedShape {
    fn from(accepted: Accepted) -> Self {
        let Accepted { id, deliveries, skipped, .. } = accepted;
        Self { id: id.0, deliveries, skipped }
    }
}

/// An object for one event; for a list, a list in the same order.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AcceptedEvents)]
pub enum AcceptedShapes {
    One(AcceptedShape),
    Batch(Vec<AcceptedShape>),
}

/// A kind of event that a hook can subscribe to.
#[derive(Serialize, ToSchema)]
#[schema(as = EventType)]
pub struct EventTypeShape {
    pub key: EventTypeKey,
    pub name: &'static str,
    /// When it is sent: a clause that continues "Sent when".
    pub when: &'static str,
    /// The current version of its schema.
    pub version: u32,
    /// The path of its schema on this server.
    pub schema_url: String,
}

impl From<EventType> for EventTypeShape {
    fn from(event: EventType) -> Self {
        Self {
            key: EventTypeKey(event),
            name: event.name(),
            when: event.when(),
            version: ops::catalogue::version_of(event),
            schema_url: format!("/api/v1/event-types/{}/schema", event.key()),
        }
    }
}

page! {
    /// All event types, in one page.
    EventTypePage of EventTypeShape
}
