//! Looks after the space that a SQLite database takes while it is in use: its write-ahead log
//! starts over although reads overlap, and pages that retention freed go back to the disk, a few at
//! a time. PostgreSQL does both by itself. One of the files that know which engine it is.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures::future::try_join_all;
use rusqlite::Connection;

use super::{
    commit::{self, Unwritten},
    db::{Conn, Db, LOG_MARK, LONGEST_READ, READERS},
    error::Error,
};

/// A log of so many bytes has to start over, even if reads wait longer for that.
const LOG_ALARM: u64 = 4 * LOG_MARK;

/// How long reads are kept waiting for those under way to end.
const PATIENCE: Duration = Duration::from_secs(1);
/// For how long the writer may be held up by the part of it that keeps others from writing.
const BUSY: &str = "PRAGMA busy_timeout = 100";

/// Free bytes that stay in the file for what comes next, beside a twentieth of it.
const SPARE: i64 = 16 * 1024 * 1024;

/// What the files are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub bytes: i64,
    /// Of these, in pages that hold nothing.
    pub free: i64,
    /// Bytes of the write-ahead log.
    pub log: u64,
    /// Free pages can be given back to the disk while it is in use.
    pub shrinks: bool,
}

impl Files {
    /// There is so much free space that some of it should go back to the disk.
    pub fn is_too_large(&self) -> bool {
        self.shrinks && self.free > SPARE.max(self.bytes / 20)
    }
}

/// See [`Db::about`].
#[derive(Clone, Debug)]
pub struct About {
    pub kind: &'static str,
    pub version: String,
    pub bytes: i64,
    /// Of SQLite.
    pub files: Option<Files>,
}

impl Db {
    /// What the database is, for whoever looks after it.
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
        Ok(About { kind, version, bytes, files: look(self).await? })
    }

    /// The file of a SQLite.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { writer, .. } => Some(writer.get_filename()),
            Self::Postgres { .. } => None,
        }
    }
}

/// `None` on PostgreSQL.
async fn look(db: &Db) -> Result<Option<Files>, Error> {
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

/// Bytes of SQLite's log; a look at the folder, not at the database.
pub(in crate::engine) fn log_bytes(db: &Db) -> u64 {
    let Some(file) = db.file() else { return 0 };
    let mut path = file.as_os_str().to_owned();
    path.push("-wal");
    std::fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
}

/// Lets the log start over, and cuts its file. A reader keeps the log from that for as long as it
/// reads from it, and where reads overlap one of them always does. So none is begun for a moment:
/// all of the pool's connections are taken, as soon as the reads under way have ended. The writer
/// goes on meanwhile; it waits only for the last few pages. `false`: the reads took longer than
/// others should wait, and it has to be tried again.
pub(in crate::engine) async fn restart_log(db: &Db) -> Result<bool, Error> {
    let Db::Sqlite { readers, .. } = db else { return Ok(true) };
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

/// Gives a few free pages at the end of the file back. To be repeated while
/// [`Files::is_too_large`].
pub(in crate::engine) async fn release(conn: &mut Conn) -> Result<(), Error> {
    if conn.is_postgres() { Ok(()) } else { conn.control("PRAGMA incremental_vacuum(256)").await }
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
        None => {
            return Err(Error::Unfit(
                "this is for SQLite; PostgreSQL gives space back by itself".to_owned(),
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
    fn some_space_stays_free_for_what_comes_next() {
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
