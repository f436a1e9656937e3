//! SQLite's files while they are in use: the write-ahead log starts over, and free pages go back to
//! the disk.

use std::time::Duration;

use futures::future::try_join_all;
use rusqlite::Connection;
use sqlx::{Pool, Sqlite};

use super::{Files, log_bytes};
use crate::engine::store::{
    commit::{self, Unwritten},
    db::{Db, LOG_MARK, LONGEST_READ, READERS},
    error::Error,
};

/// A log of so many bytes has to start over, even if reads wait longer for that.
const LOG_ALARM: u64 = 4 * LOG_MARK;

/// How long reads are kept waiting for those under way to end.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long the writer may be held up by the part of it that keeps others from writing.
const BUSY: &str = "PRAGMA busy_timeout = 100";

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

/// Lets the log start over, and cuts its file. A reader keeps the log from that for as long as it
/// reads from it, and where reads overlap one of them always does. So none is begun for a moment:
/// all of the pool's connections are taken, as soon as the reads under way have ended. The writer
/// goes on meanwhile; it waits only for the last few pages. `false`: the reads took longer than
/// others should wait, and it has to be tried again.
pub(super) async fn restart_log(db: &Db, readers: &Pool<Sqlite>) -> Result<bool, Error> {
    let patience = if log_bytes(db) > LOG_ALARM { LONGEST_READ + PATIENCE } else { PATIENCE };
    let all = try_join_all((0..READERS).map(|_| readers.acquire()));
    let Ok(held) = tokio::time::timeout(patience, all).await else { return Ok(false) };
    let (held, own) = (held?, db.clone());
    let restarted = tokio::task::spawn_blocking(move || {
        with_connection(&own, |conn| {
            conn.execute_batch(BUSY)?;
            // Nearly all of it is written back while others write; then what came meanwhile, while
            // nobody does.
            conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                Ok(row.get::<_, i64>(0)? == 0)
            })
        })
    });
    let restarted = restarted.await.unwrap_or(Err(Error::Panicked));
    drop(held);
    restarted
}

/// Writes the whole database anew, without free pages, so that from now on it gives them back by
/// itself. Takes as long as the file is large, and as much space again; nobody else may use the
/// database meanwhile.
pub(super) async fn compact(db: &Db) -> Result<(), Error> {
    let own = db.clone();
    let compacted = tokio::task::spawn_blocking(move || {
        with_connection(&own, |conn| {
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
