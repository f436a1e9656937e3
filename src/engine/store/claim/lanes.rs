//! The table `lanes`: which node owns each hook's lane, and the lane's fencing token. Rows are
//! written only when a lane changes its owner.
//!
//! Taking a lane is a compare-and-swap on the fencing token: another node may take it between the
//! read and the update. Rows locked by another transaction are skipped: it records a result of the
//! lane, or takes the lane itself. They are tried again at the next heartbeat.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::Fence;
use crate::{
    domain::id::{HookId, NodeId},
    engine::store::{
        db::{padded, push_list},
        error::Error,
    },
};

/// Fencing tokens by hook.
pub(super) type Lanes = HashMap<HookId, i64>;

/// The hooks that changed after version `seen`. `None` (unknown) if the last change, which has the
/// number `version`, is not among them: it was made by a server of the previous release, which does
/// not record the changed hook.
pub(super) async fn changed_since(
    conn: &mut PgConnection,
    seen: i64,
    version: i64,
) -> Result<Option<Vec<HookId>>, Error> {
    let rows: Vec<(HookId, i64)> =
        sqlx::query_as("SELECT id, changed FROM hooks WHERE changed > $1")
            .bind(seen)
            .fetch_all(conn)
            .await?;
    let is_complete = rows.iter().any(|(_, number)| *number >= version);
    Ok(is_complete.then(|| rows.into_iter().map(|(hook, _)| hook).collect()))
}

/// Inserts missing rows for hooks that changed after version `seen`; `None`: for all hooks.
pub(super) async fn add(conn: &mut PgConnection, seen: Option<i64>) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO lanes (hook_id, fence)
         SELECT h.id, 0 FROM hooks h
         WHERE h.changed > $1 AND h.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM lanes l WHERE \
         l.hook_id = h.id)
         ORDER BY h.id
         ON CONFLICT (hook_id) DO NOTHING",
    )
    .bind(seen.unwrap_or(-1))
    .execute(conn)
    .await?;
    Ok(())
}

/// Selects free lanes: those without an owner, or whose owner has no row in `nodes`. Lanes of
/// deleted hooks are included only while they have open deliveries.
macro_rules! free {
    ($among:literal) => {
        concat!(
            "SELECT l.hook_id, l.fence FROM lanes l JOIN hooks h ON h.id = l.hook_id
             WHERE ",
            $among,
            "NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = l.node_id)
               AND (h.deleted_at IS NULL OR EXISTS (
                 SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state IN ('pending', \
                 'waiting', 'held')))"
        )
    };
}

/// Free lanes; with `among`, only of these hooks.
pub(super) async fn free(
    conn: &mut PgConnection,
    among: Option<&[HookId]>,
) -> Result<Lanes, Error> {
    let free: Vec<(HookId, i64)> = match among {
        None => sqlx::query_as(free!("")).fetch_all(conn).await?,
        Some(hooks) => {
            let hooks: Vec<Uuid> = hooks.iter().map(|hook| hook.0).collect();
            sqlx::query_as(free!("l.hook_id = ANY($1) AND ")).bind(hooks).fetch_all(conn).await?
        }
    };
    Ok(free.into_iter().collect())
}

/// Takes the lanes whose fencing token is still the one in `lanes`. Returns how many were taken.
pub(super) async fn take(
    conn: &mut PgConnection,
    node: NodeId,
    lanes: &Lanes,
) -> Result<usize, Error> {
    let (hooks, fences): (Vec<Uuid>, Vec<i64>) =
        lanes.iter().map(|(hook, fence)| (hook.0, *fence)).unzip();
    let taken = sqlx::query(
        "WITH free AS (
           SELECT l.hook_id FROM lanes l JOIN unnest($2::uuid[], $3::bigint[]) AS f (hook_id, fence)
             ON l.hook_id = f.hook_id AND l.fence = f.fence
           ORDER BY l.hook_id FOR UPDATE OF l SKIP LOCKED)
         UPDATE lanes SET fence = fence + 1, node_id = $1 FROM free WHERE lanes.hook_id = \
         free.hook_id",
    );
    let taken = taken.bind(node).bind(hooks).bind(fences).execute(conn).await?;
    Ok(usize::try_from(taken.rows_affected()).unwrap_or(usize::MAX))
}

/// Called when a node that had been removed registers again: it keeps the lanes that no other node
/// has taken, under new fencing tokens. Attempts sent under the old tokens can no longer be
/// recorded, because another node may have started taking the lane meanwhile.
pub(super) async fn renew_fences(conn: &mut PgConnection, node: NodeId) -> Result<(), Error> {
    sqlx::query(
        "WITH mine AS (SELECT hook_id FROM lanes WHERE node_id = $1 ORDER BY hook_id FOR UPDATE)
         UPDATE lanes SET fence = fence + 1 FROM mine WHERE lanes.hook_id = mine.hook_id",
    )
    .bind(node)
    .execute(conn)
    .await?;
    Ok(())
}

