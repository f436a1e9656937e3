//! What a clock that was ahead has written. When it is set back, retries and probes would come as
//! much too late as it was ahead. What was written "in the future" shows by how much: it is moved
//! back by that.

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

/// Rows that are looked at in one read, and moved in one commit at most.
pub(in crate::engine) const PAGE: usize = 250;

/// Where a look goes on.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Place(Timestamp, DeliveryId);

impl Place {
    pub(in crate::engine) const FIRST: Self =
        Self(Timestamp(i64::MIN), DeliveryId(uuid::Uuid::nil()));
}

/// Some of a hook's deliveries of this kind that were written "in the future", and where to go on;
/// `None`: that was all.
pub(in crate::engine) async fn look(
    conn: &mut Conn,
    hook: HookId,
    kind: Kind,
    clock: &Clock,
    place: Place,
) -> Result<(Vec<DeliveryId>, Option<Place>), Error> {
    let statement = match kind {
        Kind::First => {
            "SELECT id, due_at, updated_at FROM deliveries
             WHERE hook_id = $1 AND state = 'pending' AND (due_at, id) > ($2, $3) ORDER BY due_at, \
             id LIMIT $4"
        }
        Kind::Again => {
            "SELECT id, due_at, updated_at FROM deliveries
             WHERE hook_id = $1 AND state = 'waiting' AND (due_at, id) > ($2, $3) ORDER BY due_at, \
             id LIMIT $4"
        }
    };
    let rows: Vec<(DeliveryId, Timestamp, Timestamp)> = on_db!(conn, c => sqlx::query_as(statement)
        .bind(hook).bind(place.0).bind(place.1).bind(PAGE as i64).fetch_all(c).await)?;
    let last =
        rows.last().filter(|_| rows.len() >= PAGE).map(|(id, due_at, _)| Place(*due_at, *id));
    // After the read: what was written until then is not ahead.
    let now = clock.now();
    Ok((
        rows.into_iter().filter(|(.., updated_at)| *updated_at > now).map(|(id, ..)| id).collect(),
        last,
    ))
}

/// Moves deliveries back whose last change lies after `now`: they wait as long from now on as they
/// were to wait from then.
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

/// The same for pauses and probes: no probe is further away than its wait, and nothing began after
/// `now`.
pub(in crate::engine) async fn pauses(
    conn: &mut Conn,
    policy: &BreakerPolicy,
    now: Timestamp,
) -> Result<Vec<HookId>, Error> {
    let mut corrected = Vec::new();
    for (hook, standing) in health::beyond(conn, now).await? {
        let right = standing.set_back(now, policy);
        if right != standing {
            health::save(conn, hook, &right).await?;
            corrected.push(hook);
        }
    }
    Ok(corrected)
}
