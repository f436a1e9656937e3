//! Open deliveries as the lanes need them: what is due, what is due next and the next probe. Also
//! the SQL fragments that all statements which move open deliveries share.

use futures::TryStreamExt;

use super::{
    bodies::Bodies,
    db::{Conn, on_db, padded, push_list},
    error::Error,
    open::{Open, OpenRow},
};
use crate::domain::{
    hook::Hook,
    id::{DeliveryId, HookId},
    time::Timestamp,
};

/// Rows that one step moves, of each kind. A step shares its commit with accepts, which must not
/// wait behind a backlog.
pub const STEP: usize = 250;

/// Assigns an ordering key to a delivery that is reopened or released without one: it was accepted
/// before its hook had ordered delivery.
pub(super) const ASSIGN_ORDER_KEY: &str = ", order_key = CASE
    WHEN order_key IS NULL AND NOT is_test
      AND (SELECT h.order_by FROM hooks h WHERE h.id = hook_id) IS NOT NULL
    THEN CAST(created_at AS TEXT) ELSE order_key END";

/// Exempts the next attempt from the retry schedule by adding one to `tries_before`, which never
/// exceeds `attempts`.
pub(super) const EXEMPT_NEXT_ATTEMPT: &str =
    "CASE WHEN tries_before < attempts THEN tries_before + 1 ELSE tries_before END";

/// First attempts and retries are read separately, so that neither backlog hides the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    First,
    Retry,
}

/// Limits of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    pub rows: usize,
    pub bytes: usize,
}

/// Why a delivery without a body fails.
const NO_BODY: &str = "the event's body was removed by retention";

/// Selects open deliveries with everything that an attempt needs. The condition of each statement
/// is spelled out, because a partial index only serves a query that repeats its condition.
macro_rules! open {
    ($($which:expr),+) => {
        concat!(
            "SELECT d.id, d.event_id, d.event_type, e.body, d.attempts, d.tries_before, d.is_test, \
             d.order_key
             FROM deliveries d JOIN events e ON e.id = d.event_id WHERE ",
            $($which),+
        )
    };
}

macro_rules! due {
    ($state:literal, $more:expr) => {
        open!(
            "d.hook_id = $1 AND d.state = '",
            $state,
            "' AND d.due_at <= $2 AND (d.is_test OR NOT $3)",
            $more,
            " ORDER BY d.due_at, d.id LIMIT $4"
        )
    };
}

/// With ordered delivery, deliveries with a key are read by [`lines`](super::lines) instead.
fn due_text(kind: Kind, is_ordered: bool) -> &'static str {
    match (kind, is_ordered) {
        (Kind::First, false) => due!("pending", ""),
        (Kind::Retry, false) => due!("waiting", ""),
        (Kind::First, true) => due!("pending", " AND d.order_key IS NULL"),
        (Kind::Retry, true) => due!("waiting", " AND d.order_key IS NULL"),
    }
}

/// Due deliveries of a hook, oldest first, and whether a limit was reached. With `tests_only`, only
/// tests: the hook is off or paused.
pub(in crate::engine) async fn due(
    conn: &mut Conn,
    hook: &Hook,
    kind: Kind,
    now: Timestamp,
    tests_only: bool,
    room: PageLimit,
    bodies: &Bodies,
) -> Result<(Vec<Open>, bool), Error> {
    let limit = i64::try_from(room.rows).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    let mut bytes = 0;
    on_db!(conn, c => {
        let mut rows = sqlx::query_as::<_, OpenRow>(due_text(kind, hook.tuning.order_by.is_some()))
            .bind(hook.id).bind(now).bind(tests_only).bind(limit).fetch(c);
        while let Some(row) = rows.try_next().await? {
            bytes += row.body.len();
            found.push(row.open(hook.id, bodies)?);
            if bytes >= room.bytes {
                return Ok((found, true));
            }
        }
    });
    let is_full = found.len() >= room.rows;
    Ok((found, is_full))
}

/// When the next open delivery of a hook after `now` is due. With ordered delivery, only deliveries
/// without a key.
pub(in crate::engine) async fn next_due(
    conn: &mut Conn,
    hook: &Hook,
    kind: Kind,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    macro_rules! next {
        ($state:literal, $more:literal) => {
            concat!(
                "SELECT MIN(due_at) FROM deliveries WHERE hook_id = $1 AND due_at > $2 AND state = \
                 '",
                $state,
                "'",
                $more
            )
        };
    }
    let statement = match (kind, hook.tuning.order_by.is_some()) {
        (Kind::First, false) => next!("pending", ""),
        (Kind::Retry, false) => next!("waiting", ""),
        (Kind::First, true) => next!("pending", " AND order_key IS NULL"),
        (Kind::Retry, true) => next!("waiting", " AND order_key IS NULL"),
    };
    let (next,): (Option<Timestamp>,) =
        on_db!(conn, c => sqlx::query_as(statement).bind(hook.id).bind(now).fetch_one(c).await)?;
    Ok(next)
}

