//! Which hooks have due deliveries, and since when: for the poll that wakes lanes and for the
//! watchdog. A query finds the hooks by a skip scan of the partial indexes of open deliveries. So
//! it costs a few index look-ups per hook with open deliveries, and nothing for other hooks.

use std::{collections::HashMap, time::Duration};

use super::{
    db::{Conn, on_db, padded, push_list},
    error::Error,
    lines,
};
use crate::domain::{
    id::{DeliveryId, HookId},
    measured::Hour,
    retry::LONGEST_WAIT,
    time::Timestamp,
};

/// The delivery of a hook that could have been sent the longest: it is due, its hook is on, not
/// paused and not rate-limited by its receiver, and it is the head of its ordering key.
#[derive(Clone, Debug)]
pub struct Oldest {
    pub hook: HookId,
    pub name: String,
    pub delivery: DeliveryId,
    /// Since when it could have been sent.
    pub since: Timestamp,
    pub timeout: Option<Duration>,
    pub is_ordered: bool,
}

/// For a hook with ordered delivery: the most ordering keys that are examined.
const MAX_KEYS: usize = 1000;

/// A skip scan: for every hook with deliveries in a state, the first of these in the order of the
/// index. `$1` is the nil UUID.
macro_rules! firsts {
    ($state:literal, $order:literal) => {
        concat!(
            "WITH RECURSIVE firsts (id) AS (
               SELECT (SELECT d.id FROM deliveries d WHERE d.state = '",
            $state,
            "' AND d.hook_id > $1 ORDER BY d.hook_id, ",
            $order,
            " LIMIT 1)
               UNION ALL
               SELECT (SELECT d.id FROM deliveries d WHERE d.state = '",
            $state,
            "' AND d.hook_id > k.hook_id ORDER BY d.hook_id, ",
            $order,
            " LIMIT 1)
               FROM firsts f JOIN deliveries k ON k.id = f.id)
             SELECT d.hook_id, d.id, d.due_at FROM firsts f JOIN deliveries d ON d.id = f.id"
        )
    };
}

/// A hook, its first delivery, and when that is due.
type First = (HookId, DeliveryId, Option<Timestamp>);

async fn firsts(conn: &mut Conn, statement: &'static str) -> Result<Vec<First>, Error> {
    let before_all = HookId(uuid::Uuid::nil());
    Ok(on_db!(conn, c => sqlx::query_as(statement).bind(before_all).fetch_all(c).await)?)
}

/// For every hook, the earliest delivery due for its first attempt and the earliest due for a
/// retry. So a hook can occur twice.
async fn due(
    conn: &mut Conn,
    now: Timestamp,
) -> Result<Vec<(HookId, DeliveryId, Timestamp)>, Error> {
    let pending = firsts(conn, firsts!("pending", "d.due_at, d.id")).await?;
    let waiting = firsts(conn, firsts!("waiting", "d.due_at, d.id")).await?;
    // Pending deliveries are due at once, even if the clock was set back since they were accepted.
    let pending = pending.into_iter().map(|(hook, id, at)| (hook, id, at.unwrap_or(now).min(now)));
    let waiting = waiting
        .into_iter()
        .filter_map(|(hook, id, at)| Some((hook, id, at.filter(|at| *at <= now)?)));
    Ok(pending.chain(waiting).collect())
}

#[derive(sqlx::FromRow)]
struct HookState {
    id: HookId,
    name: String,
    enabled: bool,
    is_gone: bool,
    paused_at: Option<Timestamp>,
    probe_at: Option<Timestamp>,
    waits_until: Option<Timestamp>,
    timeout_ms: Option<i64>,
    order_by: Option<String>,
}

impl HookState {
    fn is_open(&self) -> bool {
        self.enabled && !self.is_gone && self.paused_at.is_none()
    }

    /// May deliveries be sent? Not while the receiver's `Retry-After` lasts. (A wait is at most
    /// [`LONGEST_WAIT`]; a later time was stored while the clock was wrong, and is ignored.)
    fn is_ready(&self, now: Timestamp) -> bool {
        self.is_open()
            && self.waits_until.is_none_or(|until| until <= now || until > now.after(LONGEST_WAIT))
    }
}

async fn states(conn: &mut Conn, hooks: &[HookId]) -> Result<HashMap<HookId, HookState>, Error> {
    let mut found = HashMap::new();
    for ids in padded(hooks) {
        let rows: Vec<HookState> = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "SELECT h.id, h.name, h.enabled, CASE WHEN h.deleted_at IS NULL THEN FALSE ELSE \
                 TRUE END AS is_gone,
                        s.paused_at, s.probe_at, s.waits_until, h.timeout_ms, h.order_by
                 FROM hooks h LEFT JOIN health s ON s.hook_id = h.id WHERE h.id IN ",
            );
            push_list!(query, &ids);
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows.into_iter().map(|row| (row.id, row)));
    }
    Ok(found)
}

