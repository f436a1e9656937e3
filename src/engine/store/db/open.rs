//! Opens the database: the settings of its connections, and the checks that reject a database that
//! cannot commit durably. One of the files that may know which database engine is in use.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection, Postgres, Sqlite, SqliteConnection,
    pool::PoolOptions,
    postgres::PgConnectOptions,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{CHECKPOINT_PAGES, Db, INDEX_PLANS, READERS, WAL_SIZE_LIMIT};
use crate::engine::{
    clock::random_bytes,
    store::{
        error::Error,
        reach::{self, Reach},
    },
};

/// Session settings of every PostgreSQL connection.
///
/// - A node that stops inside a transaction would keep its locks and block the other nodes:
///   PostgreSQL ends such a transaction well before the node's lease expires.
/// - Fencing relies on READ COMMITTED: each statement must see all earlier commits.
/// - JIT compilation is off. PostgreSQL compiles a plan of high estimated cost at each execution,
///   and plan types disabled by [`INDEX_PLANS`] have a very high one: heartbeats of 1 ms took most
///   of a second of CPU time.
const SESSION: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", "5s"),
    ("default_transaction_isolation", "read committed"),
    ("jit", "off"),
];

/// Size of the prepared statement cache of a connection: enough for all sizes of each bulk
/// statement.
const STATEMENT_CACHE: usize = 256;

/// Size of the pool for lanes: two concurrent loads, plus the periodic queries.
const LANE_CONNECTIONS: u32 = 4;

/// The oldest accepted version of SQLite. Earlier ones can lose committed writes in WAL mode
/// (sqlite.org/wal.html, "the WAL-reset bug").
const MIN_SQLITE_VERSION: (u32, u32, u32) = (3, 51, 3);

pub(super) async fn sqlite(url: &str) -> Result<Db, Error> {
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

pub(super) async fn postgres(url: &str) -> Result<Db, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Unfit("database_url: not a PostgreSQL URL".to_owned()))?
        .statement_cache_capacity(STATEMENT_CACHE)
        // Unique per process. Operators see which process a connection belongs to, and other nodes
        // see whether this node is still connected.
        .application_name(&format!("service-hooks {:016x}", u64::from_le_bytes(random_bytes())))
        .options(SESSION);
    // Not from the pool, which would retry a refused connection for 10 s and then report only a
    // timeout.
    let mut conn = reach::connect(&options).await?;
    for (setting, statement) in
        [("synchronous_commit", "SHOW synchronous_commit"), ("fsync", "SHOW fsync")]
    {
        let (value,): (String,) = sqlx::query_as(statement).fetch_one(&mut conn).await?;
        if value == "off" {
            let problem = format!(
                "PostgreSQL has {setting} = off and would lose acknowledged events; switch it on"
            );
            return Err(Error::Unfit(problem));
        }
    }
    let pool = PoolOptions::<Postgres>::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(options.clone());
    let lanes = PoolOptions::<Postgres>::new()
        .max_connections(LANE_CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(|conn, _| {
            Box::pin(async move { sqlx::raw_sql(INDEX_PLANS).execute(conn).await.map(drop) })
        })
        .connect_lazy_with(options);
    Ok(Db::Postgres { pool, lanes, reach: Reach::default() })
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
