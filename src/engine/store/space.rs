//! Manages the disk space of a SQLite database in use: restarts the write-ahead log although reads
//! overlap, and returns free pages to the disk in small batches. PostgreSQL does both
//! automatically. One of the files that may know which engine is in use.

#[cfg(feature = "sqlite")]
mod sqlite;

use std::path::{Path, PathBuf};

use super::{
    db::{Conn, Db},
    error::Error,
};

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
            #[cfg(feature = "sqlite")]
            Self::Sqlite { readers, .. } => {
                let text = "SELECT sqlite_version(), c.page_count * s.page_size FROM \
                            pragma_page_count() c, pragma_page_size() s";
                let (version, bytes) = sqlx::query_as(text).fetch_one(readers).await?;
                ("SQLite", version, bytes)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { pool, reach, .. } => {
                let text = "SELECT current_setting('server_version'), \
                            pg_database_size(current_database())";
                let (version, bytes) =
                    sqlx::query_as(text).fetch_one(&mut *reach.acquire(pool).await?).await?;
                ("PostgreSQL", version, bytes)
            }
        };
        let files = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { readers, .. } => Some(sqlite::files(readers, log_bytes(self)).await?),
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => None,
        };
        Ok(About { kind, version, bytes, files })
    }

    /// The database file; `None` on PostgreSQL.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, .. } => Some(writer.get_filename()),
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => None,
        }
    }
}

/// Size of SQLite's write-ahead log in bytes, from the file system only.
pub(in crate::engine) fn log_bytes(db: &Db) -> u64 {
    let Some(file) = db.file() else { return 0 };
    let mut path = file.as_os_str().to_owned();
    path.push("-wal");
    std::fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
}

/// Restarts SQLite's write-ahead log; see [`sqlite::restart_log`]. `false`: try again later.
pub(in crate::engine) async fn restart_log(db: &Db) -> Result<bool, Error> {
    match db {
        #[cfg(feature = "sqlite")]
        Db::Sqlite { readers, .. } => sqlite::restart_log(db, readers).await,
        #[cfg(feature = "postgres")]
        Db::Postgres { .. } => Ok(true),
    }
}

/// Rewrites the whole SQLite database without free pages; see [`sqlite::compact`].
pub(super) async fn compact(db: &Db) -> Result<(), Error> {
    match db {
        #[cfg(feature = "sqlite")]
        Db::Sqlite { .. } => sqlite::compact(db).await,
        #[cfg(feature = "postgres")]
        Db::Postgres { .. } => Err(Error::Unfit(
            "compact is for SQLite only; PostgreSQL reclaims space automatically".to_owned(),
        )),
    }
}

/// Returns a few free pages at the end of the file to the disk. Repeat while
/// [`Files::is_too_large`].
pub(in crate::engine) async fn release(conn: &mut Conn) -> Result<(), Error> {
    if conn.is_postgres() { Ok(()) } else { conn.control("PRAGMA incremental_vacuum(256)").await }
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
