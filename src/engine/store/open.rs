//! An open delivery as a lane reads it.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    domain::{
        event::EventType,
        id::{DeliveryId, EventId, HookId},
    },
    engine::store::{
        bodies::Bodies,
        error::Error,
        rows::{count_to_u32, known_event_type},
    },
};

/// An open delivery with everything that an attempt needs.
#[derive(Clone, Debug)]
pub struct Open {
    pub id: DeliveryId,
    pub event: EventId,
    pub hook: HookId,
    pub event_type: EventType,
    pub body: Bytes,
    /// `attempts`: all attempts so far. `tries_before`: how many of them do not count against the
    /// retry schedule: those before the last manual redelivery, probes, attempts that the receiver
    /// postponed, and attempts made before their due time.
    pub attempts: u32,
    pub tries_before: u32,
    pub is_test: bool,
    /// The ordering key, if its hook has ordered delivery.
    pub order_key: Option<Key>,
}

impl Open {
    /// Only retention empties the body of an event.
    pub fn has_body(&self) -> bool {
        !self.body.is_empty()
    }
}

/// An ordering key: deliveries of a hook with the same key are sent in order.
pub type Key = Arc<str>;

#[derive(sqlx::FromRow)]
pub(in crate::engine::store) struct OpenRow {
    id: DeliveryId,
    event_id: EventId,
    event_type: String,
    pub(in crate::engine::store) body: Vec<u8>,
    attempts: i64,
    tries_before: i64,
    is_test: bool,
    pub(super) order_key: Option<String>,
}

impl OpenRow {
    pub(in crate::engine::store) fn open(
        self,
        hook: HookId,
        bodies: &Bodies,
    ) -> Result<Open, Error> {
        Ok(Open {
            id: self.id,
            event: self.event_id,
            hook,
            event_type: known_event_type(&self.event_type)?,
            body: bodies.share(self.event_id, self.body),
            attempts: count_to_u32(self.attempts),
            tries_before: count_to_u32(self.tries_before),
            is_test: self.is_test,
            order_key: self.order_key.map(Key::from),
        })
    }
}
