//! Looks after the space that a SQLite database takes while it is in use: its write-ahead log
//! starts over although reads overlap, and pages that retention freed go back to the disk, a few at
//! a time. PostgreSQL does both by itself. One of the files that know which engine it is.

#[cfg(feature = "sqlite")]
mod sqlite;

use std::path::{Path, PathBuf};

use super::{
    db::{Conn, Db},
    error::Error,
};

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

    /// The file of a SQLite.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, .. } => Some(writer.get_filename()),
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => None,
        }
    }
}

/// Bytes of SQLite's log; a look at the folder, not at the database.
pub(in crate::engine) fn log_bytes(db: &Db) -> u64 {
    let Some(file) = db.file() else { return 0 };
    let mut path = file.as_os_str().to_owned();
    path.push("-wal");
    std::fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
}

/// Lets SQLite's log start over; see [`sqlite::restart_log`]. `false`: to be tried again.
pub(in crate::engine) async fn restart_log(db: &Db) -> Result<bool, Error> {
    match db {
        #[cfg(feature = "sqlite")]
        Db::Sqlite { readers, .. } => sqlite::restart_log(db, readers).await,
        #[cfg(feature = "postgres")]
        Db::Postgres { .. } => Ok(true),
    }
}

/// Writes the whole SQLite anew, without free pages; see [`sqlite::compact`].
pub(super) async fn compact(db: &Db) -> Result<(), Error> {
    match db {
        #[cfg(feature = "sqlite")]
        Db::Sqlite { .. } => sqlite::compact(db).await,
        #[cfg(feature = "postgres")]
        Db::Postgres { .. } => {
            let advice = "this is for SQLite; PostgreSQL gives space back automatically";
            Err(Error::Unfit(advice.to_owned()))
        }
    }
}

/// Gives a few free pages at the end of the file back. To be repeated while
/// [`Files::is_too_large`].
pub(in crate::engine) async fn release(conn: &mut Conn) -> Result<(), Error> {
    if conn.is_postgres() { Ok(()) } else { conn.control("PRAGMA incremental_vacuum(256)").await }
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
