//! Events, and planning which deliveries they create. This is the outbox: an event and its
//! deliveries are inserted in one transaction, before the event is acknowledged. So nothing that
//! was acknowledged can be lost.
//!
//! Start reading at [`plan`]; the writer calls it and writes the result with
//! [`commit`](super::commit).

mod reads;

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

pub use self::reads::{StoredEvent, bodies_within, find, pruned};
use super::{
    balance,
    db::{Conn, on_db},
    error::Error,
    hooks,
    idempotency::IdempotencyKey,
    listeners::{Listener, Listeners},
    notices::Notice,
    open::{Key, Open},
};
use crate::{
    domain::{
        acceptance::Acceptance,
        delivery::State,
        event::EventType,
        id::{DeliveryId, EventId, HookId, time_of},
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        pressure::{Full, Overflow},
        store::rows::{DeliveryRow, EventRow, columns},
    },
};

/// A new event, validated against the catalogue.
#[derive(Clone)]
pub struct NewEvent {
    pub id: EventId,
    pub event_type: EventType,
    /// The bytes as the producer sent them.
    pub body: bytes::Bytes,
    /// Who emitted it.
    pub source: String,
}

/// A delivery that a new event creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub id: DeliveryId,
    pub hook: HookId,
    pub acceptance: Acceptance,
    /// Which limit of the hook's backlog is exceeded, if any.
    pub(super) overflow: Option<Overflow>,
    pub(super) order_key: Option<String>,
}

impl Planned {
    /// The creation time encoded in its id, because searches by time use ids. At most `now`: ids
    /// never go back, so they are ahead of a clock that was set back.
    pub(super) fn created_at(&self, now: Timestamp) -> Timestamp {
        time_of(self.id.0).min(now)
    }

    /// Its initial state, and the reason if it is not sent immediately.
    pub(in crate::engine) fn initial_state(&self) -> (State, Option<&'static str>) {
        match (self.acceptance, self.overflow) {
            (Acceptance::Off, _) => (State::Skipped, Some("the hook was off")),
            (_, Some(overflow)) => (State::Skipped, Some(overflow.reason())),
            (Acceptance::Open, None) => (State::Pending, None),
            (Acceptance::Paused, None) => (State::Held, self.acceptance.hold_reason()),
        }
    }
}

/// A command of the writer: accept these events, all or none.
#[derive(Clone)]
pub struct Accept {
    pub events: Vec<NewEvent>,
    /// If the key was used before, nothing is written and the stored answer is returned.
    pub key: Option<IdempotencyKey>,
    pub clock: Clock,
    /// The hooks whose backlog has reached its limit.
    pub full: Full,
}

/// An acknowledged event: it and its deliveries are committed. The JSON of a list of these is
/// stored as the answer to an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    pub id: EventId,
    /// The number of deliveries created.
    pub deliveries: usize,
    /// How many of them were skipped, because their hook is off or its queue is full.
    #[serde(default)]
    pub skipped: usize,
    /// It was accepted before, with the same idempotency key.
    #[serde(skip)]
    pub was_repeated: bool,
}

/// The answer to an [`Accept`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// Committed now; the deliveries of each event.
    New(Vec<Vec<Planned>>),
    /// Committed before, under the same idempotency key; the answer of that time.
    Repeated(Vec<Accepted>),
}

/// How long an idempotency key is stored.
const KEY_TTL: Duration = Duration::from_secs(48 * 3600);

impl Accept {
    /// The answer once these deliveries are committed.
    pub(in crate::engine) fn accepted(&self, planned: &[Vec<Planned>]) -> Vec<Accepted> {
        let each = |(event, planned): (&NewEvent, &Vec<Planned>)| Accepted {
            id: event.id,
            deliveries: planned.len(),
            skipped: planned
                .iter()
                .filter(|delivery| delivery.initial_state().0 == State::Skipped)
                .count(),
            was_repeated: false,
        };
        self.events.iter().zip(planned).map(each).collect()
    }

    /// What to store for the idempotency key, if there is one: the key, the answer as JSON, and its
    /// expiry.
    pub(super) fn key_to_store(
        &self,
        planned: &[Vec<Planned>],
    ) -> Option<(&IdempotencyKey, String, Timestamp)> {
        let key = self.key.as_ref()?;
        // Serialising ids and numbers cannot fail.
        let answer = serde_json::to_string(&self.accepted(planned)).unwrap_or_default();
        Some((key, answer, self.clock.now().after(KEY_TTL)))
    }
}

/// The notices to lanes about accepted events: each pending delivery with its body, and the hooks
/// with held deliveries.
pub(super) fn notices<'a>(
    accept: &'a Accept,
    planned: &'a [Vec<Planned>],
) -> impl Iterator<Item = Notice> + 'a {
    let event_notices = |(event, planned): (&'a NewEvent, &'a Vec<Planned>)| {
        planned.iter().filter_map(move |delivery| match delivery.initial_state().0 {
            State::Pending => Some(Notice::Offer(offer(event, delivery, false))),
            State::Held => Some(Notice::Held(delivery.hook)),
            _ => None,
        })
    };
    accept.events.iter().zip(planned).flat_map(event_notices)
}

