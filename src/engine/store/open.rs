//! An open delivery, as it is read for a lane.

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
        rows::{known_event_type, small},
    },
};

/// An open delivery with everything an attempt needs of it.
#[derive(Clone, Debug)]
pub struct Open {
    pub id: DeliveryId,
    pub event: EventId,
    pub hook: HookId,
    pub event_type: EventType,
    pub body: Bytes,
    /// Attempts made so far, and how many of them do not count as tries of the schedule: those
    /// before it was last sent again by hand, probes, those that the receiver put off, and those
    /// that were made before their time.
    pub attempts: u32,
    pub tries_before: u32,
    pub is_test: bool,
    /// What it keeps its place by, where its hook keeps an order.
    pub order_key: Option<Key>,
}

impl Open {
    /// No event has an empty body unless retention removed it.
    pub fn has_body(&self) -> bool {
        !self.body.is_empty()
    }
}

/// The value by which deliveries of a hook are kept in order.
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
            attempts: small(self.attempts),
            tries_before: small(self.tries_before),
            is_test: self.is_test,
            order_key: self.order_key.map(Key::from),
        })
    }
}