/// The lanes that a node owns.
pub(super) async fn of(conn: &mut PgConnection, node: NodeId) -> Result<Lanes, Error> {
    let lanes: Vec<(HookId, i64)> =
        sqlx::query_as("SELECT hook_id, fence FROM lanes WHERE node_id = $1")
            .bind(node)
            .fetch_all(conn)
            .await?;
    Ok(lanes.into_iter().collect())
}

/// Releases lanes, which must have no attempt in flight, and increments `lanes_version` so that the
/// other nodes look for free lanes.
pub(super) async fn release(
    conn: &mut PgConnection,
    node: NodeId,
    hooks: &[HookId],
) -> Result<(), Error> {
    if hooks.is_empty() {
        return Ok(());
    }
    let hooks: Vec<Uuid> = hooks.iter().map(|hook| hook.0).collect();
    sqlx::query(
        "WITH mine AS (
           SELECT hook_id FROM lanes WHERE node_id = $1 AND hook_id = ANY($2) ORDER BY hook_id FOR \
           NO KEY UPDATE),
         given AS (UPDATE lanes SET node_id = NULL FROM mine WHERE lanes.hook_id = mine.hook_id)
         UPDATE counters SET value = value + 1 WHERE name = 'lanes_version' AND shard = 0",
    )
    .bind(node)
    .bind(hooks)
    .execute(conn)
    .await?;
    Ok(())
}

/// Expires the leases of a node's jobs, so that another node continues them.
pub(super) async fn free_jobs(conn: &mut PgConnection, node: NodeId) -> Result<(), Error> {
    sqlx::query("UPDATE jobs SET until = 0 WHERE node_id = $1 AND state = 'running'")
        .bind(node)
        .execute(conn)
        .await?;
    Ok(())
}

/// Rendezvous hashing: the live node with the highest `hash(hook, node)` owns the lane. All nodes
/// compute the same owner without communication, and only 1/n of the lanes move when the number of
/// nodes changes.
pub(super) fn preferred_node(hook: HookId, alive: &[NodeId]) -> Option<NodeId> {
    alive
        .iter()
        .copied()
        .max_by_key(|node| mix(hook.0.as_u128() ^ node.0.as_u128().rotate_left(64)))
}

/// A hash with good avalanche: the finaliser of MurmurHash3, applied to both halves.
fn mix(number: u128) -> u64 {
    let half = |mut x: u64| {
        x ^= x >> 33;
        x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
        x ^= x >> 33;
        x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        x ^ (x >> 33)
    };
    half((number >> 64) as u64 ^ half(number as u64))
}

/// The subset of `fences` that is still valid. The lane rows are share-locked, so they stay valid
/// until this transaction ends.
pub(super) async fn still_held(
    conn: &mut PgConnection,
    fences: &HashSet<(HookId, Fence)>,
) -> Result<HashSet<(HookId, Fence)>, Error> {
    let mut hooks: Vec<HookId> = fences.iter().map(|(hook, _)| *hook).collect();
    // Lock order: every transaction locks rows of `lanes` in order of the hook id, which prevents
    // deadlocks.
    hooks.sort_unstable();
    let mut current = HashSet::new();
    for ids in padded(&hooks) {
        let mut query =
            sqlx::QueryBuilder::new("SELECT hook_id, node_id, fence FROM lanes WHERE hook_id IN ");
        push_list!(query, &ids);
        query.push(" ORDER BY hook_id FOR SHARE");
        let rows: Vec<(HookId, Option<NodeId>, i64)> =
            query.build_query_as().fetch_all(&mut *conn).await?;
        current.extend(
            rows.into_iter()
                .filter_map(|(hook, node, number)| Some((hook, Fence { node: node?, number }))),
        );
    }
    Ok(fences.intersection(&current).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_shared_evenly_and_move_only_to_a_node_that_joins() {
        let node = |number: u128| NodeId(Uuid::from_u128(0x0190_0000 + number));
        let hooks: Vec<HookId> =
            (0..3000u128).map(|number| HookId(Uuid::from_u128(number << 3))).collect();
        let two = [node(1), node(2)];
        let three = [node(1), node(2), node(3)];
        let share = |alive: &[NodeId], node| {
            hooks.iter().filter(|hook| preferred_node(**hook, alive) == Some(node)).count()
        };
        for (alive, fair_share) in [(&two[..], 1500usize), (&three[..], 1000)] {
            for node in alive {
                assert!(share(alive, *node).abs_diff(fair_share) < 150, "{}", share(alive, *node));
            }
        }
        let has_moved =
            |hook: &&HookId| preferred_node(**hook, &two) != preferred_node(**hook, &three);
        let mut moved = hooks.iter().filter(has_moved);
        assert!(moved.all(|hook| preferred_node(*hook, &three) == Some(node(3))));
    }
}
