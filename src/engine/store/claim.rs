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

#[cfg(not(feature = "postgres"))]
mod alone;
#[cfg(feature = "postgres")]
mod heartbeat;
#[cfg(feature = "postgres")]
mod lanes;
#[cfg(feature = "postgres")]
mod nodes;
#[cfg(feature = "postgres")]
mod process;

use std::{collections::HashSet, fs::File};

#[cfg(not(feature = "postgres"))]
pub(in crate::engine) use alone::{Beat, Heartbeat, leave};
#[cfg(feature = "postgres")]
pub(in crate::engine) use heartbeat::{Beat, Heartbeat, leave};
#[cfg(feature = "postgres")]
pub use nodes::{NodeStatus, list_nodes};

use super::{
    db::{Conn, Db, Link},
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
    let Some(file) = db.file() else { return Ok(None) };
    Ok(Some(FileClaim(files::claim(file)?)))
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
    match &mut conn.link {
        #[cfg(feature = "sqlite")]
        Link::Sqlite(_) => Ok(fences.clone()),
        #[cfg(feature = "postgres")]
        Link::Postgres(conn) => lanes::still_held(conn, fences).await,
    }
}

/// The time that all nodes agree on: that of the PostgreSQL server. On SQLite, `clock.now()`.
pub(super) async fn database_now(conn: &mut Conn, clock: &Clock) -> Result<Timestamp, Error> {
    match &mut conn.link {
        #[cfg(feature = "sqlite")]
        Link::Sqlite(_) => Ok(clock.now()),
        #[cfg(feature = "postgres")]
        Link::Postgres(conn) => {
            // The time of this machine does not count here.
            let _ = clock;
            nodes::now(conn).await
        }
    }
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
