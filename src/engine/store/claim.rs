//! Who may deliver. A SQLite file has one server, held by a lock on a file beside it. Servers that
//! share a PostgreSQL share the hooks: each hook's lane has a node, and a fence that grows with
//! every new owner.
//!
//! The lease is the node's: a row in `nodes` that ends by the database's clock and that the node
//! renews once a second ([`heartbeat`]). While nothing changes hands, that row is all that is
//! written. When a lease has ended, the first node to notice deletes the row, and from then on the
//! lanes are free. Deleting and renewing meet on that one row, so exactly one of them happens: a
//! node whose row is gone has lost everything, and is told so by its next beat ([`lanes`]).
//!
//! A result is recorded only under the fence it was sent with, so what a node that was thought dead
//! still has to say changes nothing. One of the files that may know which engine it is.

#[cfg(not(feature = "postgres"))]
mod alone;
#[cfg(feature = "postgres")]
mod heartbeat;
#[cfg(feature = "postgres")]
mod lanes;
#[cfg(feature = "postgres")]
mod nodes;
#[cfg(feature = "postgres")]
mod place;

use std::{collections::HashSet, fs::File};

#[cfg(not(feature = "postgres"))]
pub(in crate::engine) use alone::{Beat, Heartbeat, leave};
#[cfg(feature = "postgres")]
pub(in crate::engine) use heartbeat::{Beat, Heartbeat, leave};
#[cfg(feature = "postgres")]
pub use nodes::{Listed, listed};

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

/// Held for as long as a server runs; goes with its process, however that ends.
pub(super) struct FileClaim(File);

/// Claims a SQLite file, or says that another server has it. Servers that share a PostgreSQL claim
/// nothing here.
pub(super) fn claim_file(db: &Db) -> Result<Option<FileClaim>, Error> {
    let Some(file) = db.file() else { return Ok(None) };
    Ok(Some(FileClaim(files::claim(file)?)))
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
    match &mut conn.link {
        #[cfg(feature = "sqlite")]
        Link::Sqlite(_) => Ok(fences.clone()),
        #[cfg(feature = "postgres")]
        Link::Postgres(conn) => lanes::still_ours(conn, fences).await,
    }
}

/// What time it is for all servers: the database's, where they share one.
pub(super) async fn database_now(conn: &mut Conn, clock: &Clock) -> Result<Timestamp, Error> {
    match &mut conn.link {
        #[cfg(feature = "sqlite")]
        Link::Sqlite(_) => Ok(clock.now()),
        #[cfg(feature = "postgres")]
        Link::Postgres(conn) => {
            let _not_the_databases = clock;
            nodes::now(conn).await
        }
    }
}

/// Makes the database's time the clock's, where servers share one. Each beat does so again.
pub(in crate::engine) async fn agree(db: &Db, clock: &Clock) -> Result<(), Error> {
    if !db.is_postgres() {
        return Ok(());
    }
    let mut conn = db.read().await?;
    let asked = clock.stopwatch();
    clock.agree(asked, database_now(&mut conn, clock).await?);
    Ok(())
}
