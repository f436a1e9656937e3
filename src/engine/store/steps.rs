//! The bounded steps that hold, release or cancel what a hook has open. A step reads the hook in
//! its own transaction, so it never acts on what was true before.

use super::{
    db::{Conn, on_db},
    error::Error,
    forward, health, hooks,
    queue::{EXTRA_TRY, KEYED, STEP},
};
use crate::domain::{
    acceptance::{Acceptance, PAUSED},
    id::HookId,
    time::Timestamp,
};

/// Does a hook that stands so (`None`: it is deleted) have rows that the next [`step`] would move?
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

/// How a hook stands in this transaction; `None`: it is deleted.
async fn acceptance(conn: &mut Conn, hook: HookId) -> Result<Option<Acceptance>, Error> {
    match hooks::load(conn, hook).await? {
        None => Ok(None),
        Some(hook) => health::acceptance(conn, &hook).await.map(Some),
    }
}

/// Moves some of what a hook has open to where it belongs as the hook now stands: held while it is
/// off or paused (tests are not kept: their sender waits for them), due again when it is open,
/// cancelled when it is gone; and what was asked to be tried now is brought forward. Returns
/// whether there may be more.
pub(in crate::engine) async fn step(
    conn: &mut Conn,
    hook: HookId,
    now: Timestamp,
) -> Result<bool, Error> {
    match acceptance(conn, hook).await? {
        Some(Acceptance::Open) => {
            let is_held = release(conn, hook, now).await?;
            Ok(forward::step(conn, hook, now).await? || is_held)
        }
        Some(closed) => {
            forward::forget(conn, hook).await?;
            let from = [
                ("state = 'pending' AND NOT is_test", "due_at, id"),
                ("state = 'waiting' AND NOT is_test", "due_at, id"),
            ];
            move_rows(conn, &from, "'held'", hook, closed.why_held().unwrap_or_default(), now).await
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

/// What is being recorded at this moment by the server that delivers for the hook is left to it: to
/// wait for that, with other rows locked, is how two servers come to wait for each other. Its lane
/// finds what is left.
///
/// Each part is moved in the order of its index: in any other, every step would sort all that is
/// left.
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

/// What a pause held back was taken out of its schedule, and is due before its time: its next
/// attempt is an extra one. Otherwise a receiver that answers now and then, and is paused again and
/// again, would use up the schedule of the oldest deliveries within minutes.
async fn release(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<bool, Error> {
    let lock = conn.skip_locked();
    let moved = on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new(
            "UPDATE deliveries
             SET state = CASE WHEN attempts = 0 THEN 'pending' ELSE 'waiting' END, reason = NULL,
               tries_before = CASE WHEN reason = ",
        );
        query.push_bind(PAUSED).push(" THEN ").push(EXTRA_TRY).push(" ELSE tries_before END");
        query.push(", due_at = ").push_bind(now).push(", updated_at = ").push_bind(now).push(KEYED);
        query.push(" WHERE id IN (SELECT id FROM deliveries WHERE state = 'held' AND hook_id = ");
        query.push_bind(hook);
        query.push(" ORDER BY id LIMIT ").push_bind(STEP as i64).push(lock).push(")");
        query.build().execute(c).await.map(|done| done.rows_affected())
    })?;
    Ok(moved >= STEP as u64)
}
