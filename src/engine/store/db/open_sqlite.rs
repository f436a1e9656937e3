//! Opens a SQLite database: the settings of its connections, and the check that rejects a version
//! that can lose commits.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection, Sqlite, SqliteConnection,
    pool::PoolOptions,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{CHECKPOINT_PAGES, Db, READERS, STATEMENT_CACHE, WAL_SIZE_LIMIT};
use crate::engine::store::error::Error;

/// The oldest accepted version of SQLite. Earlier ones can lose committed writes in WAL mode
/// (sqlite.org/wal.html, "the WAL-reset bug").
const MIN_SQLITE_VERSION: (u32, u32, u32) = (3, 51, 3);

pub(super) async fn open(url: &str) -> Result<Db, Error> {
    let unfit = |problem: String| Error::Unfit(problem);
    let base =
        SqliteConnectOptions::from_str(url).map_err(|error| unfit(format!("{url}: {error}")))?;
    let file = base.get_filename().to_owned();
    let base = base
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        // A log file that is larger is truncated when the log restarts.
        .pragma("journal_size_limit", WAL_SIZE_LIMIT.to_string())
        .statement_cache_capacity(STATEMENT_CACHE);
    // The auto-vacuum mode must be set before the first table is created. Later only
    // `space::compact` can change it.
    let is_empty = std::fs::metadata(&file).map_or(true, |file| file.len() == 0);
    let first_options = if is_empty {
        base.clone().auto_vacuum(SqliteAutoVacuum::Incremental)
    } else {
        base.clone()
    };
    let mut first = SqliteConnection::connect_with(&first_options)
        .await
        .map_err(|error| unfit(format!("{}: can't open the database: {error}", file.display())))?;
    let readers = PoolOptions::<Sqlite>::new()
        .max_connections(READERS)
        .connect_lazy_with(base.clone().read_only(true));
    let (version,): (String,) =
        sqlx::query_as("SELECT sqlite_version()").fetch_one(&mut first).await?;
    check_sqlite_version(&version)?;
    let vfs = url.split(['?', '&']).find_map(|part| part.strip_prefix("vfs=")).map(str::to_owned);
    Ok(Db::Sqlite { readers, writer: Box::new(base), vfs, is_serving: Arc::default() })
}

fn check_sqlite_version(version: &str) -> Result<(), Error> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) >= MIN_SQLITE_VERSION {
        return Ok(());
    }
    Err(Error::Unfit(format!(
        "SQLite {version} can lose committed writes; this program needs 3.51.3 or newer. Build it \
         with its own lock file."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_version_that_can_lose_commits_is_rejected() {
        for old in ["3.46.0", "3.51.2", "3.7.0", "2", ""] {
            let refusal = check_sqlite_version(old).unwrap_err().to_string();
            assert!(refusal.contains("3.51.3"), "{old}: {refusal}");
        }
        for fixed in ["3.51.3", "3.52.0", "4.0.0"] {
            assert!(check_sqlite_version(fixed).is_ok(), "{fixed}");
        }
    }
}
