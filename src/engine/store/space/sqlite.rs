//! SQLite's files while they are in use: restarts the write-ahead log, and returns free pages to
//! the disk.

use std::time::Duration;

use futures::future::try_join_all;
use rusqlite::Connection;
use sqlx::{Pool, Sqlite};

use super::{Files, log_bytes};
use crate::engine::store::{
    commit::{self, Unwritten},
    db::{Db, LONGEST_READ, READERS, WAL_SIZE_LIMIT},
    error::Error,
};

/// Beyond this size the log must restart, even if that delays reads for longer.
const LOG_URGENT: u64 = 4 * WAL_SIZE_LIMIT;

/// How long new reads wait while the reads in progress drain.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the final part of the checkpoint, which blocks the writer, may wait for locks.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 100";

pub(super) async fn files(readers: &Pool<Sqlite>, log: u64) -> Result<Files, Error> {
    let (bytes, free, mode): (i64, i64, i64) = sqlx::query_as(
        "SELECT c.page_count * s.page_size, f.freelist_count * s.page_size, v.auto_vacuum
         FROM pragma_page_count() c, pragma_page_size() s, pragma_freelist_count() f, \
         pragma_auto_vacuum() v",
    )
    .fetch_one(readers)
    .await?;
    const INCREMENTAL: i64 = 2;
    Ok(Files { bytes, free, log, shrinks: mode == INCREMENTAL })
}

/// Checkpoints the write-ahead log, restarts it and truncates its file.
///
/// A reader pins the log for as long as it reads, and with overlapping reads one always does. So
/// new reads are blocked for a moment by taking every connection of the read pool, once the reads
/// in progress have ended. The writer continues meanwhile and waits only for the last few pages.
/// Returns `false` if the reads did not drain in time: try again later.
pub(super) async fn restart_log(db: &Db, readers: &Pool<Sqlite>) -> Result<bool, Error> {
    let drain_timeout =
        if log_bytes(db) > LOG_URGENT { LONGEST_READ + DRAIN_TIMEOUT } else { DRAIN_TIMEOUT };
    let all = try_join_all((0..READERS).map(|_| readers.acquire()));
    let Ok(connections) = tokio::time::timeout(drain_timeout, all).await else { return Ok(false) };
    let (connections, owned_db) = (connections?, db.clone());
    let restarted = tokio::task::spawn_blocking(move || {
        with_connection(&owned_db, |conn| {
            conn.execute_batch(BUSY_TIMEOUT)?;
            // The passive checkpoint copies nearly everything while the writer continues. The
            // second one copies the rest while the writer is blocked.
            conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                Ok(row.get::<_, i64>(0)? == 0)
            })
        })
    });
    let restarted = restarted.await.unwrap_or(Err(Error::Panicked));
    drop(connections);
    restarted
}

/// Rewrites the whole database without free pages and switches it to incremental auto-vacuum. Takes
/// time and temporary space in proportion to the size of the file. No other process may use the
/// database meanwhile.
pub(super) async fn compact(db: &Db) -> Result<(), Error> {
    let owned_db = db.clone();
    let compacted = tokio::task::spawn_blocking(move || {
        with_connection(&owned_db, |conn| {
            conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;")?;
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    });
    compacted.await.unwrap_or(Err(Error::Panicked))
}

fn with_connection<T>(
    db: &Db,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, Error> {
    let done = match commit::sqlite::open(db) {
        None => return Err(Error::Closed),
        Some(Ok(conn)) => work(&conn).map_err(Unwritten::from),
        Some(Err(unwritten)) => Err(unwritten),
    };
    done.map_err(|unwritten| match unwritten {
        Unwritten::Fault(error) | Unwritten::Failed(error) | Unwritten::Unknown(error) => error,
        Unwritten::Stale => Error::Closed,
    })
}
