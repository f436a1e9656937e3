//! The bulk write to SQLite: one blocking call on a connection of its own.

use std::panic::AssertUnwindSafe;

use super::{super::WriterTask, Bulk, Plans};
use crate::engine::store::{
    commit::{self, Unwritten, plan::Rows},
    db::Db,
    error::Error,
    events::Planned,
};

impl WriterTask {
    /// `None` only while the runtime shuts down: no caller waits any more.
    pub(super) async fn write_sqlite(
        &mut self,
        bulk: Bulk,
        plans: Plans,
    ) -> Option<(Bulk, Result<Plans, Unwritten>)> {
        let (bulk_conn, db, shard) = (self.bulk_conn.take(), self.db.clone(), self.context.shard);
        let writing = tokio::task::spawn_blocking(move || {
            // A panic drops the connection, which rolls back. Reported as a fault, so that the
            // items are retried one by one.
            let write = AssertUnwindSafe(|| write_blocking(bulk_conn, &db, shard, &bulk, &plans));
            let panicked = |_| (None, Err(Unwritten::Fault(Error::Panicked)));
            let (bulk_conn, written) = std::panic::catch_unwind(write).unwrap_or_else(panicked);
            (bulk_conn, bulk, written.map(|()| plans))
        });
        let (bulk_conn, bulk, written) = writing.await.ok()?;
        self.bulk_conn = bulk_conn;
        Some((bulk, written))
    }
}

/// Opens the connection if necessary, and commits. Blocking. Returns the connection unless it
/// failed.
fn write_blocking(
    bulk_conn: Option<rusqlite::Connection>,
    db: &Db,
    shard: i64,
    bulk: &Bulk,
    plans: &[Vec<Vec<Planned>>],
) -> (Option<rusqlite::Connection>, Result<(), Unwritten>) {
    let opened = match bulk_conn {
        Some(bulk_conn) => Some(Ok(bulk_conn)),
        None => commit::sqlite::open(db),
    };
    let mut bulk_conn = match opened {
        Some(Ok(bulk_conn)) => bulk_conn,
        Some(Err(unwritten)) => return (None, Err(unwritten)),
        None => return (None, Err(Unwritten::Failed(Error::Closed))),
    };
    let rows = Rows::of(&bulk.accepts(), plans, &bulk.finished());
    let written = commit::sqlite::commit(&mut bulk_conn, shard, &rows);
    let is_broken = matches!(written, Err(Unwritten::Failed(_)));
    ((!is_broken).then_some(bulk_conn), written)
}
