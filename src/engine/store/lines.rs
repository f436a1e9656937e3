//! Open deliveries of a hook with ordered delivery, read per ordering key. Each key is a FIFO line:
//! only its head (the oldest open delivery) may be sent, and a key that waits never delays another
//! key.
//!
//! So no query here reads through the backlog of a key. A skip scan of the index finds the keys. Of
//! each key, only the oldest deliveries are read, up to the first one that has to wait.

use futures::TryStreamExt;

use super::{
    bodies::Bodies,
    db::{Conn, on_db},
    error::Error,
};
use crate::{
    domain::{
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::store::open::{Key, Open, OpenRow},
};

/// Whether an open delivery may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Due,
    /// A retry that is due at this time.
    Waits(Timestamp),
    /// Held because its hook is paused or off.
    Held,
}

/// The head of a line: the oldest open delivery of a key.
#[derive(Clone, Debug)]
pub struct Head {
    pub key: Key,
    pub id: DeliveryId,
    pub readiness: Readiness,
    pub due_at: Option<Timestamp>,
}

/// What follows the deliveries that were read of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing; the line was read to its end.
    End,
    /// Possibly more due deliveries.
    More,
    /// A retry that is due at this time.
    Waits(Timestamp),
    Held,
}

/// The oldest due deliveries of a key that are newer than `after`.
#[derive(Clone, Debug)]
pub struct Line {
    pub key: Key,
    pub after: Option<DeliveryId>,
    pub due: Vec<Open>,
    pub next: Next,
}

/// Which part of a line to read: deliveries of `key` newer than `after`.
#[derive(Clone, Debug)]
pub struct LineRange {
    pub key: Key,
    pub after: Option<DeliveryId>,
}

/// A read request of a lane.
#[derive(Clone, Debug, Default)]
pub struct ReadRequest {
    /// Read heads of keys, in key order, after this key. The inner `None` starts at the first key.
    pub heads: Option<Option<Key>>,
    pub heads_limit: usize,
    pub lines: Vec<LineRange>,
    /// Limits for each line.
    pub rows: usize,
    pub bytes: usize,
}

/// The answer to a [`ReadRequest`].
#[derive(Clone, Debug, Default)]
pub struct Lines {
    pub heads: Vec<Head>,
    pub lines: Vec<Line>,
    pub tests: Vec<Open>,
}

/// The head of a line as stored.
#[derive(sqlx::FromRow)]
struct HeadRow {
    id: DeliveryId,
    order_key: String,
    state: String,
    due_at: Option<Timestamp>,
}

/// A delivery of a line as stored.
#[derive(sqlx::FromRow)]
struct LineRow {
    #[sqlx(flatten)]
    open: OpenRow,
    state: String,
    due_at: Option<Timestamp>,
}

/// A pending delivery is always due, even if the clock was set back: only a retry has a due time
/// that counts.
fn readiness(state: &str, due_at: Option<Timestamp>, now: Timestamp) -> Readiness {
    match (state, due_at) {
        ("held", _) => Readiness::Held,
        ("waiting", Some(at)) if at > now => Readiness::Waits(at),
        _ => Readiness::Due,
    }
}

/// A recursive skip scan: each step seeks the first delivery of the next key in the index.
macro_rules! heads {
    ($from:literal) => {
        concat!(
            "WITH RECURSIVE heads (number, id) AS (
               SELECT 1, (SELECT o.id FROM deliveries o
                          WHERE o.hook_id = $1 AND o.order_key IS NOT NULL AND o.order_key ",
            $from,
            " $2 AND o.state IN ('pending', 'waiting', 'held') ORDER BY o.order_key, o.id LIMIT 1)
               UNION ALL
               SELECT h.number + 1, (SELECT o.id FROM deliveries o
                                     WHERE o.hook_id = $1 AND o.order_key IS NOT NULL AND \
                                     o.order_key > k.order_key
                                       AND o.state IN ('pending', 'waiting', 'held')
                                     ORDER BY o.order_key, o.id LIMIT 1)
               FROM heads h JOIN deliveries k ON k.id = h.id WHERE h.number < $3)
             SELECT d.id, d.order_key, d.state, d.due_at FROM heads h JOIN deliveries d ON d.id = \
             h.id
             WHERE d.order_key IS NOT NULL ORDER BY h.number"
        )
    };
}

