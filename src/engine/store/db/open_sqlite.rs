//! Opening a SQLite: the settings of its connections, and which builds are refused.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection, Sqlite, SqliteConnection,
    pool::PoolOptions,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{CHECKPOINT, Db, LOG_MARK, READERS, STATEMENTS};
use crate::engine::store::error::Error;

/// Builds below this one can lose committed writes in WAL mode (sqlite.org/wal.html, "the WAL-reset
/// bug").
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);

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
        .pragma("wal_autocheckpoint", CHECKPOINT.to_string())
        // A log that grew beyond this is cut when it starts over.
        .pragma("journal_size_limit", LOG_MARK.to_string())
        .statement_cache_capacity(STATEMENTS);
    // How a file gives space back is decided before its first table is made; `space::compact`
    // changes it later.
    let is_empty = std::fs::metadata(&file).map_or(true, |file| file.len() == 0);
    let making = if is_empty {
        base.clone().auto_vacuum(SqliteAutoVacuum::Incremental)
    } else {
        base.clone()
    };
    let mut first = SqliteConnection::connect_with(&making)
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
    if (next(), next(), next()) >= SQLITE_AT_LEAST {
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
    fn a_sqlite_that_can_lose_commits_is_refused() {
        for old in ["3.46.0", "3.51.2", "3.7.0", "2", ""] {
            let refusal = check_sqlite_version(old).unwrap_err().to_string();
            assert!(refusal.contains("3.51.3"), "{old}: {refusal}");
        }
        for good in ["3.51.3", "3.52.0", "4.0.0"] {
            assert!(check_sqlite_version(good).is_ok(), "{good}");
        }
    }
}
