//! Brings retries forward: on request of a person, or after a successful test or probe, because the
//! receiver is reachable again.
//!
//! A request for a whole hook is a row in `forwards`. The steps of the hook's lane (see
//! [`steps`](super::steps)) execute it in small batches, at the rate at which held deliveries are
//! released. The row contains a cursor `(due_at, id)` that moves through the waiting deliveries in
//! order of their due times, starting at the time of the request. So no delivery is moved twice. A
//! delivery that was updated after the request, because its attempt failed again, keeps its due
//! time.
//!
//! An attempt that was brought forward does not count against the retry schedule.

use super::{
    db::{Conn, on_db},
    error::Error,
    health, hooks,
    notices::Notice,
    queue::{ASSIGN_ORDER_KEY, EXEMPT_NEXT_ATTEMPT, STEP},
};
use crate::domain::{
    acceptance::Acceptance,
    id::{DeliveryId, HookId},
    permission::{Grant, Implies, right},
    time::Timestamp,
    words::MANY,
};

/// The size of a request for a whole hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The number of deliveries that wait for a retry or are held, at most [`MANY`].
    pub deliveries: i64,
    /// There are more than [`MANY`].
    pub or_more: bool,
}

/// Requests that all retries of a hook are brought forward, gradually. A paused hook is probed
/// immediately. Does nothing for a hook that is off.
pub async fn all(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    hook: HookId,
    now: Timestamp,
) -> Result<Forward, Error> {
    if acceptance(conn, hook).await? == Acceptance::Off {
        return Ok(Forward { deliveries: 0, or_more: false });
    }
    let count = count(conn, by, hook, now).await?;
    // Lock order: `health` before `forwards`, as `outcomes` does, which prevents deadlocks.
    health::probe_now(conn, hook, None, now).await?;
    request(conn, hook, now).await?;
    conn.add_notice(Notice::Changed(hook));
    Ok(Forward { deliveries: count.min(MANY), or_more: count > MANY })
}

/// The deliveries of a hook that wait for a retry or are held, counted up to [`MANY`] and one.
pub async fn count(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::DeliveriesRead>>,
    hook: HookId,
    now: Timestamp,
) -> Result<i64, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM (
           SELECT * FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'waiting' AND \
           due_at > $2 LIMIT $3) AS w
           UNION ALL
           SELECT * FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'held' LIMIT $3) \
           AS h) AS counted",
    ).bind(hook).bind(now).bind(MANY + 1).fetch_one(c).await)?;
    Ok(count.min(MANY + 1))
}

/// Writes the request for a hook, unless it has no deliveries waiting. The caller must also add the
/// notice [`Notice::Changed`], so that the lane starts its steps.
pub(super) async fn request(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "INSERT INTO forwards (hook_id, asked_at, due_at, delivery_id)
         SELECT $1, $2, $2, $3
         WHERE EXISTS (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'waiting' AND \
         due_at > $2)
         ON CONFLICT (hook_id) DO UPDATE SET asked_at = excluded.asked_at, due_at = excluded.due_at,
                                             delivery_id = excluded.delivery_id",
    ).bind(hook).bind(now).bind(DeliveryId(uuid::Uuid::nil())).execute(c).await.map(drop))?;
    Ok(())
}

/// Deletes the request: it is completed, or the hook is off, paused or deleted, and a step holds or
/// cancels its retries.
pub(super) async fn forget(conn: &mut Conn, hook: HookId) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM forwards WHERE hook_id = \
                                   $1").bind(hook).execute(c).await.map(drop))?;
    Ok(())
}

