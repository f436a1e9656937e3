//! Rows of the tables that several statements insert into. Each table has its list of columns here,
//! and each row struct has its fields in the same order. Every insert relies on that order. May
//! import domain.

use super::error::Error;
use crate::domain::{
    delivery::Attempt,
    event::EventType,
    id::{DeliveryId, EventId, HookId},
    time::Timestamp,
};

/// The columns of an inserted row, in the order of the struct fields.
macro_rules! columns {
    (events) => {
        "id, event_type, body, is_test, source, created_at"
    };
    (deliveries) => {
        "id, event_id, hook_id, event_type, state, reason, is_test, order_key, size, due_at, \
         created_at, updated_at"
    };
    (attempts) => {
        "delivery_id, number, started_at, duration_ms, class, status, detail, url, \
         response_headers, response_body, response_cut, dns_us, connect_us, tls_us, first_byte_us, \
         body_us, address"
    };
    (idempotency) => {
        "key_hash, body_hash, answer, expires_at"
    };
}
pub(super) use columns;

/// A row of `events`.
pub struct EventRow<'a> {
    pub id: EventId,
    pub event_type: &'static str,
    pub body: &'a [u8],
    pub is_test: bool,
    pub source: &'a str,
    pub created_at: Timestamp,
}

/// A row of `deliveries`. Columns about attempts are left at their defaults.
pub struct DeliveryRow<'a> {
    pub id: DeliveryId,
    pub event: EventId,
    pub hook: HookId,
    pub event_type: &'static str,
    pub state: &'static str,
    pub reason: Option<&'static str>,
    pub is_test: bool,
    pub order_key: Option<&'a str>,
    pub size: i64,
    pub due_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A row of `attempts`. `*_us` are the durations of the phases of the request in microseconds.
pub struct AttemptRow<'a> {
    pub delivery: DeliveryId,
    pub number: i64,
    pub started_at: Timestamp,
    pub duration_ms: i64,
    pub class: &'static str,
    pub status: Option<i64>,
    pub detail: Option<&'a str>,
    pub url: &'a str,
    pub response_headers: String,
    pub response_body: &'a [u8],
    pub response_cut: bool,
    pub dns_us: Option<i64>,
    pub connect_us: Option<i64>,
    pub tls_us: Option<i64>,
    pub first_byte_us: Option<i64>,
    pub body_us: Option<i64>,
    pub address: Option<&'a str>,
}

/// The stored answer to an accept with an idempotency key.
pub struct KeyRow<'a> {
    pub key_hash: &'a [u8],
    pub body_hash: &'a [u8],
    pub answer: String,
    pub expires_at: Timestamp,
}

impl<'a> AttemptRow<'a> {
    /// The row of an attempt at this delivery.
    pub fn of(delivery: DeliveryId, attempt: &'a Attempt) -> Self {
        Self {
            delivery,
            number: i64::from(attempt.number),
            started_at: attempt.started_at,
            duration_ms: attempt.duration_ms,
            class: attempt.answer.class(),
            status: attempt.answer.status().map(i64::from),
            detail: attempt.detail.as_deref(),
            url: &attempt.url,
            // Serialising pairs of strings cannot fail.
            response_headers: serde_json::to_string(&attempt.response_headers).unwrap_or_default(),
            response_body: attempt.response_body.as_bytes(),
            response_cut: attempt.response_cut,
            dns_us: attempt.timing.dns,
            connect_us: attempt.timing.connect,
            tls_us: attempt.timing.tls,
            first_byte_us: attempt.timing.first_byte,
            body_us: attempt.timing.body,
            address: attempt.address.as_deref(),
        }
    }
}

/// Parses a stored event type.
pub(super) fn known_event_type(key: &str) -> Result<EventType, Error> {
    EventType::from_key(key)
        .ok_or(Error::Inconsistent { table: "deliveries", column: "event_type" })
}

/// Converts a stored counter, which is never negative.
pub(super) fn count_to_u32(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