/// The hooks with a pending request to bring retries forward; see [`forward`](super::forward).
async fn brought_forward(conn: &mut Conn) -> Result<Vec<HookId>, Error> {
    let rows: Vec<(HookId,)> =
        on_db!(conn, c => sqlx::query_as("SELECT hook_id FROM forwards").fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(hook,)| hook).collect())
}

/// The hooks whose lanes have work now: deliveries to send, hold, release or cancel, or a probe.
pub(in crate::engine) async fn hooks(
    conn: &mut Conn,
    now: Timestamp,
) -> Result<Vec<HookId>, Error> {
    let mut found: Vec<HookId> = due(conn, now).await?.into_iter().map(|(hook, ..)| hook).collect();
    let held = firsts(conn, firsts!("held", "d.id")).await?;
    let held: Vec<HookId> = held.into_iter().map(|(hook, ..)| hook).collect();
    let states = states(conn, &held).await?;
    found.extend(brought_forward(conn).await?);
    let has_work = |hook: &HookId| {
        states.get(hook).is_some_and(|state| {
            let is_probe_due = state.enabled && state.probe_at.is_some_and(|at| at <= now);
            state.is_gone || state.is_open() || is_probe_due
        })
    };
    found.extend(held.into_iter().filter(has_work));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// For each hook that may send, the delivery that has been due the longest. Sorted by that time.
pub(in crate::engine) async fn oldest(
    conn: &mut Conn,
    now: Timestamp,
) -> Result<Vec<Oldest>, Error> {
    let mut earliest: HashMap<HookId, (DeliveryId, Timestamp)> = HashMap::new();
    for (hook, id, at) in due(conn, now).await? {
        let first = earliest.entry(hook).or_insert((id, at));
        if at < first.1 {
            *first = (id, at);
        }
    }
    let hooks: Vec<HookId> = earliest.keys().copied().collect();
    let mut found = Vec::new();
    for (hook, state) in states(conn, &hooks).await? {
        let Some((delivery, since)) = earliest.get(&hook).copied().filter(|_| state.is_ready(now))
        else {
            continue;
        };
        let is_ordered = state.order_by.is_some();
        let is_keyed = is_ordered && has_key(conn, delivery).await?;
        let first =
            if is_keyed { first_in_order(conn, hook, now).await? } else { Some((delivery, since)) };
        let Some((delivery, since)) = first else { continue };
        // While the receiver's `Retry-After` lasted, it could not have been sent.
        let since = since.max(state.waits_until.filter(|until| *until <= now).unwrap_or(since));
        let timeout = state
            .timeout_ms
            .and_then(|timeout| u64::try_from(timeout).ok())
            .map(Duration::from_millis);
        found.push(Oldest { hook, name: state.name, delivery, since, timeout, is_ordered });
    }
    found.sort_unstable_by_key(|oldest| (oldest.since, oldest.hook));
    Ok(found)
}

/// Does a delivery have an ordering key? One accepted before its hook had ordered delivery has
/// none, and does not wait for others.
async fn has_key(conn: &mut Conn, delivery: DeliveryId) -> Result<bool, Error> {
    let found: Option<(bool,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT order_key IS NOT NULL FROM deliveries WHERE id = $1",
    ).bind(delivery).fetch_optional(c).await)?;
    Ok(found.is_some_and(|(has_key,)| has_key))
}

/// For a hook with ordered delivery: the head of an ordering key that has been due the longest.
async fn first_in_order(
    conn: &mut Conn,
    hook: HookId,
    now: Timestamp,
) -> Result<Option<(DeliveryId, Timestamp)>, Error> {
    let heads = lines::heads(conn, hook, None, MAX_KEYS, now).await?;
    let due = heads.into_iter().filter(|head| head.readiness == lines::Readiness::Due);
    Ok(due.map(|head| (head.id, head.due_at.unwrap_or(now))).min_by_key(|(_, at)| *at))
}

/// The number of attempts of a hook since the beginning of an hour, without tests.
pub(in crate::engine) async fn attempts_since(
    conn: &mut Conn,
    hook: HookId,
    hour: Hour,
) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM hours WHERE hook_id = $1 AND hour >= \
         $2",
    ).bind(hook).bind(hour).fetch_one(c).await)?;
    Ok(count)
}
