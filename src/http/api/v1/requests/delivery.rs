//! Requests about deliveries.

use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;

use crate::{
    domain::{
        event::EventType,
        id::{DeliveryId, EventId, HookId},
    },
    engine::store::log::Search,
    http::api::v1::shapes::{
        keys::DeliveryState,
        page::{Cursor, Limit, cursor},
        time::Time,
    },
};

/// A hook's id. The error texts complete "must be".
pub struct HookRef(pub HookId);

impl<'de> Deserialize<'de> for HookRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?.parse();
        id.map(Self).map_err(|_| D::Error::custom("a hook's id"))
    }
}

/// An event id, or an event type key.
pub enum EventRef {
    One(EventId),
    Type(EventType),
}

impl EventRef {
    /// Splits the filter into event id and event type, of which at most one is set.
    pub fn split(event: Option<Self>) -> (Option<EventId>, Option<EventType>) {
        match event {
            Some(Self::One(id)) => (Some(id), None),
            Some(Self::Type(event_type)) => (None, Some(event_type)),
            None => (None, None),
        }
    }
}

impl<'de> Deserialize<'de> for EventRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(event_type) = EventType::from_key(&text) {
            return Ok(Self::Type(event_type));
        }
        let id = text.parse();
        id.map(Self::One).map_err(|_| D::Error::custom("an event's id or an event type"))
    }
}

/// Filters and pagination of a list of deliveries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// Only deliveries of this hook.
    #[param(value_type = Option<Uuid>)]
    pub hook: Option<HookRef>,
    /// Only deliveries in this state.
    pub state: Option<DeliveryState>,
    /// Only deliveries of one event (its id) or of an event type (its key).
    #[param(value_type = Option<String>)]
    pub event: Option<EventRef>,
    /// Only deliveries accepted at or after this time.
    pub from: Option<Time>,
    /// Only deliveries accepted before this time.
    pub to: Option<Time>,
    /// The `next_cursor` of the previous page. Leave it out for the first page.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "cursor")]
    pub cursor: Option<Cursor>,
    /// The maximum number of items in a page.
    #[serde(default)]
    #[param(value_type = Option<u32>, required = false, minimum = 1, maximum = 200, default = 50)]
    pub limit: Limit,
}

impl DeliveryFilter {
    /// Search, cursor and limit.
    pub fn into_search(self) -> (Search, Option<DeliveryId>, u32) {
        let (event, event_type) = EventRef::split(self.event);
        let search = Search {
            hook: self.hook.map(|HookRef(hook)| hook),
            event,
            event_type,
            states: self.state.map(|DeliveryState(state)| state).into_iter().collect(),
            from: self.from.map(|Time(from)| from),
            to: self.to.map(|Time(to)| to),
            ..Search::default()
        };
        (search, self.cursor.map(|Cursor(last)| DeliveryId(last)), self.limit.0)
    }
}

/// An empty JSON object as body.
#[derive(Deserialize)]
pub struct EmptyBody {}
