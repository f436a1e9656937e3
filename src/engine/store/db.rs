//! Database connections, to SQLite or PostgreSQL, and the macros that let one SQL text serve both.
//! [`Db`] holds the pools, [`Conn`] is one connection, `on_db!` runs a query on either engine. One
//! of the files that may know which database engine is in use.

#[cfg(feature = "sqlite")]
mod bounded;
mod commits;
mod conn;
mod lists;
#[cfg(feature = "postgres")]
mod open_postgres;
#[cfg(feature = "sqlite")]
mod open_sqlite;
#[cfg(feature = "postgres")]
mod postgres;

#[cfg(feature = "sqlite")]
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::{ConnectOptions, Sqlite, sqlite::SqliteConnectOptions};

#[cfg(feature = "sqlite")]
pub(super) use self::bounded::LONGEST_READ;
#[cfg(feature = "sqlite")]
use self::bounded::bounded;
pub use self::commits::Commits;
pub use self::conn::Conn;
pub(super) use self::lists::{chunks, padded};
#[cfg(feature = "postgres")]
pub use self::postgres::Replication;
pub(crate) use self::{
    conn::{Link, Owned},
    lists::push_list,
};
use super::error::Error;
#[cfg(feature = "postgres")]
use super::reach::{self, Reach};

/// Timeout for a transaction of the writer. No transaction should take this long; the outcome of
/// one that does is looked up on another connection.
#[cfg(feature = "postgres")]
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages in SQLite's write-ahead log that trigger a checkpoint (16 MiB). The larger this is, the
/// more versions of a page one checkpoint writes back as one.
#[cfg(feature = "sqlite")]
pub(super) const CHECKPOINT_PAGES: u32 = 4000;

/// Limit of the write-ahead log file in bytes. The log normally restarts at half of this. A longer
/// file is truncated; see [`restart_log`](super::space::restart_log).
pub const WAL_SIZE_LIMIT: u64 = 32 * 1024 * 1024;
/// Size of SQLite's pool of read connections.
#[cfg(feature = "sqlite")]
pub(super) const READERS: u32 = 4;

/// Error for a URL of an unknown database, or of one that this program was built without.
const UNKNOWN_KIND: &str = "database_url: this build can't open it; a backend chooses its \
                            databases with the features `sqlite` and `postgres`";

/// Size of the prepared statement cache of a connection: enough for all sizes of each bulk
/// statement.
pub(super) const STATEMENT_CACHE: usize = 256;

/// The connection pools, and the options for new write connections. Cheap to clone; clones share
/// the pools. SQLite's read connections are opened read-only.
#[derive(Clone)]
pub enum Db {
    #[cfg(feature = "sqlite")]
    Sqlite {
        readers: sqlx::Pool<Sqlite>,
        writer: Box<SqliteConnectOptions>,
        vfs: Option<String>,
        /// A server uses the database: reads are limited to [`LONGEST_READ`].
        is_serving: Arc<AtomicBool>,
    },
    #[cfg(feature = "postgres")]
    Postgres {
        pool: sqlx::Pool<Postgres>,
        /// Reserved for lanes; see [`Db::read_for_lanes`].
        lanes: sqlx::Pool<Postgres>,
        reach: Reach,
    },
}

/// Expands one body for both engines. `$c` is the connection. `$db` (optional) becomes an alias of
/// the engine's sqlx type, for expressions that must name it.
macro_rules! on_db {
    ($conn:expr, $c:ident => $body:expr) => {
        $crate::engine::store::db::on_db!($conn, $c: Engine => $body)
    };
    ($conn:expr, $c:ident: $db:ident => $body:expr) => {
        match &mut $conn.link {
            #[cfg(feature = "sqlite")]
            $crate::engine::store::db::Link::Sqlite(connection) => {
                #[allow(dead_code, clippy::allow_attributes, reason = "most bodies need no name \
                    for the engine")]
                type $db = sqlx::Sqlite;
                let $c = &mut **connection;
                $body
            }
            #[cfg(feature = "postgres")]
            $crate::engine::store::db::Link::Postgres(connection) => {
                #[allow(dead_code, clippy::allow_attributes, reason = "most bodies need no name \
                    for the engine")]
                type $db = sqlx::Postgres;
                let $c = &mut **connection;
                $body
            }
        }
    };
}
pub(crate) use on_db;

impl Db {
    /// Opens the database. Fails with [`Error::Unfit`] if it does not commit durably.
    pub async fn open(url: &str) -> Result<Self, Error> {
        #[cfg(feature = "sqlite")]
        if url.starts_with("sqlite:") {
            return open_sqlite::open(url).await;
        }
        #[cfg(feature = "postgres")]
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return open_postgres::open(url).await;
        }
        Err(Error::Unfit(UNKNOWN_KIND.to_owned()))
    }

    pub fn is_postgres(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => false,
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => true,
        }
    }

    /// A read connection from the pool. On SQLite it is read-only, and its reads are limited to
    /// [`LONGEST_READ`] while a server runs.
    pub async fn read(&self) -> Result<Conn, Error> {
        let link = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { readers, is_serving, .. } => {
                Link::Sqlite(Owned::Pooled(bounded(readers.acquire().await?, is_serving).await?))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { pool, reach, .. } => {
                Link::Postgres(Owned::Pooled(reach.acquire(pool).await?))
            }
        };
        Ok(link.into())
    }

    /// A connection for the reads of lanes, so that slow reads of pages or API clients cannot delay
    /// deliveries. On PostgreSQL it has a pool of its own, with [`INDEX_PLANS`]. On SQLite it
    /// comes from the read pool, whose reads are limited in time. A second pool would keep the
    /// write-ahead log from restarting: see [`restart_log`](super::space::restart_log).
    pub(super) async fn read_for_lanes(&self) -> Result<Conn, Error> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => self.read().await,
            #[cfg(feature = "postgres")]
            Self::Postgres { lanes, reach, .. } => {
                Ok(Link::Postgres(Owned::Pooled(reach.acquire(lanes).await?)).into())
            }
        }
    }

    /// Opens a write connection outside the pools. Slow readers cannot exhaust it, and if its user
    /// is cancelled it is closed, so that an open transaction never gets into a pool. For the
    /// writer, the heartbeat, hints to other nodes, the key check and the migrations.
    pub(super) async fn connect_unpooled(&self) -> Result<Conn, Error> {
        let link = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { writer, .. } => {
                Link::Sqlite(Owned::Own(Box::new(writer.connect().await?)))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { pool, .. } => {
                Link::Postgres(Owned::Own(Box::new(reach::connect(&pool.connect_options()).await?)))
            }
        };
        Ok(link.into())
    }

    /// Called when a server starts: from now on, reads of SQLite are limited to
    /// [`LONGEST_READ`](bounded::LONGEST_READ).
    pub(super) fn limit_reads(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { is_serving, .. } => is_serving.store(true, Ordering::Relaxed),
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => {}
        }
    }

    /// How long the writer waits for a transaction before it abandons the connection, because the
    /// other end may have vanished without closing it. Unlimited on SQLite, which runs in this
    /// process.
    pub(super) fn answer_timeout(&self) -> Duration {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => Duration::MAX,
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => ANSWER_TIMEOUT,
        }
    }

    pub async fn close(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { readers, .. } => readers.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres { pool, lanes, .. } => {
                pool.close().await;
                lanes.close().await;
            }
        }
    }
}
