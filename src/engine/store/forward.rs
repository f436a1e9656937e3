//! Brings retries forward, because a person asks for it or because a test or a probe found the
//! receiver well again.
//!
//! A request for a whole hook is a row in `forwards`. The steps of the hook's lane (see
//! [`steps`](super::steps)) carry it out, a few deliveries at a time and at the rate at
//! which held deliveries are released. A step goes through the due times in order, from the time of
//! the request on, so it never meets a row twice; a delivery that fails again after the request
//! keeps its new time.
//!
//! An attempt that was brought forward is an extra one: it uses up no try of the schedule.

use super::{
    db::{Conn, on_db},
    error::Error,
    health, hooks,
    queue::{EXTRA_TRY, KEYED, STEP},
    told::Told,
};
use crate::domain::{
    acceptance::Acceptance,
    id::{DeliveryId, HookId},
    permission::Grant,
    time::Timestamp,
    words::MANY,
};

/// What a wish covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// How many deliveries: those that waited for their retry, and those that a paused hook holds.
    pub deliveries: i64,
    /// There are more: the count stopped at [`MANY`].
    pub or_more: bool,
}

/// All of a hook is to be tried now: what waits is brought forward at a pace, and a paused hook is
/// probed at once. Not of a hook that is off, which sends nothing.
pub async fn all(
    conn: &mut Conn,
    _by: &Grant,
    hook: HookId,
    now: Timestamp,
) -> Result<Forward, Error> {
    if acceptance(conn, hook).await? == Acceptance::Off {
        return Ok(Forward { deliveries: 0, or_more: false });
    }
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM (
           SELECT * FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'waiting' AND \
           due_at > $2 LIMIT $3) AS w
           UNION ALL
           SELECT * FROM (SELECT 1 FROM deliveries WHERE hook_id = $1 AND state = 'held' LIMIT $3) \
           AS h) AS counted",
    ).bind(hook).bind(now).bind(MANY + 1).fetch_one(c).await)?;
    // In the order in which outcomes lock them: two servers that do both would else wait for each
    // other.
    health::probe_now(conn, hook, None, now).await?;
    ask(conn, hook, now).await?;
    conn.tell(Told::Changed(hook));
    Ok(Forward { deliveries: count.min(MANY), or_more: count > MANY })
}

/// Marks that what a hook has waiting is to be brought forward, if it has anything. Tell
/// [`Told::Changed`] with it.
pub(super) async fn ask(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<(), Error> {
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

/// Drops the request: it is carried out, or the hook is off, paused or deleted and a step holds or
/// cancels its retries.
pub(super) async fn forget(conn: &mut Conn, hook: HookId) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM forwards WHERE hook_id = \
                                   $1").bind(hook).execute(c).await.map(drop))?;
    Ok(())
}

/// Brings some of what a hook has waiting forward, if that was asked for. Returns whether there may
/// be more.
pub(super) async fn step(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<bool, Error> {
    let mark: Option<(Timestamp, Timestamp, DeliveryId)> = on_db!(conn, c => sqlx::query_as(
        "SELECT asked_at, due_at, delivery_id FROM forwards WHERE hook_id = $1",
    ).bind(hook).fetch_optional(c).await)?;
    let Some((asked_at, due_at, id)) = mark else { return Ok(false) };
    let last: Option<(Timestamp, DeliveryId)> = on_db!(conn, c => sqlx::query_as(
        "SELECT due_at, id FROM deliveries WHERE hook_id = $1 AND state = 'waiting' AND (due_at, \
         id) > ($2, $3)
         ORDER BY due_at, id LIMIT 1 OFFSET $4",
    ).bind(hook).bind(due_at).bind(id).bind(STEP as i64 - 1).fetch_optional(c).await)?;
    let lock = conn.skip_locked();
    on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE deliveries SET due_at = ");
        query.push_bind(now).push(", updated_at = ").push_bind(now).push(", tries_before \
            = ").push(EXTRA_TRY);
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

/// One delivery that waits or is held is to be sent now; while its hook is paused it becomes the
/// next probe. Where others of its ordering key are before it, the first of them goes first.
/// Nothing happens to one that is due already.
pub async fn one(
    conn: &mut Conn,
    _by: &Grant,
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
            query.push(EXTRA_TRY).push(", due_at = ").push_bind(now).push(", updated_at \
                = ").push_bind(now);
            query.push(KEYED).push(" WHERE id = (SELECT id FROM deliveries WHERE id \
                = ").push_bind(id);
            query.push(" AND (state = 'held' OR (state = 'waiting' AND due_at \
                        > ").push_bind(now).push("))");
            query.push(lock).push(")").build().execute(c).await.map(drop)
        })?,
        Acceptance::Paused => {}
    }
    let with = if acceptance == Acceptance::Paused {
        Some(first_of_key(conn, id, hook).await?)
    } else {
        None
    };
    health::probe_now(conn, hook, with, now).await?;
    conn.tell(Told::Changed(hook));
    Ok(())
}

async fn acceptance(conn: &mut Conn, hook: HookId) -> Result<Acceptance, Error> {
    let hook = hooks::load(conn, hook).await?.ok_or(Error::Missing)?;
    health::acceptance(conn, &hook).await
}

/// The oldest open delivery of the same ordering key; the delivery itself where there is no order.
async fn first_of_key(conn: &mut Conn, id: DeliveryId, hook: HookId) -> Result<DeliveryId, Error> {
    let first: Option<(DeliveryId,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT o.id FROM deliveries o WHERE o.hook_id = $2 AND o.order_key IS NOT NULL
           AND o.order_key = (SELECT d.order_key FROM deliveries d WHERE d.id = $1)
           AND o.state IN ('pending', 'waiting', 'held') ORDER BY o.id LIMIT 1",
    ).bind(id).bind(hook).fetch_optional(c).await)?;
    Ok(first.map_or(id, |(first,)| first))
}
