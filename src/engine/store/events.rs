//! Events and the deliveries they became, written together: the moment an event is acknowledged, everything that has to
//! happen because of it is on disk.

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

/// Writes an event and one delivery for each hook that listens to it: pending where the hook is on, skipped where off.
pub(in crate::engine) async fn accept(conn: &mut Conn, clock: &Clock, event: &NewEvent) -> Result<Vec<Planned>, Error> {
    let now = clock.now();
    let listeners = hooks::listeners(conn, event.event_type).await?;
    insert(conn, event, false, now).await?;
    let plan = |(hook, enabled)| Planned {
        id: DeliveryId(clock.id()),
        hook,
        state: if enabled { State::Pending } else { State::Skipped },
    };
    let planned: Vec<Planned> = listeners.into_iter().map(plan).collect();
    insert_deliveries(conn, event, &planned, false, now).await?;
    Ok(planned)
}

/// Writes a test event for one hook, switched on or not.
pub(in crate::engine) async fn accept_test(
    conn: &mut Conn,
    clock: &Clock,
    event: &NewEvent,
    hook: HookId,
) -> Result<Planned, Error> {
    let now = clock.now();
    hooks::load(conn, hook).await?.ok_or(Error::Missing)?;
    insert(conn, event, true, now).await?;
    let planned = Planned { id: DeliveryId(clock.id()), hook, state: State::Pending };
    insert_deliveries(conn, event, &[planned], true, now).await?;
    Ok(planned)
}

async fn insert(conn: &mut Conn, event: &NewEvent, is_test: bool, now: Timestamp) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO events (id, event_type, body, is_test, source, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
    ).bind(event.id).bind(event.event_type.key()).bind(&event.body[..]).bind(is_test).bind(&event.source).bind(now)
     .execute(c).await.map(drop))?;
    Ok(())
}

/// Rows a statement inserts at most: 10 values each stays far below what either engine can bind.
const ROWS: usize = 1000;

async fn insert_deliveries(
    conn: &mut Conn,
    event: &NewEvent,
    planned: &[Planned],
    is_test: bool,
    now: Timestamp,
) -> Result<(), Error> {
    for chunk in planned.chunks(ROWS) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new(
                "INSERT INTO deliveries (id, event_id, hook_id, event_type, state, reason, is_test, due_at, created_at, updated_at) ",
            );
            insert.push_values(chunk, |mut row, delivery| {
                let is_skipped = delivery.state == State::Skipped;
                row.push_bind(delivery.id).push_bind(event.id).push_bind(delivery.hook)
                    .push_bind(event.event_type.key()).push_bind(delivery.state.key())
                    .push_bind(is_skipped.then_some("the hook was off"))
                    .push_bind(is_test).push_bind((!is_skipped).then_some(now)).push_bind(now).push_bind(now);
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    balance::accepted(conn, planned.len()).await
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
