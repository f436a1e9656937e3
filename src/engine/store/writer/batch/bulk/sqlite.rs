//! A bulk write to SQLite: one blocking call on a connection of its own.

use std::panic::AssertUnwindSafe;

use super::{super::WriterTask, Bulk, Plans};
use crate::engine::store::{
    commit::{self, Unwritten, plan::Rows},
    db::Db,
    error::Error,
    events::Planned,
};

impl WriterTask {
    /// `None` only while the runtime itself is taken down: then no caller waits any more.
    pub(super) async fn write_sqlite(
        &mut self,
        bulk: Bulk,
        plans: Plans,
    ) -> Option<(Bulk, Result<Plans, Unwritten>)> {
        let (bulk_conn, db, shard) = (self.bulk_conn.take(), self.db.clone(), self.context.shard);
        let writing = tokio::task::spawn_blocking(move || {
            // A panic drops the connection and with it the open transaction; then it is written one
            // by one.
            let write = AssertUnwindSafe(|| write_now(bulk_conn, &db, shard, &bulk, &plans));
            let panicked = |_| (None, Err(Unwritten::Fault(Error::Panicked)));
            let (bulk_conn, written) = std::panic::catch_unwind(write).unwrap_or_else(panicked);
            (bulk_conn, bulk, written.map(|()| plans))
        });
        let (bulk_conn, bulk, written) = writing.await.ok()?;
        self.bulk_conn = bulk_conn;
        Some((bulk, written))
    }
}

/// The connection is given back where it can be used again.
fn write_now(
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
