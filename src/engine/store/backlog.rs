//! The backlog of each hook: how many deliveries are open, how many bytes they have, and since when
//! the oldest of them is due. No statement runs long: a page of hooks counts each hook only up to a
//! limit, and a hook beyond it is counted on its own, in chunks.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::{
    domain::{
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::pressure::Backlog,
};

/// Hooks on one page.
const HOOKS_PER_PAGE: i64 = 100;
/// Limits: deliveries of a hook, in each state, that a page counts; and those that one chunk counts
/// of a single hook.
const QUICK_COUNT: i64 = 1000;
const CHUNK_ROWS: i64 = 20_000;

/// The backlog of one hook.
#[derive(Clone, Copy, Debug)]
pub struct HookBacklog {
    pub hook: HookId,
    pub backlog: Backlog,
    /// The count hit its limit; [`total`] counts everything.
    pub is_more: bool,
}

/// Hook; counts of pending, waiting and held deliveries; their bytes; the oldest due times of the
/// pending and the waiting ones.
type Row = (HookId, i64, i64, i64, i64, i64, i64, Option<Timestamp>, Option<Timestamp>);

/// The backlog of the next hooks after `after`, and where to continue.
pub async fn page(
    conn: &mut Conn,
    after: HookId,
) -> Result<(Vec<HookBacklog>, Option<HookId>), Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT h.id,
           (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state = \
           'pending'
                                  ORDER BY d.due_at, d.id LIMIT $3) AS p),
           (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state = \
           'waiting'
                                  ORDER BY d.due_at, d.id LIMIT $3) AS w),
           (SELECT COUNT(*) FROM (SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state = \
           'held'
                                  ORDER BY d.id LIMIT $3) AS l),
           (SELECT CAST(COALESCE(SUM(s), 0) AS BIGINT) FROM (
              SELECT d.size AS s FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'pending'
              ORDER BY d.due_at, d.id LIMIT $3) AS p),
           (SELECT CAST(COALESCE(SUM(s), 0) AS BIGINT) FROM (
              SELECT d.size AS s FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'waiting'
              ORDER BY d.due_at, d.id LIMIT $3) AS w),
           (SELECT CAST(COALESCE(SUM(s), 0) AS BIGINT) FROM (
              SELECT d.size AS s FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'held' \
              ORDER BY d.id LIMIT $3) AS l),
           (SELECT d.due_at FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'pending' ORDER \
           BY d.due_at, d.id LIMIT 1),
           (SELECT d.due_at FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'waiting' ORDER \
           BY d.due_at, d.id LIMIT 1)
         FROM hooks h WHERE h.id > $1 ORDER BY h.id LIMIT $2",
    ).bind(after).bind(HOOKS_PER_PAGE).bind(QUICK_COUNT).fetch_all(c).await)?;
    let next = rows.last().filter(|_| rows.len() as i64 == HOOKS_PER_PAGE).map(|row| row.0);
    Ok((rows.into_iter().map(hook_backlog).collect(), next))
}

/// Sums up the states of one hook.
fn hook_backlog(row: Row) -> HookBacklog {
    let (hook, pending, waiting, held, ..) = row;
    let (.., pending_bytes, waiting_bytes, held_bytes, pending_due, waiting_due) = row;
    HookBacklog {
        hook,
        backlog: Backlog {
            deliveries: pending + waiting + held,
            bytes: pending_bytes + waiting_bytes + held_bytes,
            oldest: pending_due.into_iter().chain(waiting_due).min(),
        },
        is_more: pending.max(waiting).max(held) >= QUICK_COUNT,
    }
}

/// The whole backlog of one hook.
pub async fn total(conn: &mut Conn, hook: HookId) -> Result<Backlog, Error> {
    let mut total = Backlog::default();
    for queue in [Queue::Pending, Queue::Waiting, Queue::Held] {
        let mut after = None;
        loop {
            let end = chunk_end(conn, hook, queue, after).await?;
            let (deliveries, bytes) = count_chunk(conn, hook, queue, after, end).await?;
            total.add(&Backlog { deliveries, bytes, oldest: None });
            if end.is_none() {
                break;
            }
            after = end;
        }
        if let Some((oldest, _)) = oldest_key(conn, hook, queue).await? {
            total.add(&Backlog {
                oldest: Some(oldest).filter(|_| queue != Queue::Held),
                ..Backlog::default()
            });
        }
    }
    Ok(total)
}

/// The three indexes of open deliveries, each with an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Pending,
    Waiting,
    Held,
}

/// A position in one of these indexes.
type Key = (Timestamp, DeliveryId);

impl Queue {
    /// The condition of the partial index.
    fn condition(self) -> &'static str {
        match self {
            Self::Pending => "state = 'pending'",
            Self::Waiting => "state = 'waiting'",
            Self::Held => "state = 'held'",
        }
    }

    /// The sort key as columns. Held deliveries have no due time, so theirs is 0.
    fn key(self) -> &'static str {
        if self == Self::Held { "CAST(0 AS BIGINT), id" } else { "due_at, id" }
    }

    fn order(self) -> &'static str {
        if self == Self::Held { "id" } else { "due_at, id" }
    }
}

/// Adds `FROM` and the conditions for a range of the queue of a hook.
macro_rules! push_queue {
    ($query:expr, $hook:expr, $queue:expr, $($operator:literal $key:expr),+) => {{
        $query.push(" FROM deliveries WHERE hook_id \
                     = ").push_bind($hook).push(" AND ").push($queue.condition());
        $(if let Some((due_at, id)) = $key {
            match $queue {
                Queue::Held => drop($query.push(concat!(" AND id ", $operator, " ")).push_bind(id)),
                _ => {
                    $query.push(concat!(" AND (due_at, id) ", $operator,
                        " (")).push_bind(due_at).push(", ");
                    $query.push_bind(id).push(")");
                }
            }
        })+
    }};
}

/// The first key of a queue, if it is not empty.
async fn oldest_key(conn: &mut Conn, hook: HookId, queue: Queue) -> Result<Option<Key>, Error> {
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT ");
        query.push(queue.key());
        push_queue!(query, hook, queue, ">" None::<Key>);
        query.push(" ORDER BY ").push(queue.order()).push(" LIMIT \
            1").build_query_as().fetch_optional(c).await
    })?)
}

/// The last row of the chunk that begins after a position; `None` when the remaining rows are the
/// last chunk.
async fn chunk_end(
    conn: &mut Conn,
    hook: HookId,
    queue: Queue,
    after: Option<Key>,
) -> Result<Option<Key>, Error> {
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT ");
        query.push(queue.key());
        push_queue!(query, hook, queue, ">" after);
        query.push(" ORDER BY ").push(queue.order()).push(" LIMIT 1 OFFSET ").push_bind(CHUNK_ROWS);
        query.build_query_as().fetch_optional(c).await
    })?)
}

/// Counts the deliveries of one chunk and their bytes.
async fn count_chunk(
    conn: &mut Conn,
    hook: HookId,
    queue: Queue,
    after: Option<Key>,
    end: Option<Key>,
) -> Result<(i64, i64), Error> {
    Ok(on_db!(conn, c: Engine => {
        let mut query =
            sqlx::QueryBuilder::<Engine>::new("SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS \
                BIGINT)");
        push_queue!(query, hook, queue, ">" after, "<=" end);
        query.build_query_as().fetch_one(c).await
    })?)
}
