//! What waits, hook by hook: how many deliveries, how many bytes, and since when the oldest of them
//! is due. Nothing is counted in one statement that could be long: a look asks about some hooks and
//! counts each of them only so far; a hook with more than that is counted by itself, a part at a
//! time.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::{
    domain::{
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::pressure::Weight,
};

/// Hooks that one look asks about.
const HOOKS: i64 = 100;
/// Deliveries of a hook, in each state, that such a look counts; and those that one part counts of
/// one hook.
const FEW: i64 = 1000;
const PART: i64 = 20_000;

/// What waits for a hook.
#[derive(Clone, Copy, Debug)]
pub struct Weighed {
    pub hook: HookId,
    pub weight: Weight,
    /// More waits than was counted: [`of`] counts all of it.
    pub is_more: bool,
}

type Row = (HookId, i64, i64, i64, i64, i64, i64, Option<Timestamp>, Option<Timestamp>);

/// What waits for the next hooks after `after`, and where to go on.
pub async fn some(conn: &mut Conn, after: HookId) -> Result<(Vec<Weighed>, Option<HookId>), Error> {
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
    ).bind(after).bind(HOOKS).bind(FEW).fetch_all(c).await)?;
    let next = rows.last().filter(|_| rows.len() as i64 == HOOKS).map(|row| row.0);
    let weighed =
        rows.into_iter().map(|(hook, p, w, h, p_bytes, w_bytes, h_bytes, pending, waiting)| {
            Weighed {
                hook,
                weight: Weight {
                    deliveries: p + w + h,
                    bytes: p_bytes + w_bytes + h_bytes,
                    oldest: pending.into_iter().chain(waiting).min(),
                },
                is_more: p.max(w).max(h) >= FEW,
            }
        });
    Ok((weighed.collect(), next))
}

/// All that waits for one hook.
pub async fn of(conn: &mut Conn, hook: HookId) -> Result<Weight, Error> {
    let mut all = Weight::default();
    for queue in [Queue::Pending, Queue::Again, Queue::Held] {
        let mut after = None;
        loop {
            let end = end_of_part(conn, hook, queue, after).await?;
            let (deliveries, bytes) = weigh_part(conn, hook, queue, after, end).await?;
            all.add(&Weight { deliveries, bytes, oldest: None });
            if end.is_none() {
                break;
            }
            after = end;
        }
        if let Some((oldest, _)) = first(conn, hook, queue).await? {
            all.add(&Weight {
                oldest: Some(oldest).filter(|_| queue != Queue::Held),
                ..Weight::default()
            });
        }
    }
    Ok(all)
}

/// The three indexes of what waits, each in an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Pending,
    Again,
    Held,
}

/// A place in one of them.
type Key = (Timestamp, DeliveryId);

impl Queue {
    fn condition(self) -> &'static str {
        match self {
            Self::Pending => "state = 'pending'",
            Self::Again => "state = 'waiting'",
            Self::Held => "state = 'held'",
        }
    }

    fn key(self) -> &'static str {
        if self == Self::Held { "CAST(0 AS BIGINT), id" } else { "due_at, id" }
    }

    fn order(self) -> &'static str {
        if self == Self::Held { "id" } else { "due_at, id" }
    }
}

/// Adds which rows of a hook's queue are meant.
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

async fn first(conn: &mut Conn, hook: HookId, queue: Queue) -> Result<Option<Key>, Error> {
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT ");
        query.push(queue.key());
        push_queue!(query, hook, queue, ">" None::<Key>);
        query.push(" ORDER BY ").push(queue.order()).push(" LIMIT \
            1").build_query_as().fetch_optional(c).await
    })?)
}

/// The last row of the part that begins after a place; `None` when the rest is one part.
async fn end_of_part(
    conn: &mut Conn,
    hook: HookId,
    queue: Queue,
    after: Option<Key>,
) -> Result<Option<Key>, Error> {
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("SELECT ");
        query.push(queue.key());
        push_queue!(query, hook, queue, ">" after);
        query.push(" ORDER BY ").push(queue.order()).push(" LIMIT 1 OFFSET ").push_bind(PART);
        query.build_query_as().fetch_optional(c).await
    })?)
}

async fn weigh_part(
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
