//! Who may deliver. A SQLite file has one server, held by a lock on a file beside it. Servers that share a PostgreSQL
//! share the hooks: each hook's lane has a node, a lease that ends by the database's clock, and a fence that grows with
//! every new owner. A result is recorded only under the fence it was sent with, so what a node that was thought dead
//! still has to say changes nothing. One of the four files that may know which engine it is.

mod place;

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    time::Duration,
};

use sqlx::{PgConnection, Postgres, pool::PoolConnection};

use super::{
    db::{Conn, Db, Link, padded, push_list},
    error::Error,
    files,
};
use crate::{
    domain::{
        id::{HookId, NodeId},
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// Held for as long as a server runs; goes with its process, however that ends.
pub(super) struct FileClaim(File);

/// A node that has said nothing for so long missed a beat.
const SILENCE: Duration = Duration::from_secs(2);

/// How long a node that fell silent is still listed.
const FORGET: Duration = Duration::from_secs(60);

/// Claims a SQLite file, or says that another server has it. Servers that share a PostgreSQL claim nothing here.
pub(super) fn claim_file(db: &Db) -> Result<Option<FileClaim>, Error> {
    let Db::Sqlite { writer, .. } = db else { return Ok(None) };
    Ok(Some(FileClaim(files::claim(writer.get_filename())?)))
}

impl FileClaim {
    pub(super) fn release(self) {
        // Either way it is gone at the latest with the process.
        drop(self.0.unlock());
    }
}

/// Which ownership of a lane: grows with every new owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    pub node: NodeId,
    pub number: i64,
}

/// Which of these lanes are still held under these fences, and stay so until this transaction ends.
pub(super) async fn still_ours(
    conn: &mut Conn,
    fences: &HashSet<(HookId, Fence)>,
) -> Result<HashSet<(HookId, Fence)>, Error> {
    let Link::Postgres(connection) = &mut conn.link else { return Ok(fences.clone()) };
    let mut hooks: Vec<HookId> = fences.iter().map(|(hook, _)| *hook).collect();
    // Rows of this table are locked in this order by everybody: else two could wait for each other.
    hooks.sort_unstable();
    let mut ours = HashSet::new();
    for ids in padded(&hooks) {
        let mut query = sqlx::QueryBuilder::new("SELECT hook_id, node_id, fence FROM lanes WHERE hook_id IN ");
        push_list!(query, &ids);
        query.push(" ORDER BY hook_id FOR SHARE");
        let rows: Vec<(HookId, Option<NodeId>, i64)> = query.build_query_as().fetch_all(&mut **connection).await?;
        ours.extend(rows.into_iter().filter_map(|(hook, node, number)| Some((hook, Fence { node: node?, number }))));
    }
    Ok(fences.intersection(&ours).copied().collect())
}

/// What a node holds after a beat.
#[derive(Debug, Default)]
pub struct Beat {
    pub lanes: HashMap<HookId, i64>,
    /// Those of them that another node should have.
    pub strangers: HashSet<HookId>,
    /// Of the hooks' counter: moves when a hook changed, on whichever node.
    pub version: i64,
}

/// A node's way to the database, for its heart alone: a connection of its own, so that a beat never waits behind what
/// pages and lanes are reading, and is given up when it does not answer within a lease. (A connection whose other end
/// vanished without a word would otherwise hold the heart for as long as TCP hopes.)
pub(in crate::engine) struct Pulse {
    db: Db,
    node: NodeId,
    lease: Duration,
    place: Option<String>,
    conn: Option<PoolConnection<Postgres>>,
}

impl Pulse {
    pub(in crate::engine) fn new(db: &Db, node: NodeId, lease: Duration) -> Self {
        Self { db: db.clone(), node, lease, place: place::own(), conn: None }
    }

    /// One beat: says that the node lives, keeps its lanes for another lease, gives back what of `idle` another node
    /// should have, and takes what is free and meant for it. `None` on SQLite, where nobody shares.
    ///
    /// Which node a lane is meant for follows from the names of both and of who is alive, so that nodes agree without
    /// asking. All times are the database's. Each statement stands by itself: after any of them the node may die, or be
    /// late with the rest, because none takes a lane whose lease has not run out, or writes one that another has.
    ///
    /// A node that just started (`is_new`) also ends the leases of nodes that ended without a word. Only then: it is most
    /// likely what replaces them.
    pub(in crate::engine) async fn beat(
        &mut self,
        idle: &HashSet<HookId>,
        is_new: bool,
    ) -> Result<Option<Beat>, Error> {
        let Db::Postgres { pool, .. } = &self.db else { return Ok(None) };
        let options = pool.connect_options();
        let session = options.get_application_name().unwrap_or_default();
        let (node, lease, place) = (self.node, self.lease, self.place.clone());
        self.ask(async |conn| {
            if is_new {
                bury(conn, node, lease).await?;
            }
            beat(conn, node, (session, place.as_deref()), lease, idle).await
        })
        .await
    }

    /// A beat of a node that is going: it is to get nothing more, keeps what is still busy and gives back what is `idle`.
    pub(in crate::engine) async fn retire(&mut self, idle: &HashSet<HookId>) -> Result<(), Error> {
        let (node, lease) = (self.node, self.lease);
        self.ask(async |conn| retire(conn, node, lease, idle).await).await.map(drop)
    }

    async fn ask<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Db::Postgres { pool, .. } = &self.db else { return Ok(None) };
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => pool.acquire().await?,
        };
        match tokio::time::timeout(self.lease, ask(&mut conn)).await {
            Ok(Ok(answer)) => {
                self.conn = Some(conn);
                Ok(Some(answer))
            }
            Ok(Err(error)) => {
                drop(conn.detach());
                Err(error)
            }
            Err(_) => {
                drop(conn.detach());
                Err(Error::silent())
            }
        }
    }
}

