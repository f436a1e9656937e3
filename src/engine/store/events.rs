//! Events and the deliveries they became, written together: the moment an event is acknowledged, everything that has to
//! happen because of it is on disk.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    balance,
    db::{Conn, on_db},
    error::Error,
    hooks,
};
use crate::{
    domain::{
        delivery::State,
        event::EventType,
        id::{DeliveryId, EventId, HookId},
        permission::Grant,
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// An event about to be accepted: judged against the catalogue, its body untouched.
#[derive(Clone)]
pub struct NewEvent {
    pub id: EventId,
    pub event_type: EventType,
    /// Exactly what the producer sent.
    pub body: bytes::Bytes,
    /// Who emitted it.
    pub source: String,
}

/// A delivery that an accepted event became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    pub id: DeliveryId,
    pub hook: HookId,
    pub state: State,
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub id: EventId,
    pub event_type: EventType,
    pub body: Vec<u8>,
    pub is_test: bool,
    pub source: String,
    pub created_at: Timestamp,
}

/// Writes events and one delivery for each hook that listens to them: pending where the hook is on, skipped where off.
/// However many events there are, a handful of statements write them. Returns each event's deliveries.
pub(in crate::engine) async fn accept(
    conn: &mut Conn,
    clock: &Clock,
    events: &[NewEvent],
) -> Result<Vec<Vec<Planned>>, Error> {
    let now = clock.now();
    let mut listeners: HashMap<EventType, Vec<(HookId, bool)>> = HashMap::new();
    for event in events {
        if let Entry::Vacant(unknown) = listeners.entry(event.event_type) {
            unknown.insert(hooks::listeners(conn, event.event_type).await?);
        }
    }
    let plan = |&(hook, enabled): &(HookId, bool)| Planned {
        id: DeliveryId(clock.id()),
        hook,
        state: if enabled { State::Pending } else { State::Skipped },
    };
    let planned: Vec<Vec<Planned>> =
        events.iter().map(|event| listeners[&event.event_type].iter().map(plan).collect()).collect();
    insert(conn, events, false, now).await?;
    insert_deliveries(conn, events, &planned, false, now).await?;
    Ok(planned)
}

/// Writes a test event for one hook, switched on or not; [`Error::Missing`] when the hook is gone.
pub(in crate::engine) async fn accept_test(
    conn: &mut Conn,
    clock: &Clock,
    event: NewEvent,
    hook: HookId,
) -> Result<Planned, Error> {
    let now = clock.now();
    hooks::load(conn, hook).await?.ok_or(Error::Missing)?;
    let planned = Planned { id: DeliveryId(clock.id()), hook, state: State::Pending };
    insert(conn, std::slice::from_ref(&event), true, now).await?;
    insert_deliveries(conn, &[event], &[vec![planned]], true, now).await?;
    Ok(planned)
}

/// Rows a statement inserts at most: 10 values each stays far below what either engine can bind.
const ROWS: usize = 1000;

async fn insert(conn: &mut Conn, events: &[NewEvent], is_test: bool, now: Timestamp) -> Result<(), Error> {
    for chunk in events.chunks(ROWS) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new(
                "INSERT INTO events (id, event_type, body, is_test, source, created_at) ",
            );
            insert.push_values(chunk, |mut row, event| {
                row.push_bind(event.id).push_bind(event.event_type.key()).push_bind(&event.body[..])
                    .push_bind(is_test).push_bind(event.source.as_str()).push_bind(now);
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

async fn insert_deliveries(
    conn: &mut Conn,
    events: &[NewEvent],
    planned: &[Vec<Planned>],
    is_test: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let pairs = events.iter().zip(planned);
    let rows: Vec<_> =
        pairs.flat_map(|(event, planned)| planned.iter().map(move |delivery| (event, delivery))).collect();
    for chunk in rows.chunks(ROWS) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new(
                "INSERT INTO deliveries (id, event_id, hook_id, event_type, state, reason, is_test, due_at, created_at, updated_at) ",
            );
            insert.push_values(chunk, |mut row, (event, delivery)| {
                let is_skipped = delivery.state == State::Skipped;
                row.push_bind(delivery.id).push_bind(event.id).push_bind(delivery.hook)
                    .push_bind(event.event_type.key()).push_bind(delivery.state.key())
                    .push_bind(is_skipped.then_some("the hook was off"))
                    .push_bind(is_test).push_bind((!is_skipped).then_some(now)).push_bind(now).push_bind(now);
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    balance::accepted(conn, rows.len()).await
}

/// One event, for whoever may see deliveries; its body is for those who may see payloads.
pub async fn find(conn: &mut Conn, _by: &Grant, id: EventId) -> Result<Option<StoredEvent>, Error> {
    let row: Option<(EventId, String, Vec<u8>, bool, String, Timestamp)> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, event_type, body, is_test, source, created_at FROM events WHERE id = $1",
    ).bind(id).fetch_optional(c).await)?;
    let Some((id, key, body, is_test, source, created_at)) = row else { return Ok(None) };
    let event_type = EventType::from_key(&key).ok_or(Error::Inconsistent { table: "events", column: "event_type" })?;
    Ok(Some(StoredEvent { id, event_type, body, is_test, source, created_at }))
}
