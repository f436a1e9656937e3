//! Manages the disk space of a SQLite database in use: restarts the write-ahead log although reads
//! overlap, and returns free pages to the disk in small batches. PostgreSQL does both
//! automatically. One of the files that may know which engine is in use.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures::future::try_join_all;
use rusqlite::Connection;

use super::{
    commit::{self, Unwritten},
    db::{Conn, Db, LONGEST_READ, READERS, WAL_SIZE_LIMIT},
    error::Error,
};

/// Beyond this size the log must restart, even if that delays reads for longer.
const LOG_URGENT: u64 = 4 * WAL_SIZE_LIMIT;

/// How long new reads wait while the reads in progress drain.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the final part of the checkpoint, which blocks the writer, may wait for locks.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 100";

/// Free bytes to keep in the file for new rows, or 5 % of it if that is more.
const KEEP_FREE: i64 = 16 * 1024 * 1024;

/// Sizes of the database files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub bytes: i64,
    /// Bytes of these in free pages.
    pub free: i64,
    /// Bytes of the write-ahead log.
    pub log: u64,
    /// Whether free pages can be returned to the disk while the database is in use (incremental
    /// auto-vacuum).
    pub shrinks: bool,
}

impl Files {
    /// Is there so much free space that some should be returned to the disk?
    pub fn is_too_large(&self) -> bool {
        self.shrinks && self.free > KEEP_FREE.max(self.bytes / 20)
    }
}

/// See [`Db::about`].
#[derive(Clone, Debug)]
pub struct About {
    pub kind: &'static str,
    pub version: String,
    pub bytes: i64,
    /// `None` on PostgreSQL.
    pub files: Option<Files>,
}

impl Db {
    /// Engine, version and size of the database, for operators.
    pub async fn about(&self) -> Result<About, Error> {
        let (kind, version, bytes): (_, String, i64) = match self {
            Self::Sqlite { readers, .. } => {
                let text = "SELECT sqlite_version(), c.page_count * s.page_size FROM \
                            pragma_page_count() c, pragma_page_size() s";
                let (version, bytes) = sqlx::query_as(text).fetch_one(readers).await?;
                ("SQLite", version, bytes)
            }
            Self::Postgres { pool, reach, .. } => {
                let text = "SELECT current_setting('server_version'), \
                            pg_database_size(current_database())";
                let (version, bytes) =
                    sqlx::query_as(text).fetch_one(&mut *reach.acquire(pool).await?).await?;
                ("PostgreSQL", version, bytes)
            }
        };
        Ok(About { kind, version, bytes, files: read_files(self).await? })
    }

    /// The database file; `None` on PostgreSQL.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { writer, .. } => Some(writer.get_filename()),
            Self::Postgres { .. } => None,
        }
    }
}

/// `None` on PostgreSQL.
async fn read_files(db: &Db) -> Result<Option<Files>, Error> {
    let Db::Sqlite { readers, .. } = db else { return Ok(None) };
    let (bytes, free, mode): (i64, i64, i64) = sqlx::query_as(
        "SELECT c.page_count * s.page_size, f.freelist_count * s.page_size, v.auto_vacuum
         FROM pragma_page_count() c, pragma_page_size() s, pragma_freelist_count() f, \
         pragma_auto_vacuum() v",
    )
    .fetch_one(readers)
    .await?;
    const INCREMENTAL: i64 = 2;
    Ok(Some(Files { bytes, free, log: log_bytes(db), shrinks: mode == INCREMENTAL }))
}

/// Size of SQLite's write-ahead log in bytes, from the file system only.
pub(in crate::engine) fn log_bytes(db: &Db) -> u64 {
    let Some(file) = db.file() else { return 0 };
    let mut path = file.as_os_str().to_owned();
    path.push("-wal");
    std::fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
}

/// Checkpoints the write-ahead log, restarts it and truncates its file.
///
/// A reader pins the log for as long as it reads, and with overlapping reads one always does. So
/// new reads are blocked for a moment by taking every connection of the read pool, once the reads
/// in progress have ended. The writer continues meanwhile and waits only for the last few pages.
/// Returns `false` if the reads did not drain in time: try again later.
pub(in crate::engine) async fn restart_log(db: &Db) -> Result<bool, Error> {
    let Db::Sqlite { readers, .. } = db else { return Ok(true) };
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

/// Returns a few free pages at the end of the file to the disk. Repeat while
/// [`Files::is_too_large`].
pub(in crate::engine) async fn release(conn: &mut Conn) -> Result<(), Error> {
    if conn.is_postgres() { Ok(()) } else { conn.control("PRAGMA incremental_vacuum(256)").await }
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
        None => {
            return Err(Error::Unfit(
                "compact is for SQLite only; PostgreSQL reclaims space automatically".to_owned(),
            ));
        }
        Some(Ok(conn)) => work(&conn).map_err(Unwritten::from),
        Some(Err(unwritten)) => Err(unwritten),
    };
    done.map_err(|unwritten| match unwritten {
        Unwritten::Fault(error) | Unwritten::Failed(error) | Unwritten::Unknown(error) => error,
        Unwritten::Stale => Error::Closed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_free_space_is_kept_for_new_rows() {
        const MIB: i64 = 1024 * 1024;
        let files = |bytes: i64, free: i64| Files {
            bytes: bytes * MIB,
            free: free * MIB,
            log: 0,
            shrinks: true,
        };
        assert!(!files(100, 16).is_too_large());
        assert!(files(100, 17).is_too_large());
        assert!(!files(1000, 50).is_too_large());
        assert!(files(1000, 51).is_too_large());
        assert!(
            !Files { shrinks: false, ..files(1000, 900) }.is_too_large(),
            "it has to be compacted first"
        );
    }
}