/// Brings the next batch of up to [`STEP`] retries forward, if there is a request. Returns whether
/// there may be more.
pub(super) async fn step(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<bool, Error> {
    let request: Option<(Timestamp, Timestamp, DeliveryId)> = on_db!(conn, c => sqlx::query_as(
        "SELECT asked_at, due_at, delivery_id FROM forwards WHERE hook_id = $1",
    ).bind(hook).fetch_optional(c).await)?;
    let Some((asked_at, due_at, id)) = request else { return Ok(false) };
    let last: Option<(Timestamp, DeliveryId)> = on_db!(conn, c => sqlx::query_as(
        "SELECT due_at, id FROM deliveries WHERE hook_id = $1 AND state = 'waiting' AND (due_at, \
         id) > ($2, $3)
         ORDER BY due_at, id LIMIT 1 OFFSET $4",
    ).bind(hook).bind(due_at).bind(id).bind(STEP as i64 - 1).fetch_optional(c).await)?;
    let lock = conn.skip_locked();
    on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE deliveries SET due_at = ");
        query.push_bind(now).push(", updated_at = ").push_bind(now).push(", tries_before \
            = ").push(EXEMPT_NEXT_ATTEMPT);
        query.push(" WHERE id IN (SELECT id FROM deliveries WHERE state = 'waiting' AND hook_id \
                    = ").push_bind(hook);
        query.push(" AND (due_at, id) > (").push_bind(due_at).push(", ").push_bind(id).push(")");
        if let Some((due_at, id)) = last {
            query.push(" AND (due_at, id) <= \
                        (").push_bind(due_at).push(", ").push_bind(id).push(")");
        }
        query.push(" AND updated_at <= ").push_bind(asked_at);
        query.push(" ORDER BY due_at, id LIMIT ").push_bind(STEP as i64).push(lock).push(")");
        query.build().execute(c).await.map(drop)
    })?;
    let Some((due_at, id)) = last else {
        forget(conn, hook).await?;
        return Ok(false);
    };
    on_db!(conn, c => sqlx::query("UPDATE forwards SET due_at = $2, delivery_id = $3 WHERE hook_id \
                                   = $1")
        .bind(hook).bind(due_at).bind(id).execute(c).await.map(drop))?;
    Ok(true)
}

/// Makes one waiting or held delivery due now. While its hook is paused, it becomes the next probe;
/// with ordered delivery, the head of its ordering key does. Does nothing if it is already due.
/// Fails with [`Error::Missing`] if the hook is off or deleted.
pub async fn one(
    conn: &mut Conn,
    _by: &Grant<right::DeliveriesReplay>,
    id: DeliveryId,
    hook: HookId,
    now: Timestamp,
) -> Result<(), Error> {
    let (acceptance, lock) = (acceptance(conn, hook).await?, conn.skip_locked());
    match acceptance {
        Acceptance::Off => return Err(Error::Missing),
        Acceptance::Open => on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'pending' ELSE \
                 'waiting' END, reason = NULL, tries_before = ",
            );
            query.push(EXEMPT_NEXT_ATTEMPT).push(", due_at = ").push_bind(now).push(", updated_at \
                = ").push_bind(now);
            query.push(ASSIGN_ORDER_KEY).push(" WHERE id = (SELECT id FROM deliveries WHERE id \
                = ").push_bind(id);
            query.push(" AND (state = 'held' OR (state = 'waiting' AND due_at \
                        > ").push_bind(now).push("))");
            query.push(lock).push(")").build().execute(c).await.map(drop)
        })?,
        Acceptance::Paused => {}
    }
    let probe_delivery = if acceptance == Acceptance::Paused {
        Some(head_of_key(conn, id, hook).await?)
    } else {
        None
    };
    health::probe_now(conn, hook, probe_delivery, now).await?;
    conn.add_notice(Notice::Changed(hook));
    Ok(())
}

async fn acceptance(conn: &mut Conn, hook: HookId) -> Result<Acceptance, Error> {
    let hook = hooks::load(conn, hook).await?.ok_or(Error::Missing)?;
    health::acceptance(conn, &hook).await
}

/// The oldest open delivery with the same ordering key; the delivery itself if it has no key.
async fn head_of_key(conn: &mut Conn, id: DeliveryId, hook: HookId) -> Result<DeliveryId, Error> {
    let head: Option<(DeliveryId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT o.id FROM deliveries o WHERE o.hook_id = $2 AND o.order_key IS NOT NULL
           AND o.order_key = (SELECT d.order_key FROM deliveries d WHERE d.id = $1)
           AND o.state IN ('pending', 'waiting', 'held') ORDER BY o.id LIMIT 1",
    ).bind(id).bind(hook).fetch_optional(c).await)?;
    Ok(head.map_or(id, |(head,)| head))
}
