//! The rows of a commit: what accepts and attempts become in each table. Each table has one list of
//! columns here, and each row its members in that order; both executors rely on it.

use crate::{
    domain::{
        delivery::State,
        id::{DeliveryId, EventId, HookId},
        time::Timestamp,
    },
    engine::store::{
        events::{Accept, NewEvent, Planned},
        measured::Sums,
        outcomes::Finished,
    },
};

/// The columns that a row of a table fills.
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
pub(in crate::engine::store) use columns;

pub struct EventRow<'a> {
    pub id: EventId,
    pub event_type: &'static str,
    pub body: &'a [u8],
    pub is_test: bool,
    pub source: &'a str,
    pub created_at: Timestamp,
}

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

/// The answer to an accept, for the next request with its key.
pub struct KeyRow<'a> {
    pub key_hash: &'a [u8],
    pub body_hash: &'a [u8],
    pub answer: String,
    pub expires_at: Timestamp,
}

/// All rows of a commit. An attempt among them settled its delivery: the receiver has it.
pub struct Rows<'a> {
    pub events: Vec<EventRow<'a>>,
    pub deliveries: Vec<DeliveryRow<'a>>,
    pub keys: Vec<KeyRow<'a>>,
    pub attempts: Vec<AttemptRow<'a>>,
    pub sums: Sums,
    pub now: Timestamp,
}

impl<'a> Rows<'a> {
    /// `planned`: for each accept, what each of its events becomes.
    pub fn of(
        accepts: &[&'a Accept],
        planned: &'a [Vec<Vec<Planned>>],
        finished: &[&'a Finished],
    ) -> Self {
        let clock = accepts
            .first()
            .map(|accept| &accept.clock)
            .or(finished.first().map(|finished| &finished.clock));
        let now = clock.map_or(Timestamp(0), |clock| clock.now());
        let events = || accepts.iter().flat_map(|accept| &accept.events);
        let pairs = events().zip(planned.iter().flatten());
        let deliveries =
            pairs.flat_map(|(event, planned)| planned.iter().map(move |planned| (event, planned)));
        let key = |(accept, planned): (&&'a Accept, &Vec<Vec<Planned>>)| {
            let (key, answer, expires_at) = accept.to_remember(planned)?;
            Some(KeyRow { key_hash: &key.key_hash, body_hash: &key.body_hash, answer, expires_at })
        };
        Self {
            events: events().map(|event| EventRow::of(event, false, now)).collect(),
            deliveries: deliveries
                .map(|(event, planned)| DeliveryRow::of(event, planned, false, now))
                .collect(),
            keys: accepts.iter().zip(planned).filter_map(key).collect(),
            attempts: finished.iter().map(|finished| AttemptRow::of(finished)).collect(),
            sums: Sums::of(finished),
            now,
        }
    }
}

impl<'a> EventRow<'a> {
    pub fn of(event: &'a NewEvent, is_test: bool, now: Timestamp) -> Self {
        let (event_type, source) = (event.event_type.key(), event.source.as_str());
        Self { id: event.id, event_type, body: &event.body, is_test, source, created_at: now }
    }
}

impl<'a> DeliveryRow<'a> {
    pub fn of(event: &NewEvent, planned: &'a Planned, is_test: bool, now: Timestamp) -> Self {
        let (state, reason) = planned.begins();
        Self {
            id: planned.id,
            event: event.id,
            hook: planned.hook,
            event_type: event.event_type.key(),
            state: state.key(),
            reason,
            is_test,
            order_key: planned.order_key.as_deref(),
            size: i64::try_from(event.body.len()).unwrap_or(i64::MAX),
            due_at: (state == State::Pending).then_some(now),
            created_at: planned.created_at(now),
            updated_at: now,
        }
    }
}

impl<'a> AttemptRow<'a> {
    pub fn of(finished: &'a Finished) -> Self {
        let attempt = &*finished.attempt;
        Self {
            delivery: finished.delivery,
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
