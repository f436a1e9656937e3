//! The table `nodes`: one row per live node, with the expiry time of its lease. All times come from
//! the database server, so the clocks of the nodes do not matter.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{lanes, process};
use crate::{
    domain::{
        id::NodeId,
        permission::{Grant, right},
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, on_db},
        error::Error,
    },
};

/// A node whose last renewal is older than this has missed a heartbeat.
const HEARTBEAT_GRACE: Duration = Duration::from_secs(2);

/// The columns that a node writes with every heartbeat.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeRow {
    pub(super) lease: Duration,
    /// The node's clock minus the database's, in milliseconds.
    pub(super) skew: i64,
    /// The node is shutting down and must not be assigned any lanes.
    pub(super) is_retiring: bool,
}

/// The reply to a heartbeat.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct HeartbeatReply {
    pub(super) now: Timestamp,
    /// The node's row exists. If not, another node found the lease expired and deleted the row.
    pub(super) is_listed: bool,
    /// The lease had expired before this heartbeat renewed it.
    pub(super) was_late: bool,
    /// The counter of changes of hooks.
    pub(super) hooks_version: i64,
    /// The counter of lanes that became free.
    pub(super) lanes_version: i64,
    /// The nodes that are not retiring and whose leases have not expired, in order of their ids.
    /// This node's own lease counts as not expired. The owner of a lane is computed from this list.
    pub(super) alive: Vec<Uuid>,
    /// The lease of another node has expired.
    pub(super) has_expired_node: bool,
    /// There is a running job whose lease has expired.
    pub(super) has_orphaned_job: bool,
}

