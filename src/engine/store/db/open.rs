//! Opening a database: what its connections ask for, and which databases are refused. One of the
//! files that may know which engine it is.

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection, Postgres, Sqlite, SqliteConnection,
    pool::PoolOptions,
    postgres::PgConnectOptions,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{BY_INDEX, CHECKPOINT, Db, LOG_MARK, READERS};
use crate::engine::{
    clock::random_bytes,
    store::{
        error::Error,
        reach::{self, Reach},
    },
};

/// What every PostgreSQL connection asks for. A server that sleeps inside a transaction keeps its
/// locks, and others wait for them: PostgreSQL ends such a transaction well before a lane's lease
/// does. And the fences rely on every statement seeing what was committed before it.
///
/// No statement here is worth compiling. PostgreSQL compiles what it believes to be expensive, anew
/// at each execution, and what [`BY_INDEX`] forbids counts as expensive: a heartbeat of a
/// millisecond took most of a second of processor time.
const SESSION: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", "5s"),
    ("default_transaction_isolation", "read committed"),
    ("jit", "off"),
];

/// Prepared statements that a connection keeps: room for every size of each bulk statement.
const STATEMENTS: usize = 256;

/// Connections for the lanes: loads go two at a time, and there are looks beside them.
const FOR_LANES: u32 = 4;

/// Builds below this one can lose committed writes in WAL mode (sqlite.org/wal.html, "the WAL-reset
/// bug").
const SQLITE_AT_LEAST: (u32, u32, u32) = (3, 51, 3);

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

pub(super) async fn postgres(url: &str) -> Result<Db, Error> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| Error::Unfit("database_url: not a PostgreSQL URL".to_owned()))?
        .statement_cache_capacity(STATEMENTS)
        // A name of this process's own: operators see whose a connection is, and other nodes
        // whether it has any left.
        .application_name(&format!("service-hooks {:016x}", u64::from_le_bytes(random_bytes())))
        .options(SESSION);
    // Apart from the pool: that would retry a refused connection for ten seconds and then not know
    // why.
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
        .max_connections(FOR_LANES)
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(|conn, _| {
            Box::pin(async move { sqlx::raw_sql(BY_INDEX).execute(conn).await.map(drop) })
        })
        .connect_lazy_with(options);
    Ok(Db::Postgres { pool, lanes, reach: Reach::default() })
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