/// Ends the leases of nodes that ended without a word. Of those on this machine the kernel knows; of others PostgreSQL
/// does, when none of their connections is left and they have not been heard of for a while: one whose connections were
/// cut has others by then.
async fn bury(conn: &mut PgConnection, node: NodeId, lease: Duration) -> Result<(), Error> {
    let now = now(conn).await?;
    let others: Vec<(NodeId, Option<String>, bool)> = sqlx::query_as(
        "SELECT id, place, until < $3 AND session IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM pg_stat_activity a
           WHERE a.datname = current_database() AND a.application_name = nodes.session)
         FROM nodes WHERE id <> $1 AND until >= $2",
    )
    .bind(node)
    .bind(now)
    .bind(now.after(lease.saturating_sub(SILENCE)))
    .fetch_all(&mut *conn)
    .await?;
    let is_dead =
        |(_, place, is_gone): &(_, Option<String>, bool)| *is_gone || place.as_deref().is_some_and(place::is_deserted);
    for (dead, ..) in others.into_iter().filter(is_dead) {
        tracing::info!(node = %dead.0, "a node ended without a word; what it had is free");
        let ended = now.before(Duration::from_millis(1));
        sqlx::query("UPDATE nodes SET until = $1 WHERE id = $2").bind(ended).bind(dead).execute(&mut *conn).await?;
        renew(conn, dead, ended).await?;
        free_jobs(conn, dead).await?;
    }
    Ok(())
}

async fn beat(
    conn: &mut PgConnection,
    node: NodeId,
    (session, place): (&str, Option<&str>),
    lease: Duration,
    idle: &HashSet<HookId>,
) -> Result<Beat, Error> {
    let now = now(conn).await?;
    let until = now.after(lease);
    sqlx::query(
        "INSERT INTO nodes (id, started_at, until, session, place) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET until = excluded.until",
    )
    .bind(node)
    .bind(now)
    .bind(until)
    .bind(session)
    .bind(place)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM nodes WHERE until < $1").bind(now.before(FORGET)).execute(&mut *conn).await?;
    let alive: Vec<(NodeId,)> =
        sqlx::query_as("SELECT id FROM nodes WHERE until >= $1").bind(now).fetch_all(&mut *conn).await?;
    let alive: Vec<NodeId> = alive.into_iter().map(|(node,)| node).collect();
    let is_strange = |hook: &HookId| meant_for(*hook, &alive).is_some_and(|meant| meant != node);
    renew(conn, node, until).await?;
    give_back(conn, node, idle.iter().copied().filter(is_strange)).await?;
    take(conn, node, &alive, now, until).await?;
    let lanes: Vec<(HookId, i64)> =
        sqlx::query_as("SELECT hook_id, fence FROM lanes WHERE node_id = $1 AND until >= $2")
            .bind(node)
            .bind(now)
            .fetch_all(&mut *conn)
            .await?;
    let (version,): (i64,) = sqlx::query_as("SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0")
        .fetch_one(&mut *conn)
        .await?;
    let strangers = lanes.iter().map(|(hook, _)| *hook).filter(is_strange).collect();
    Ok(Beat { lanes: lanes.into_iter().collect(), strangers, version })
}

async fn retire(conn: &mut PgConnection, node: NodeId, lease: Duration, idle: &HashSet<HookId>) -> Result<(), Error> {
    sqlx::query("DELETE FROM nodes WHERE id = $1").bind(node).execute(&mut *conn).await?;
    let until = now(conn).await?.after(lease);
    renew(conn, node, until).await?;
    give_back(conn, node, idle.iter().copied()).await
}

/// What time it is for everybody: the database's, where nodes share one.
pub(super) async fn database_now(conn: &mut Conn, clock: &Clock) -> Result<Timestamp, Error> {
    let Link::Postgres(connection) = &mut conn.link else { return Ok(clock.now()) };
    now(connection).await
}

async fn now(conn: &mut PgConnection) -> Result<Timestamp, Error> {
    let (now,): (Timestamp,) =
        sqlx::query_as("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)").fetch_one(conn).await?;
    Ok(now)
}

/// The node a lane is meant for: the one whose name, mixed with the hook's, is the largest.
fn meant_for(hook: HookId, alive: &[NodeId]) -> Option<NodeId> {
    alive.iter().copied().max_by_key(|node| mix(hook.0.as_u128() ^ node.0.as_u128().rotate_left(64)))
}

