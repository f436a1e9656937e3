//! Corrects times that were written while the clock was ahead. When such a clock is set back,
//! retries and probes would be late by that difference. A row whose last change lies in the future
//! shows the difference, and its times are moved back by it.

use super::{
    db::{Conn, on_db, padded, push_list},
    error::Error,
    health,
    queue::Kind,
};
use crate::{
    domain::{
        health::BreakerPolicy,
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// Most rows of one read, and of one commit.
pub(in crate::engine) const PAGE: usize = 250;

/// Keyset cursor of a scan.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Cursor(Timestamp, DeliveryId);

impl Cursor {
    pub(in crate::engine) const FIRST: Self =
        Self(Timestamp(i64::MIN), DeliveryId(uuid::Uuid::nil()));
}

/// Deliveries of a hook that were last changed in the future, and where to continue; `None` at the
/// end.
pub(in crate::engine) async fn scan(
    conn: &mut Conn,
    hook: HookId,
    kind: Kind,
    clock: &Clock,
    cursor: Cursor,
) -> Result<(Vec<DeliveryId>, Option<Cursor>), Error> {
    let statement = match kind {
        Kind::First => {
            "SELECT id, due_at, updated_at FROM deliveries
             WHERE hook_id = $1 AND state = 'pending' AND (due_at, id) > ($2, $3) ORDER BY due_at, \
             id LIMIT $4"
        }
        Kind::Retry => {
            "SELECT id, due_at, updated_at FROM deliveries
             WHERE hook_id = $1 AND state = 'waiting' AND (due_at, id) > ($2, $3) ORDER BY due_at, \
             id LIMIT $4"
        }
    };
    let rows: Vec<(DeliveryId, Timestamp, Timestamp)> = on_db!(conn, c => sqlx::query_as(statement)
        .bind(hook).bind(cursor.0).bind(cursor.1).bind(PAGE as i64).fetch_all(c).await)?;
    let last =
        rows.last().filter(|_| rows.len() >= PAGE).map(|(id, due_at, _)| Cursor(*due_at, *id));
    // Read the clock after the query: rows written before this moment are not in the future.
    let now = clock.now();
    Ok((
        rows.into_iter().filter(|(.., updated_at)| *updated_at > now).map(|(id, ..)| id).collect(),
        last,
    ))
}

/// Moves deliveries back whose last change lies after `now`. Their remaining wait stays the same,
/// but counts from now.
pub(in crate::engine) async fn deliveries(
    conn: &mut Conn,
    ids: &[DeliveryId],
    now: Timestamp,
) -> Result<(), Error> {
    let lock = conn.skip_locked();
    for ids in padded(ids) {
        on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new("UPDATE deliveries SET due_at = \
                due_at - (updated_at - ");
            query.push_bind(now).push("), updated_at = ").push_bind(now);
            query.push(" WHERE id IN (SELECT id FROM deliveries WHERE state IN ('pending', \
                        'waiting') AND updated_at > ");
            query.push_bind(now).push(" AND id IN ");
            push_list!(query, &ids);
            query.push(lock).push(")").build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Corrects pauses and probes: no probe is further away than its wait, and nothing began after
/// `now`. Returns the corrected hooks.
pub(in crate::engine) async fn pauses(
    conn: &mut Conn,
    policy: &BreakerPolicy,
    now: Timestamp,
) -> Result<Vec<HookId>, Error> {
    let mut corrected = Vec::new();
    for (hook, health_state) in health::beyond(conn, now).await? {
        let corrected_health = health_state.clamped_to(now, policy);
        if corrected_health != health_state {
            health::save(conn, hook, &corrected_health).await?;
            corrected.push(hook);
        }
    }
    Ok(corrected)
}
