//! The bounded steps that hold, release or cancel the open deliveries of a hook when its state
//! changes. A step reads the state of the hook in its own transaction, so it never acts on outdated
//! state.

use super::{
    db::{Conn, on_db},
    error::Error,
    forward, health, hooks,
    queue::{ASSIGN_ORDER_KEY, EXEMPT_NEXT_ATTEMPT, STEP},
};
use crate::domain::{
    acceptance::{Acceptance, PAUSED},
    id::HookId,
    time::Timestamp,
};

/// Does a hook in this state (`None`: deleted) have deliveries that the next [`step`] would move?
pub(in crate::engine) async fn needs_step(
    conn: &mut Conn,
    hook: HookId,
    acceptance: Option<Acceptance>,
) -> Result<bool, Error> {
    let statement = match acceptance {
        Some(Acceptance::Open) => {
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'held')
                 OR EXISTS (SELECT 1 FROM forwards WHERE hook_id = $1)"
        }
        None => {
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'pending')
                 OR EXISTS (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'waiting')
                 OR EXISTS (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'held')"
        }
        Some(Acceptance::Paused | Acceptance::Off) => {
            "SELECT EXISTS (SELECT 1 FROM deliveries
                             WHERE hook_id = $1 AND state = 'pending' AND NOT is_test)
                 OR EXISTS (SELECT 1 FROM deliveries
                             WHERE hook_id = $1 AND state = 'waiting' AND NOT is_test)"
        }
    };
    let (needs,): (bool,) =
        on_db!(conn, c => sqlx::query_as(statement).bind(hook).fetch_one(c).await)?;
    Ok(needs)
}

/// The state of a hook in this transaction; `None`: deleted.
async fn acceptance(conn: &mut Conn, hook: HookId) -> Result<Option<Acceptance>, Error> {
    match hooks::load(conn, hook).await? {
        None => Ok(None),
        Some(hook) => health::acceptance(conn, &hook).await.map(Some),
    }
}

/// Moves a batch of the open deliveries of a hook to the state that follows from the state of the
/// hook. Returns whether there may be more.
///
/// - Paused or off: hold them, except tests, whose sender is waiting for the result.
/// - Open: release held ones, and bring forward the retries that a person requested now.
/// - Deleted: cancel them.
pub(in crate::engine) async fn step(
    conn: &mut Conn,
    hook: HookId,
    now: Timestamp,
) -> Result<bool, Error> {
    match acceptance(conn, hook).await? {
        Some(Acceptance::Open) => {
            let has_more_held = release(conn, hook, now).await?;
            Ok(forward::step(conn, hook, now).await? || has_more_held)
        }
        Some(closed) => {
            forward::forget(conn, hook).await?;
            let from = [
                ("state = 'pending' AND NOT is_test", "due_at, id"),
                ("state = 'waiting' AND NOT is_test", "due_at, id"),
            ];
            move_rows(conn, &from, "'held'", hook, closed.hold_reason().unwrap_or_default(), now)
                .await
        }
        None => {
            forward::forget(conn, hook).await?;
            let from = [
                ("state = 'pending'", "due_at, id"),
                ("state = 'waiting'", "due_at, id"),
                ("state = 'held'", "id"),
            ];
            move_rows(conn, &from, "'cancelled'", hook, "the hook was deleted", now).await
        }
    }
}

/// Rows that the node owning the lane is just recording are skipped, because waiting for them while
/// holding other row locks could deadlock. The lane finds the rest later.
///
/// Each group is moved in the order of its index. Any other order would make each step sort the
/// whole remainder.
async fn move_rows(
    conn: &mut Conn,
    from: &[(&'static str, &'static str)],
    to: &'static str,
    hook: HookId,
    reason: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let mut is_more = false;
    let lock = conn.skip_locked();
    for (from, order) in from {
        let moved = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET due_at = NULL, state = ",
            );
            query.push(to).push(", reason = ").push_bind(reason);
            query.push(", updated_at = ").push_bind(now);
            query.push(" WHERE id IN (SELECT id FROM deliveries WHERE hook_id = ").push_bind(hook);
            query.push(" AND ").push(from).push(" ORDER BY ").push(order);
            query.push(" LIMIT ").push_bind(STEP as i64).push(lock).push(")");
            query.build().execute(c).await.map(|done| done.rows_affected())
        })?;
        is_more |= moved >= STEP as u64;
    }
    Ok(is_more)
}

/// Releases held deliveries: they are due now. After a pause, the next attempt is exempt from the
/// retry schedule, because it comes before its scheduled time. Otherwise a flapping receiver,
/// paused again and again, would use up the schedule of the oldest deliveries within minutes.
async fn release(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<bool, Error> {
    let lock = conn.skip_locked();
    let moved = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(
            "UPDATE deliveries
             SET state = CASE WHEN attempts = 0 THEN 'pending' ELSE 'waiting' END, reason = NULL,
               tries_before = CASE WHEN reason = ",
        );
        query.push_bind(PAUSED).push(" THEN ").push(EXEMPT_NEXT_ATTEMPT);
        query.push(" ELSE tries_before END, due_at = ").push_bind(now);
        query.push(", updated_at = ").push_bind(now).push(ASSIGN_ORDER_KEY);
        query.push(" WHERE id IN (SELECT id FROM deliveries WHERE state = 'held' AND hook_id = ");
        query.push_bind(hook);
        query.push(" ORDER BY id LIMIT ").push_bind(STEP as i64).push(lock).push(")");
        query.build().execute(c).await.map(|done| done.rows_affected())
    })?;
    Ok(moved >= STEP as u64)
}