/// The time of the database server.
pub(super) async fn now(conn: &mut PgConnection) -> Result<Timestamp, Error> {
    let (now,): (Timestamp,) =
        sqlx::query_as("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
            .fetch_one(conn)
            .await?;
    Ok(now)
}

/// Renews the node's lease and reads whether there is more work to do: one statement, whose cost
/// does not depend on the number of hooks.
pub(super) async fn send_heartbeat(
    conn: &mut PgConnection,
    node: NodeId,
    row: NodeRow,
) -> Result<HeartbeatReply, Error> {
    let query = sqlx::query_as(
        "WITH t AS MATERIALIZED (SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS \
         BIGINT) AS now),
              renewed AS (UPDATE nodes SET until = t.now + $2, skew_ms = $3, retiring = $4 FROM t \
              WHERE id = $1
                          RETURNING id)
         SELECT t.now,
                EXISTS (SELECT 1 FROM renewed) AS is_listed,
                EXISTS (SELECT 1 FROM nodes WHERE id = $1 AND until < t.now) AS was_late,
                (SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0) AS \
                hooks_version,
                (SELECT value FROM counters WHERE name = 'lanes_version' AND shard = 0) AS \
                lanes_version,
                ARRAY(SELECT id FROM nodes WHERE (until >= t.now OR id = $1) AND NOT retiring \
                ORDER BY id) AS alive,
                EXISTS (SELECT 1 FROM nodes WHERE until < t.now AND id <> $1) AS \
                has_expired_node,
                EXISTS (SELECT 1 FROM jobs WHERE state = 'running' AND until < t.now) AS \
                has_orphaned_job
         FROM t",
    );
    let lease = i64::try_from(row.lease.as_millis()).unwrap_or(i64::MAX);
    Ok(query.bind(node).bind(lease).bind(row.skew).bind(row.is_retiring).fetch_one(conn).await?)
}

/// Inserts the row of a node, or renews its lease if the row exists. `session` is the application
/// name of the node's database connections, `identity` that of its process (see [`process`]).
pub(super) async fn register(
    conn: &mut PgConnection,
    node: NodeId,
    (session, identity): (&str, Option<&str>),
    row: NodeRow,
) -> Result<(), Error> {
    let now = now(conn).await?;
    sqlx::query(
        "INSERT INTO nodes (id, started_at, until, session, place, skew_ms, retiring) VALUES ($1, \
         $2, $3, $4, $5, $6, $7)
         ON CONFLICT (id) DO UPDATE SET until = excluded.until",
    )
    .bind(node)
    .bind(now)
    .bind(now.after(row.lease))
    .bind(session)
    .bind(identity)
    .bind(row.skew)
    .bind(row.is_retiring)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes rows of nodes. The same statement increments `lanes_version`, so that every other node
/// looks for free lanes at its next heartbeat.
macro_rules! remove {
    ($which:literal) => {
        concat!(
            "WITH removed AS (DELETE FROM nodes WHERE ",
            $which,
            " RETURNING id),
                  notified AS (UPDATE counters SET value = value + 1
                           WHERE name = 'lanes_version' AND shard = 0 AND EXISTS (SELECT 1 FROM \
                           removed))
             SELECT id FROM removed"
        )
    };
}

/// Deletes the nodes whose leases have expired, which frees their lanes, and frees their jobs. If a
/// node renews its lease concurrently, the renewal either prevents the deletion, or comes too late
/// and the reply to the heartbeat says so.
pub(super) async fn reap(conn: &mut PgConnection, node: NodeId) -> Result<(), Error> {
    let dead: Vec<(NodeId,)> = sqlx::query_as(remove!(
        "id <> $1 AND until < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    ))
    .bind(node)
    .fetch_all(&mut *conn)
    .await?;
    for (dead,) in dead {
        tracing::warn!(node = %dead, "a node sent no heartbeat for a whole lease; its lanes are \
                                      free");
        lanes::free_jobs(conn, dead).await?;
    }
    Ok(())
}

/// Deletes nodes that crashed, before their leases expire. A node has crashed if its process on
/// this machine ended. It is presumed crashed if it missed a heartbeat and has no connection to
/// PostgreSQL: a node that merely lost its connections would have reconnected by then.
pub(super) async fn reap_crashed(
    conn: &mut PgConnection,
    node: NodeId,
    lease: Duration,
) -> Result<(), Error> {
    let now = now(conn).await?;
    let others: Vec<(NodeId, Timestamp, Option<String>, bool)> = sqlx::query_as(
        "SELECT id, until, place, until < $3 AND session IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM pg_stat_activity a
           WHERE a.datname = current_database() AND a.application_name = nodes.session)
         FROM nodes WHERE id <> $1 AND until >= $2",
    )
    .bind(node)
    .bind(now)
    .bind(now.after(lease.saturating_sub(HEARTBEAT_GRACE)))
    .fetch_all(&mut *conn)
    .await?;
    let has_crashed = |row: &(NodeId, Timestamp, Option<String>, bool)| {
        let (_, _, identity, is_disconnected) = row;
        *is_disconnected || identity.as_deref().is_some_and(process::has_ended)
    };
    for (dead, until, ..) in others.into_iter().filter(has_crashed) {
        // The condition on `until` spares a node that has renewed its lease since the query.
        let removal = sqlx::query(remove!("id = $1 AND until = $2")).bind(dead).bind(until);
        if removal.fetch_optional(&mut *conn).await?.is_some() {
            tracing::info!(node = %dead, "a node ended without releasing its lanes; they are free");
            lanes::free_jobs(conn, dead).await?;
        }
    }
    Ok(())
}

/// Deletes the row of a node that shuts down, which frees its lanes.
pub(super) async fn remove(conn: &mut PgConnection, node: NodeId) -> Result<(), Error> {
    sqlx::query(remove!("id = $1")).bind(node).fetch_optional(conn).await?;
    Ok(())
}

/// A node's row, for the status page and `doctor`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct NodeStatus {
    pub id: NodeId,
    pub started_at: Timestamp,
    /// When its lease ends.
    pub until: Timestamp,
    /// The node's clock minus the database's, in milliseconds.
    pub skew_ms: i64,
}

/// The nodes that share this database; none on SQLite.
pub async fn list_nodes(
    conn: &mut Conn,
    _by: &Grant<right::SystemRead>,
) -> Result<Vec<NodeStatus>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as("SELECT id, started_at, until, skew_ms FROM nodes ORDER \
            BY \
        id").fetch_all(c).await)?)
}
