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

mod heartbeat;
mod lanes;
mod nodes;
mod place;

use std::{collections::HashSet, fs::File};

pub(in crate::engine) use heartbeat::{Beat, Heartbeat, leave};
pub use nodes::{Listed, listed};
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

/// Held for as long as a server runs; goes with its process, however that ends.
pub(super) struct FileClaim(File);

/// Claims a SQLite file, or says that another server has it. Servers that share a PostgreSQL claim
/// nothing here.
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
    // Every transaction locks rows of this table in this order: else two could wait for each other.
    hooks.sort_unstable();
    let mut ours = HashSet::new();
    for ids in padded(&hooks) {
        let mut query =
            sqlx::QueryBuilder::new("SELECT hook_id, node_id, fence FROM lanes WHERE hook_id IN ");
        push_list!(query, &ids);
        query.push(" ORDER BY hook_id FOR SHARE");
        let rows: Vec<(HookId, Option<NodeId>, i64)> =
            query.build_query_as().fetch_all(&mut **connection).await?;
        ours.extend(
            rows.into_iter()
                .filter_map(|(hook, node, number)| Some((hook, Fence { node: node?, number }))),
        );
    }
    Ok(fences.intersection(&ours).copied().collect())
}

/// What time it is for all servers: the database's, where they share one.
pub(super) async fn database_now(conn: &mut Conn, clock: &Clock) -> Result<Timestamp, Error> {
    let Link::Postgres(connection) = &mut conn.link else { return Ok(clock.now()) };
    now(connection).await
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

async fn now(conn: &mut PgConnection) -> Result<Timestamp, Error> {
    let (now,): (Timestamp,) =
        sqlx::query_as("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
            .fetch_one(conn)
            .await?;
    Ok(now)
}