/// The delivery to probe a paused hook with: the held delivery that a person requested, else the
/// oldest held one. With ordered delivery, the head of the line of the requested one.
pub(in crate::engine) async fn probe(
    conn: &mut Conn,
    hook: &Hook,
    bodies: &Bodies,
) -> Result<Option<Open>, Error> {
    const REQUESTED: &str = open!(
        "d.id = (SELECT probe_id FROM health WHERE hook_id = $1) AND d.hook_id = $1 AND d.state = \
         'held'"
    );
    const LINE_HEAD: &str =
        open!("d.hook_id = $1 AND d.order_key = $2 AND d.state = 'held' ORDER BY d.id LIMIT 1");
    const OLDEST: &str = open!("d.hook_id = $1 AND d.state = 'held' ORDER BY d.id LIMIT 1");
    let requested: Option<OpenRow> =
        on_db!(conn, c => sqlx::query_as(REQUESTED).bind(hook.id).fetch_optional(c).await)?;
    let key = requested
        .as_ref()
        .and_then(|requested| requested.order_key.clone())
        .filter(|_| hook.tuning.order_by.is_some());
    let found: Option<OpenRow> = match (requested, key) {
        (Some(_), Some(key)) => on_db!(conn,
                c => sqlx::query_as(LINE_HEAD).bind(hook.id).bind(key).fetch_optional(c).await)?,
        (Some(requested), None) => Some(requested),
        (None, _) => {
            on_db!(conn, c => sqlx::query_as(OLDEST).bind(hook.id).fetch_optional(c).await)?
        }
    };
    found.map(|row| row.open(hook.id, bodies)).transpose()
}

/// Fails open deliveries whose body was removed. Both conditions are checked again in the
/// statement: that the delivery is open, and that the body is gone.
pub(in crate::engine) async fn fail_without_body(
    conn: &mut Conn,
    ids: &[DeliveryId],
    now: Timestamp,
) -> Result<(), Error> {
    for ids in padded(ids) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET state = 'failed', due_at = NULL, reason = ",
            );
            query.push_bind(NO_BODY).push(", updated_at = ").push_bind(now).push(" WHERE id IN ");
            push_list!(query, &ids);
            query.push(
                " AND state IN ('pending', 'waiting', 'held')
                  AND EXISTS (SELECT 1 FROM events e WHERE e.id = event_id AND (e.pruned_at IS NOT \
                  NULL OR LENGTH(e.body) = 0))",
            );
            query.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Is a delivery settled, or deleted?
pub(in crate::engine) async fn is_settled(
    conn: &mut Conn,
    delivery: DeliveryId,
) -> Result<bool, Error> {
    let (settled,): (bool,) = on_db!(conn, c => sqlx::query_as(
        "SELECT NOT EXISTS (SELECT 1 FROM deliveries WHERE id = $1 AND state IN ('pending', \
         'waiting', 'held'))",
    ).bind(delivery).fetch_one(c).await)?;
    Ok(settled)
}

/// A skip scan along the index of a state, from one hook to the next. Its cost depends only on the
/// number of hooks that have rows in the state.
macro_rules! hooks_in {
    ($state:literal, $order:literal) => {
        concat!(
            "SELECT hook_id FROM (SELECT hook_id FROM deliveries WHERE state = '",
            $state,
            "' ORDER BY ",
            $order,
            " LIMIT 1) AS lowest
             UNION ALL
             SELECT (SELECT hook_id FROM deliveries WHERE state = '",
            $state,
            "' AND hook_id > known.id ORDER BY ",
            $order,
            " LIMIT 1) FROM ",
            $state,
            "_hooks AS known
             WHERE known.id IS NOT NULL"
        )
    };
}

/// The hooks with open deliveries. A start resumes with them.
pub(in crate::engine) async fn hooks_with_open(conn: &mut Conn) -> Result<Vec<HookId>, Error> {
    const TEXT: &str =
        concat!(
        "WITH RECURSIVE pending_hooks (id) AS (", hooks_in!("pending", "hook_id, due_at, id"),
        "), waiting_hooks (id) AS (", hooks_in!("waiting", "hook_id, due_at, id"),
        "), held_hooks (id) AS (", hooks_in!("held", "hook_id, id"),
        ") SELECT id FROM pending_hooks WHERE id IS NOT NULL UNION SELECT id FROM waiting_hooks \
         WHERE id IS NOT NULL
           UNION SELECT id FROM held_hooks WHERE id IS NOT NULL"
    );
    let rows: Vec<(HookId,)> = on_db!(conn, c => sqlx::query_as(TEXT).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(hook,)| hook).collect())
}
