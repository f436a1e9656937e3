//! Deliveries: what is open, what became of the rest. Every change of state is written here, with its attempt, in one
//! transaction.

use bytes::Bytes;

use super::{
    attempts,
    db::{Conn, on_db},
    error::{Error, expect_one},
};
use crate::domain::{
    delivery::{Answer, Attempt, Delivery, State},
    event::EventType,
    id::{DeliveryId, EventId, HookId},
    permission::Grant,
    time::Timestamp,
};

/// An open delivery with everything an attempt needs of it.
#[derive(Clone, Debug)]
pub struct Open {
    pub id: DeliveryId,
    pub event: EventId,
    pub hook: HookId,
    pub event_type: EventType,
    pub body: Bytes,
    /// Attempts made so far, and how many of them before it was last sent again by hand.
    pub attempts: u32,
    pub tries_before: u32,
    pub is_test: bool,
}

/// Which deliveries a list shows. Everything is optional.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub hook: Option<HookId>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    pub state: Option<State>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: DeliveryId,
    event_id: EventId,
    hook_id: HookId,
    event_type: String,
    state: String,
    reason: Option<String>,
    is_test: bool,
    attempts: i64,
    last_class: Option<String>,
    last_status: Option<i64>,
    last_duration_ms: Option<i64>,
    due_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

const SELECT: &str =
    "SELECT id, event_id, hook_id, event_type, state, reason, is_test, attempts, last_class, last_status,
    last_duration_ms, due_at, created_at, updated_at FROM deliveries ";

/// A page of deliveries, newest first, before `cursor`; one row more than `limit` when there is more.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant,
    filter: &Filter,
    cursor: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE 1 = 1");
        if let Some(hook) = filter.hook {
            query.push(" AND hook_id = ").push_bind(hook);
        }
        if let Some(event) = filter.event {
            query.push(" AND event_id = ").push_bind(event);
        }
        if let Some(event_type) = filter.event_type {
            query.push(" AND event_type = ").push_bind(event_type.key());
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.key());
        }
        if let Some(from) = filter.from {
            query.push(" AND created_at >= ").push_bind(from);
        }
        if let Some(to) = filter.to {
            query.push(" AND created_at < ").push_bind(to);
        }
        if let Some(cursor) = cursor {
            query.push(" AND id < ").push_bind(cursor);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::delivery).collect()
}

pub async fn find(conn: &mut Conn, _by: &Grant, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let row: Option<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push("WHERE id = ").push_bind(id).build_query_as().fetch_optional(c).await
    })?;
    row.map(Row::delivery).transpose()
}

/// The newest delivery of each hook that has any.
pub async fn newest_per_hook(conn: &mut Conn, _by: &Grant) -> Result<Vec<Delivery>, Error> {
    let rows: Vec<Row> = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(SELECT);
        query.push(
            "WHERE id IN (SELECT (SELECT d.id FROM deliveries d WHERE d.hook_id = h.id ORDER BY d.id DESC LIMIT 1)
                          FROM hooks h WHERE h.deleted_at IS NULL)",
        );
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(Row::delivery).collect()
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    id: DeliveryId,
    event_id: EventId,
    event_type: String,
    body: Vec<u8>,
    attempts: i64,
    tries_before: i64,
    is_test: bool,
}

impl OpenRow {
    fn open(self, hook: HookId) -> Result<Open, Error> {
        Ok(Open {
            id: self.id,
            event: self.event_id,
            hook,
            event_type: known_event_type(&self.event_type)?,
            body: self.body.into(),
            attempts: small(self.attempts),
            tries_before: small(self.tries_before),
            is_test: self.is_test,
        })
    }
}

/// First attempts and retries are read apart, so that neither's backlog hides the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    First,
    Again,
}

/// Open deliveries of a hook that are due, oldest first. With `tests_only`, what may be sent although the hook is off.
pub(in crate::engine) async fn due(
    conn: &mut Conn,
    hook: HookId,
    kind: Kind,
    now: Timestamp,
    tests_only: bool,
    limit: usize,
) -> Result<Vec<Open>, Error> {
    // Two texts, because a partial index serves only a query that spells its condition.
    let statement = match kind {
        Kind::First => {
            "SELECT d.id, d.event_id, d.event_type, e.body, d.attempts, d.tries_before, d.is_test
             FROM deliveries d JOIN events e ON e.id = d.event_id
             WHERE d.hook_id = $1 AND d.state = 'pending' AND d.due_at <= $2 AND (d.is_test OR NOT $3)
             ORDER BY d.due_at, d.id LIMIT $4"
        }
        Kind::Again => {
            "SELECT d.id, d.event_id, d.event_type, e.body, d.attempts, d.tries_before, d.is_test
             FROM deliveries d JOIN events e ON e.id = d.event_id
             WHERE d.hook_id = $1 AND d.state = 'waiting' AND d.due_at <= $2 AND (d.is_test OR NOT $3)
             ORDER BY d.due_at, d.id LIMIT $4"
        }
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<OpenRow> = on_db!(conn, c => sqlx::query_as(statement)
        .bind(hook).bind(now).bind(tests_only).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(|row| row.open(hook)).collect()
}

/// When a hook's next open delivery after `now` is due.
pub(in crate::engine) async fn next_due(
    conn: &mut Conn,
    hook: HookId,
    kind: Kind,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let statement = match kind {
        Kind::First => "SELECT MIN(due_at) FROM deliveries WHERE hook_id = $1 AND state = 'pending' AND due_at > $2",
        Kind::Again => "SELECT MIN(due_at) FROM deliveries WHERE hook_id = $1 AND state = 'waiting' AND due_at > $2",
    };
    let (next,): (Option<Timestamp>,) =
        on_db!(conn, c => sqlx::query_as(statement).bind(hook).bind(now).fetch_one(c).await)?;
    Ok(next)
}

/// The hooks that have something open: where a restart resumes.
pub(in crate::engine) async fn hooks_with_open(conn: &mut Conn) -> Result<Vec<HookId>, Error> {
    let rows: Vec<(HookId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT h.id FROM hooks h
         WHERE EXISTS (SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'pending')
            OR EXISTS (SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'waiting')",
    ).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(hook,)| hook).collect())
}

