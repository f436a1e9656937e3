//! The rows of `nodes`: who is there, until when, and whose lease has ended. All times are the
//! database's.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{lanes, place};
use crate::{
    domain::{id::NodeId, permission::Grant, time::Timestamp},
    engine::store::{
        db::{Conn, on_db},
        error::Error,
    },
};

/// A node that has said nothing for so long missed a beat.
const SILENCE: Duration = Duration::from_secs(2);

/// What a node says of itself with every beat.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeRow {
    pub(super) lease: Duration,
    pub(super) skew: i64,
    /// It is going, and is to get nothing more.
    pub(super) is_retiring: bool,
}

/// What it hears in return.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Heard {
    pub(super) now: Timestamp,
    /// Its row is there. When it is not, another node has found that the lease had ended.
    pub(super) is_listed: bool,
    /// How it stood before this beat: had the lease ended already?
    pub(super) was_late: bool,
    pub(super) hooks_version: i64,
    pub(super) lanes_version: i64,
    /// The nodes whose leases run and that are not going, this one among them.
    pub(super) alive: Vec<Uuid>,
    /// The lease of some other node has ended.
    pub(super) has_dead: bool,
    /// There is a job that no living node works on.
    pub(super) has_job: bool,
}

/// What time it is by the database's clock.
pub(super) async fn now(conn: &mut PgConnection) -> Result<Timestamp, Error> {
    let (now,): (Timestamp,) =
        sqlx::query_as("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
            .fetch_one(conn)
            .await?;
    Ok(now)
}

/// A beat that finds nothing to do: one statement, whatever the number of hooks.
pub(super) async fn beat(
    conn: &mut PgConnection,
    node: NodeId,
    row: NodeRow,
) -> Result<Heard, Error> {
    let heard = sqlx::query_as(
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
                EXISTS (SELECT 1 FROM nodes WHERE until < t.now AND id <> $1) AS has_dead,
                EXISTS (SELECT 1 FROM jobs WHERE state = 'running' AND until < t.now) AS has_job
         FROM t",
    );
    let lease = i64::try_from(row.lease.as_millis()).unwrap_or(i64::MAX);
    Ok(heard.bind(node).bind(lease).bind(row.skew).bind(row.is_retiring).fetch_one(conn).await?)
}

/// Lists a node that is not listed.
pub(super) async fn enter(
    conn: &mut PgConnection,
    node: NodeId,
    (session, place): (&str, Option<&str>),
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
    .bind(place)
    .bind(row.skew)
    .bind(row.is_retiring)
    .execute(conn)
    .await?;
    Ok(())
}

/// Strikes nodes out, and tells all others in the same statement that lanes are free: what such a
/// node had may be meant for one that sees no other reason to look.
macro_rules! strike_out {
    ($which:literal) => {
        concat!(
            "WITH gone AS (DELETE FROM nodes WHERE ",
            $which,
            " RETURNING id),
                  told AS (UPDATE counters SET value = value + 1
                           WHERE name = 'lanes_version' AND shard = 0 AND EXISTS (SELECT 1 FROM \
                           gone))
             SELECT id FROM gone"
        )
    };
}

/// Strikes out the nodes whose leases have ended; what they had is free from now on. A node that
/// renews its lease at this moment is struck out before that or not at all.
pub(super) async fn reap(conn: &mut PgConnection, node: NodeId) -> Result<(), Error> {
    let dead: Vec<(NodeId,)> = sqlx::query_as(strike_out!(
        "id <> $1 AND until < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    ))
    .bind(node)
    .fetch_all(&mut *conn)
    .await?;
    for (dead,) in dead {
        tracing::warn!(node = %dead, "a node has said nothing for a whole lease; what it had is \
                                      free");
        lanes::free_jobs(conn, dead).await?;
    }
    Ok(())
}

/// Ends the leases of nodes that ended without saying so. Of those on this machine the kernel knows;
/// of others PostgreSQL does, when none of their connections is left and they have not been heard
/// of for a while: one whose connections were cut has others by then.
pub(super) async fn bury_deserted(
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
    .bind(now.after(lease.saturating_sub(SILENCE)))
    .fetch_all(&mut *conn)
    .await?;
    let is_dead = |(_, _, place, is_gone): &(NodeId, Timestamp, Option<String>, bool)| {
        *is_gone || place.as_deref().is_some_and(place::is_deserted)
    };
    for (dead, until, ..) in others.into_iter().filter(is_dead) {
        // Unless it has just said something.
        let struck = sqlx::query(strike_out!("id = $1 AND until = $2")).bind(dead).bind(until);
        if struck.fetch_optional(&mut *conn).await?.is_some() {
            tracing::info!(node = %dead, "a node ended without a word; what it had is free");
            lanes::free_jobs(conn, dead).await?;
        }
    }
    Ok(())
}

/// Strikes out a node that goes in order.
pub(super) async fn strike_out(conn: &mut PgConnection, node: NodeId) -> Result<(), Error> {
    sqlx::query(strike_out!("id = $1")).bind(node).fetch_optional(conn).await?;
    Ok(())
}

/// A node as the others see it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Listed {
    pub id: NodeId,
    pub started_at: Timestamp,
    /// When its lease ends.
    pub until: Timestamp,
    /// By how many milliseconds its own clock is ahead of the database's.
    pub skew_ms: i64,
}

/// The nodes that share this database; none on SQLite.
pub async fn listed(conn: &mut Conn, _by: &Grant) -> Result<Vec<Listed>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as("SELECT id, started_at, until, skew_ms FROM nodes ORDER \
            BY \
        id").fetch_all(c).await)?)
}
