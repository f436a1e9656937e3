//! Ownership: which process may deliver for which hook.
//!
//! A SQLite database has exactly one server, which holds an exclusive lock on a file next to the
//! database. Servers (nodes) that share a PostgreSQL divide the hooks among themselves. Each hook's
//! lane has an owner and a fencing token, which grows with every change of owner ([`lanes`]).
//!
//! Leases belong to nodes, not to lanes: a row in `nodes` with an expiry time by the clock of the
//! database, which the node renews once a second ([`heartbeat`]). While no lane changes its owner,
//! nothing else is written. The first node that notices an expired lease deletes the row, and that
//! frees all lanes of the expired node. The row lock serialises deletion and renewal, so exactly
//! one of them happens. A node whose row is gone has lost all its lanes, and its next heartbeat
//! says so.
//!
//! The result of an attempt is recorded only if the lane still has the fencing token under which it
//! was sent. So late results of a node that was declared dead are discarded.
//!
//! One of the files that may know which database engine is in use.

mod heartbeat;
mod lanes;
mod nodes;
mod process;

use std::{collections::HashSet, fs::File};

pub(in crate::engine) use heartbeat::{Beat, Heartbeat, leave};
pub use nodes::{NodeStatus, list_nodes};
use sqlx::PgConnection;

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

/// The lock of the running server on its SQLite database. The operating system releases it when the
/// process ends, even after a crash.
pub(super) struct FileClaim(File);

/// Locks a SQLite database for this server; fails with [`Error::Unfit`] if another server holds the
/// lock. `None` on PostgreSQL, which needs no such lock.
pub(super) fn claim_file(db: &Db) -> Result<Option<FileClaim>, Error> {
    let Db::Sqlite { writer, .. } = db else { return Ok(None) };
    Ok(Some(FileClaim(files::claim(writer.get_filename())?)))
}

impl FileClaim {
    pub(super) fn release(self) {
        // If this fails, the lock is released when the process ends.
        drop(self.0.unlock());
    }
}

/// A fencing token: identifies one period of ownership of a lane. `number` grows with every change
/// of owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    pub node: NodeId,
    pub number: i64,
}

/// The subset of `fences` that is still valid. The lane rows are share-locked, so they stay valid
/// until this transaction ends. On SQLite all are valid.
pub(super) async fn still_held(
    conn: &mut Conn,
    fences: &HashSet<(HookId, Fence)>,
) -> Result<HashSet<(HookId, Fence)>, Error> {
    let Link::Postgres(connection) = &mut conn.link else { return Ok(fences.clone()) };
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
            query.build_query_as().fetch_all(&mut **connection).await?;
        current.extend(
            rows.into_iter()
                .filter_map(|(hook, node, number)| Some((hook, Fence { node: node?, number }))),
        );
    }
    Ok(fences.intersection(&current).copied().collect())
}

/// The time that all nodes agree on: that of the PostgreSQL server. On SQLite, `clock.now()`.
pub(super) async fn database_now(conn: &mut Conn, clock: &Clock) -> Result<Timestamp, Error> {
    let Link::Postgres(connection) = &mut conn.link else { return Ok(clock.now()) };
    now(connection).await
}

/// Synchronises `clock` with the PostgreSQL server; every heartbeat does so again. Does nothing on
/// SQLite.
pub(in crate::engine) async fn sync_clock(db: &Db, clock: &Clock) -> Result<(), Error> {
    if !db.is_postgres() {
        return Ok(());
    }
    let mut conn = db.read().await?;
    let sent_at = clock.stopwatch();
    clock.synchronise(sent_at, database_now(&mut conn, clock).await?);
    Ok(())
}

async fn now(conn: &mut PgConnection) -> Result<Timestamp, Error> {
    let (now,): (Timestamp,) =
        sqlx::query_as("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
            .fetch_one(conn)
            .await?;
    Ok(now)
}
