//! Database connections, to SQLite or PostgreSQL, and the macros that let one SQL text serve both.
//! [`Db`] holds the pools, [`Conn`] is one connection, `on_db!` runs a query on either engine. One
//! of the files that may know which database engine is in use.

#[cfg(feature = "sqlite")]
mod bounded;
mod commits;
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
use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::{ConnectOptions, Sqlite, sqlite::SqliteConnectOptions};
use sqlx::{Database, pool::PoolConnection};

#[cfg(feature = "sqlite")]
pub(super) use self::bounded::LONGEST_READ;
#[cfg(feature = "sqlite")]
use self::bounded::bounded;
pub use self::commits::Commits;
#[cfg(feature = "postgres")]
pub use self::postgres::Replication;
#[cfg(feature = "postgres")]
use super::reach::{self, Reach};
use super::{error::Error, notices::Notice};

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

/// One connection to either engine; every store function takes one. It also collects the notices
/// about changes for lanes, jobs and other nodes, which the writer sends after the commit.
pub struct Conn {
    pub(crate) link: Link,
    notices: Vec<Notice>,
}

/// The connection to one of the engines.
pub(crate) enum Link {
    #[cfg(feature = "sqlite")]
    Sqlite(Owned<Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Owned<Postgres>),
}

/// Where a connection comes from. A connection that opens transactions must be `Own`: if a caller
/// is cancelled, it is closed instead of being returned to the pool with an open transaction.
pub(crate) enum Owned<D: Database> {
    Pooled(PoolConnection<D>),
    Own(Box<D::Connection>),
}

impl<D: Database> Deref for Owned<D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Own(connection) => connection,
        }
    }
}

impl<D: Database> DerefMut for Owned<D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Own(connection) => connection,
        }
    }
}

impl From<Link> for Conn {
    fn from(link: Link) -> Self {
        Self { link, notices: Vec::new() }
    }
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

/// Appends `($1, $2, ...)` to a query, and binds the ids. Use [`padded`] to limit the number of
/// different statement texts. `ids` must not be empty: `IN ()` is not valid SQL.
macro_rules! push_list {
    ($query:expr, $ids:expr) => {{
        $query.push("(");
        let mut list = $query.separated(", ");
        for id in $ids {
            list.push_bind(*id);
        }
        $query.push(")");
    }};
}
pub(crate) use push_list;

/// The most rows that one statement writes or looks up.
const MAX_ROWS: usize = 128;
/// Up to this, any number of rows has its own statement text; above it, only multiples of it do. So
/// most commits need at most two statements, and all texts fit into the cache of prepared
/// statements.
const SMALL_CHUNK: usize = 16;
/// Splits rows into chunks of a few different sizes, largest first, one statement for each.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = match rows.len() {
            0 => return None,
            few @ ..=SMALL_CHUNK => few,
            many => many.min(MAX_ROWS) / SMALL_CHUNK * SMALL_CHUNK,
        };
        let (chunk, remaining) = rows.split_at(size);
        rows = remaining;
        Some(chunk)
    })
}

/// Splits ids into lists for `IN (...)`. Each list is padded to a power of two by repeating its
/// first id, so that there are only a few different statement texts.
pub(super) fn padded<T: Copy>(ids: &[T]) -> impl Iterator<Item = Vec<T>> {
    ids.chunks(MAX_ROWS).map(|ids| {
        let size = ids.len().next_power_of_two();
        ids.iter().chain(std::iter::repeat(&ids[0])).take(size).copied().collect()
    })
}

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

impl Conn {
    /// Begins a write transaction. On SQLite it takes the write lock immediately: upgrading a read
    /// transaction later fails permanently if another connection has written meanwhile.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        self.control(if self.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" }).await
    }

    pub(super) fn is_postgres(&self) -> bool {
        match self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => true,
        }
    }

    /// Adds a notice, to be sent after the commit. Skips it if the last notice says the same.
    pub(super) fn add_notice(&mut self, notice: Notice) {
        if self.notices.last().is_none_or(|last| !last.is_same(&notice)) {
            self.notices.push(notice);
        }
    }

    /// The number of notices added so far. Take it at a savepoint, for
    /// [`Conn::truncate_notices`].
    pub(super) fn notice_count(&self) -> usize {
        self.notices.len()
    }

    /// Drops the notices added since there were `count`, after a rollback to a savepoint.
    pub(super) fn truncate_notices(&mut self, count: usize) {
        self.notices.truncate(count);
    }

    /// Takes all notices. The writer calls this after the commit.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Restarts SQLite's time limit, for a long read that consists of many short statements. The
    /// write-ahead log can restart between two of them.
    pub(super) async fn restart_read_timer(&mut self) -> Result<(), Error> {
        match &mut self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(reader) => bounded::start_timer(reader).await,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Ok(()),
        }
    }

    /// Append this to a query that selects rows to update: rows locked by another node are skipped,
    /// so no node waits for another. Empty on SQLite, which has a single writer.
    pub(super) fn skip_locked(&self) -> &'static str {
        if self.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// Append this to a query for rows that must not change until this transaction ends. It waits
    /// for a node that is writing such a row, and PostgreSQL then evaluates the conditions again on
    /// the new version of the row. Empty on SQLite, which has a single writer.
    pub(super) fn share_lock(&self) -> &'static str {
        if self.is_postgres() { " FOR SHARE" } else { "" }
    }

    /// The prefix that makes a query return its plan, and the column of the result that holds it.
    pub(super) fn explain(&self) -> (&'static str, &'static str) {
        if self.is_postgres() {
            ("EXPLAIN ", "QUERY PLAN")
        } else {
            ("EXPLAIN QUERY PLAN ", "detail")
        }
    }

    /// Runs a statement without parameters and results.
    pub async fn control(&mut self, statement: &'static str) -> Result<(), Error> {
        on_db!(self, c => sqlx::query(statement).execute(c).await.map(drop)).map_err(Error::from)
    }
}