/// The delivery with everything that an attempt needs.
fn offer(event: &NewEvent, planned: &Planned, is_test: bool) -> Open {
    Open {
        id: planned.id,
        event: event.id,
        hook: planned.hook,
        event_type: event.event_type,
        body: event.body.clone(),
        attempts: 0,
        tries_before: 0,
        is_test,
        order_key: planned.order_key.as_deref().map(Key::from),
    }
}

/// Plans accepts: for each of them, the deliveries of each event. Every hook that subscribes to the
/// event type gets one delivery: pending if the hook is open, held if it is paused, skipped if it
/// is off or its backlog is full.
pub(super) fn plan(listeners: &Listeners, accepts: &[&Accept]) -> Vec<Vec<Vec<Planned>>> {
    let plan = |accept: &Accept, event: &NewEvent| {
        let each = |listener: &Listener| {
            let id = DeliveryId(accept.clock.id());
            // Without a value in the payload, the delivery's id serves as a unique ordering key: it
            // is not ordered with others, but still found by the index of ordered deliveries.
            let key = |field: &str| order_key(&event.body, field).unwrap_or_else(|| id.to_string());
            let order_key = listener.order_by.as_deref().map(key);
            let overflow = accept.full.get(listener.hook);
            Planned {
                id,
                hook: listener.hook,
                acceptance: listener.acceptance,
                overflow,
                order_key,
            }
        };
        listeners.of(event.event_type).iter().map(each).collect::<Vec<_>>()
    };
    accepts
        .iter()
        .map(|accept| accept.events.iter().map(|event| plan(accept, event)).collect())
        .collect()
}

/// Longer ordering keys are hashed, because the size of index entries is limited. In bytes.
const MAX_ORDER_KEY_BYTES: usize = 200;

/// The ordering key of an event: the value of a top-level field of its payload, as text. Values
/// that a database cannot store as text or index (with NUL, or long) are replaced by their hash, so
/// that equal values have equal keys on both engines. `None` if the field is missing or null.
fn order_key(body: &[u8], field: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let key = match body.get(field)? {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => return None,
        other => other.to_string(),
    };
    if key.len() <= MAX_ORDER_KEY_BYTES && !key.contains('\0') {
        return Some(key);
    }
    Some(format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&key))))
}

/// Accepts a test event for one hook, even if the hook is off or paused. Fails with
/// [`Error::Missing`] if the hook was deleted.
pub(in crate::engine) async fn accept_test(
    conn: &mut Conn,
    clock: &Clock,
    shard: i64,
    event: NewEvent,
    hook: HookId,
) -> Result<Planned, Error> {
    let now = clock.now();
    hooks::load(conn, hook).await?.ok_or(Error::Missing)?;
    let planned = Planned {
        id: DeliveryId(clock.id()),
        hook,
        acceptance: Acceptance::Open,
        overflow: None,
        order_key: None,
    };
    insert(conn, &EventRow::of(&event, true, now)).await?;
    insert_delivery(conn, &DeliveryRow::of(&event, &planned, true, now)).await?;
    balance::accepted(conn, 1, shard).await?;
    conn.add_notice(Notice::Offer(offer(&event, &planned, true)));
    Ok(planned)
}

async fn insert(conn: &mut Conn, row: &EventRow<'_>) -> Result<(), Error> {
    const TEXT: &str =
        concat!("INSERT INTO events (", columns!(events), ") VALUES ($1, $2, $3, $4, $5, $6)");
    on_db!(conn, c => sqlx::query(TEXT)
        .bind(row.id).bind(row.event_type).bind(row.body).bind(row.is_test).bind(row.source)
            .bind(row.created_at)
        .execute(c).await.map(drop))?;
    Ok(())
}

async fn insert_delivery(conn: &mut Conn, row: &DeliveryRow<'_>) -> Result<(), Error> {
    const TEXT: &str = concat!(
        "INSERT INTO deliveries (",
        columns!(deliveries),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    on_db!(conn, c => sqlx::query(TEXT)
        .bind(row.id).bind(row.event).bind(row.hook).bind(row.event_type).bind(row.state)
            .bind(row.reason)
        .bind(row.is_test).bind(row.order_key).bind(row.size).bind(row.due_at).bind(row.created_at)
        .bind(row.updated_at).execute(c).await.map(drop))?;
    Ok(())
}

impl<'a> EventRow<'a> {
    pub fn of(event: &'a NewEvent, is_test: bool, now: Timestamp) -> Self {
        let (event_type, source) = (event.event_type.key(), event.source.as_str());
        Self { id: event.id, event_type, body: &event.body, is_test, source, created_at: now }
    }
}

impl<'a> DeliveryRow<'a> {
    pub fn of(event: &NewEvent, planned: &'a Planned, is_test: bool, now: Timestamp) -> Self {
        let (state, reason) = planned.initial_state();
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