/// Spreads the bits of a number evenly (the finaliser of MurmurHash3, on both halves).
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

/// Keeps what a node has. Also after its lease has run out, as long as nobody took the lane: then nobody else delivered
/// under it, and results that are still to be recorded (the database was away, say) are as good as ever.
async fn renew(conn: &mut PgConnection, node: NodeId, until: Timestamp) -> Result<(), Error> {
    sqlx::query(
        "WITH mine AS (SELECT hook_id FROM lanes WHERE node_id = $1 ORDER BY hook_id FOR NO KEY UPDATE)
         UPDATE lanes SET until = $2 FROM mine WHERE lanes.hook_id = mine.hook_id",
    )
    .bind(node)
    .bind(until)
    .execute(conn)
    .await?;
    Ok(())
}

/// Lanes with nothing in flight that another node should have.
async fn give_back(conn: &mut PgConnection, node: NodeId, hooks: impl Iterator<Item = HookId>) -> Result<(), Error> {
    for hook in hooks {
        sqlx::query("UPDATE lanes SET node_id = NULL, until = 0 WHERE hook_id = $1 AND node_id = $2")
            .bind(hook)
            .bind(node)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Lanes that nobody holds. Those of new hooks get their row here; those of deleted hooks only while something is open.
async fn take(
    conn: &mut PgConnection,
    node: NodeId,
    alive: &[NodeId],
    now: Timestamp,
    until: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO lanes (hook_id, fence, until)
         SELECT h.id, 0, 0 FROM hooks h
         WHERE h.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM lanes l WHERE l.hook_id = h.id)
         ORDER BY h.id
         ON CONFLICT (hook_id) DO NOTHING",
    )
    .execute(&mut *conn)
    .await?;
    let free: Vec<(HookId,)> = sqlx::query_as(
        "SELECT l.hook_id FROM lanes l JOIN hooks h ON h.id = l.hook_id
         WHERE l.until < $1 AND (h.deleted_at IS NULL OR EXISTS (
           SELECT 1 FROM deliveries d WHERE d.hook_id = h.id AND d.state IN ('pending', 'waiting', 'held')))",
    )
    .bind(now)
    .fetch_all(&mut *conn)
    .await?;
    let mine: Vec<HookId> =
        free.into_iter().map(|(hook,)| hook).filter(|hook| meant_for(*hook, alive) == Some(node)).collect();
    for ids in padded(&mine) {
        let mut query = sqlx::QueryBuilder::new("WITH free AS (SELECT hook_id FROM lanes WHERE until < ");
        query.push_bind(now).push(" AND hook_id IN ");
        push_list!(query, &ids);
        query.push(" ORDER BY hook_id FOR UPDATE SKIP LOCKED) UPDATE lanes SET fence = fence + 1, node_id = ");
        query.push_bind(node).push(", until = ").push_bind(until);
        query.push(" FROM free WHERE lanes.hook_id = free.hook_id");
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// A node that goes in order leaves its lanes and jobs to the others at once.
pub(in crate::engine) async fn leave(db: &Db, node: NodeId) -> Result<(), Error> {
    let Db::Postgres { pool, .. } = db else { return Ok(()) };
    let mut conn = pool.acquire().await?;
    sqlx::query(
        "WITH mine AS (SELECT hook_id FROM lanes WHERE node_id = $1 ORDER BY hook_id FOR NO KEY UPDATE)
         UPDATE lanes SET node_id = NULL, until = 0 FROM mine WHERE lanes.hook_id = mine.hook_id",
    )
    .bind(node)
    .execute(&mut *conn)
    .await?;
    free_jobs(&mut conn, node).await?;
    sqlx::query("DELETE FROM nodes WHERE id = $1").bind(node).execute(&mut *conn).await?;
    Ok(())
}

async fn free_jobs(conn: &mut PgConnection, node: NodeId) -> Result<(), Error> {
    sqlx::query("UPDATE jobs SET until = 0 WHERE node_id = $1 AND state = 'running'").bind(node).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn lanes_are_shared_evenly_and_few_move_when_a_node_comes() {
        let node = |number: u128| NodeId(Uuid::from_u128(0x0190_0000 + number));
        let hooks: Vec<HookId> = (0..3000u128).map(|number| HookId(Uuid::from_u128(number << 3))).collect();
        let two = [node(1), node(2)];
        let three = [node(1), node(2), node(3)];
        let share = |alive: &[NodeId], of| hooks.iter().filter(|hook| meant_for(**hook, alive) == Some(of)).count();
        for (alive, fair) in [(&two[..], 1500usize), (&three[..], 1000)] {
            for node in alive {
                assert!(share(alive, *node).abs_diff(fair) < 150, "{}", share(alive, *node));
            }
        }
        let moved = hooks.iter().filter(|hook| meant_for(**hook, &two) != meant_for(**hook, &three));
        assert!(moved.clone().all(|hook| meant_for(*hook, &three) == Some(node(3))));
    }
}