/// The heads of up to `limit` lines of a hook, in key order, after the key `after`.
pub(in crate::engine) async fn heads(
    conn: &mut Conn,
    hook: HookId,
    after: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Head>, Error> {
    let statement = if after.is_some() { heads!(">") } else { heads!(">=") };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<HeadRow> = on_db!(conn, c => sqlx::query_as(statement)
        .bind(hook).bind(after.unwrap_or_default()).bind(limit).fetch_all(c).await)?;
    let head = |row: HeadRow| Head {
        readiness: readiness(&row.state, row.due_at, now),
        key: Key::from(row.order_key),
        due_at: row.due_at,
        id: row.id,
    };
    Ok(rows.into_iter().map(head).collect())
}

/// Reads the due deliveries at the start of a line, within the limits, and what follows them. A
/// retry ends the read: if it fails again, everything behind it has to wait.
pub(in crate::engine) async fn line(
    conn: &mut Conn,
    hook: HookId,
    part: &LineRange,
    (rows, bytes): (usize, usize),
    now: Timestamp,
    bodies: &Bodies,
) -> Result<Line, Error> {
    let mut line =
        Line { key: part.key.clone(), after: part.after, due: Vec::new(), next: Next::End };
    let after = part.after.unwrap_or(DeliveryId(uuid::Uuid::nil()));
    let mut size = 0;
    on_db!(conn, c => {
        let mut found = sqlx::query_as::<_, LineRow>(
            "SELECT d.id, d.event_id, d.event_type, e.body, d.attempts, d.tries_before, d.is_test, \
             d.order_key,
                    d.state, d.due_at
             FROM deliveries d JOIN events e ON e.id = d.event_id
             WHERE d.hook_id = $1 AND d.order_key = $2 AND d.id > $3 AND d.order_key IS NOT NULL
               AND d.state IN ('pending', 'waiting', 'held')
             ORDER BY d.id LIMIT $4",
        ).bind(hook).bind(&*part.key).bind(after).bind(i64::try_from(rows).unwrap_or(i64::MAX))
            .fetch(c);
        while let Some(row) = found.try_next().await? {
            line.next = match readiness(&row.state, row.due_at, now) {
                Readiness::Due => Next::More,
                Readiness::Waits(at) => Next::Waits(at),
                Readiness::Held => Next::Held,
            };
            if line.next != Next::More {
                return Ok(line);
            }
            let open = row.open.open(hook, bodies)?;
            size += open.body.len();
            let is_retry = open.attempts > open.tries_before;
            line.due.push(open);
            if is_retry || size >= bytes {
                return Ok(line);
            }
        }
    });
    line.next = if line.due.len() < rows { Next::End } else { Next::More };
    Ok(line)
}

/// Pending test deliveries of a hook, oldest first. There are few, and they are the newest of their
/// hook.
pub(in crate::engine) async fn tests(
    conn: &mut Conn,
    hook: HookId,
    bodies: &Bodies,
) -> Result<Vec<Open>, Error> {
    let rows: Vec<OpenRow> = on_db!(conn, c => sqlx::query_as(
        "SELECT d.id, d.event_id, d.event_type, e.body, d.attempts, d.tries_before, d.is_test, \
         d.order_key
         FROM deliveries d JOIN events e ON e.id = d.event_id
         WHERE d.hook_id = $1 AND d.is_test AND d.state = 'pending' ORDER BY d.id DESC LIMIT 20",
    ).bind(hook).fetch_all(c).await)?;
    rows.into_iter().rev().map(|row| row.open(hook, bodies)).collect()
}

/// Answers a whole [`ReadRequest`].
pub(in crate::engine) async fn read(
    conn: &mut Conn,
    hook: HookId,
    ask: &ReadRequest,
    now: Timestamp,
    bodies: &Bodies,
) -> Result<Lines, Error> {
    let mut found = Lines::default();
    if let Some(after) = &ask.heads {
        if after.is_none() {
            found.tests = tests(conn, hook, bodies).await?;
        }
        found.heads = heads(conn, hook, after.as_deref(), ask.heads_limit, now).await?;
    }
    for part in &ask.lines {
        found.lines.push(line(conn, hook, part, (ask.rows, ask.bytes), now, bodies).await?);
    }
    Ok(found)
}