/// What came of an attempt, and what follows.
pub struct Finished {
    pub delivery: DeliveryId,
    pub attempt: Attempt,
    /// `Delivered`, `Failed`, or `Waiting` until `due_at`.
    pub state: State,
    pub due_at: Option<Timestamp>,
}

/// Records an attempt and its consequence together. A delivery that was held or cancelled while the attempt was under
/// way stays so, unless the attempt settled it.
pub(in crate::engine) async fn finish(conn: &mut Conn, finished: &Finished, now: Timestamp) -> Result<(), Error> {
    let Finished { delivery, attempt, state, due_at } = finished;
    attempts::insert(conn, *delivery, attempt).await?;
    on_db!(conn, c => sqlx::query(
        "UPDATE deliveries SET
           state = CASE WHEN state IN ('held', 'cancelled') AND $2 = 'waiting' THEN state ELSE $2 END,
           due_at = CASE WHEN state IN ('held', 'cancelled') THEN NULL ELSE $3 END,
           reason = CASE WHEN state IN ('held', 'cancelled') AND $2 = 'waiting' THEN reason END,
           attempts = $4, last_class = $5, last_status = $6, last_duration_ms = $7, updated_at = $8
         WHERE id = $1",
    ).bind(*delivery).bind(state.key()).bind(*due_at).bind(i64::from(attempt.number)).bind(attempt.answer.class())
     .bind(attempt.answer.status().map(i64::from)).bind(attempt.duration_ms).bind(now).execute(c).await.map(drop))?;
    Ok(())
}

/// Keeps a hook's open deliveries for when it is switched on again. Tests are not kept: their sender waits for them.
pub(in crate::engine) async fn hold(conn: &mut Conn, hook: HookId, reason: &str, now: Timestamp) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "UPDATE deliveries SET state = 'held', reason = $2, due_at = NULL, updated_at = $3
         WHERE hook_id = $1 AND state IN ('pending', 'waiting') AND NOT is_test",
    ).bind(hook).bind(reason).bind(now).execute(c).await.map(drop))?;
    Ok(())
}

/// Lets a hook's held deliveries go again, now.
pub(in crate::engine) async fn release(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'pending' ELSE 'waiting' END, reason = NULL,
                               due_at = $2, updated_at = $2
         WHERE hook_id = $1 AND state = 'held'",
    ).bind(hook).bind(now).execute(c).await.map(drop))?;
    Ok(())
}

/// Sends a settled delivery again: at once, or (while its hook is off) when that is on again. The schedule starts anew.
/// [`Error::Missing`] when it is not settled, or its hook is gone.
pub(in crate::engine) async fn redeliver(
    conn: &mut Conn,
    _by: &Grant,
    id: DeliveryId,
    is_on: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE deliveries SET
           state = CASE WHEN NOT $2 THEN 'held' WHEN attempts = 0 THEN 'pending' ELSE 'waiting' END,
           reason = CASE WHEN NOT $2 THEN 'the hook is off' END, due_at = CASE WHEN $2 THEN $3 END,
           tries_before = attempts, updated_at = $3
         WHERE id = $1 AND NOT is_test AND state IN ('delivered', 'failed', 'skipped', 'cancelled')
           AND EXISTS (SELECT 1 FROM hooks h WHERE h.id = hook_id AND h.deleted_at IS NULL)",
    ).bind(id).bind(is_on).bind(now).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

/// Ends a hook's open and held deliveries without sending them.
pub(in crate::engine) async fn cancel(
    conn: &mut Conn,
    hook: HookId,
    reason: &str,
    now: Timestamp,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "UPDATE deliveries SET state = 'cancelled', reason = $2, due_at = NULL, updated_at = $3
         WHERE hook_id = $1 AND state IN ('pending', 'waiting', 'held')",
    ).bind(hook).bind(reason).bind(now).execute(c).await.map(drop))?;
    Ok(())
}

/// How many deliveries a hook still has open or held.
pub async fn count_open(conn: &mut Conn, _by: &Grant, hook: HookId) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM deliveries WHERE hook_id = $1 AND state IN ('pending', 'waiting', 'held')",
    ).bind(hook).fetch_one(c).await)?;
    Ok(count)
}

fn known_event_type(key: &str) -> Result<EventType, Error> {
    EventType::from_key(key).ok_or(Error::Inconsistent { table: "deliveries", column: "event_type" })
}

fn small(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Row {
    fn delivery(self) -> Result<Delivery, Error> {
        let state = State::from_key(&self.state).ok_or(Error::Inconsistent { table: "deliveries", column: "state" })?;
        let status = self.last_status.and_then(|status| u16::try_from(status).ok());
        Ok(Delivery {
            id: self.id,
            event_id: self.event_id,
            hook_id: self.hook_id,
            event_type: known_event_type(&self.event_type)?,
            state,
            reason: self.reason,
            is_test: self.is_test,
            attempts: small(self.attempts),
            last_answer: self.last_class.and_then(|class| Answer::from_stored(&class, status)),
            last_duration_ms: self.last_duration_ms,
            due_at: self.due_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}
