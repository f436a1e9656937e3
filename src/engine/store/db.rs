//! Database connections, to SQLite or PostgreSQL, and the macros that let one SQL text serve both.
//! [`Db`] holds the pools, [`Conn`] is one connection, `on_db!` runs a query on either engine. One
//! of the files that may know which database engine is in use.

mod bounded;
mod open;

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Database, Postgres, Sqlite, pool::PoolConnection, sqlite::SqliteConnectOptions,
};

pub(super) use self::bounded::LONGEST_READ;
use self::bounded::bounded;
use super::{
    error::Error,
    reach::{self, Reach},
    told::Told,
};

/// Planner settings for the connections of the writer, the lanes and the heartbeat, whose queries
/// all use a key or an index. With outdated statistics (just after a million inserts, for example)
/// PostgreSQL would choose a sequential scan or a sort. With these settings plans do not depend on
/// statistics, so generic plans are reused instead of planning each execution.
const INDEX_PLANS: &str =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
     SET enable_hashjoin = off; SET enable_mergejoin = off;
     SET plan_cache_mode = force_generic_plan";

/// Timeout for a transaction of the writer. No transaction should take this long; the outcome of
/// one that does is looked up on another connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Pages in SQLite's write-ahead log that trigger a checkpoint (16 MiB). The larger this is, the
/// more versions of a page one checkpoint writes back as one.
pub(super) const CHECKPOINT_PAGES: u32 = 4000;

/// Limit of the write-ahead log file in bytes. The log normally restarts at half of this. A longer
/// file is truncated; see [`restart_log`](super::space::restart_log).
pub const WAL_SIZE_LIMIT: u64 = 32 * 1024 * 1024;
/// Size of SQLite's pool of read connections.
pub(super) const READERS: u32 = 4;

/// The connection pools, and the options for new write connections. Cheap to clone; clones share
/// the pools. SQLite's read connections are opened read-only.
#[derive(Clone)]
pub enum Db {
    Sqlite {
        readers: sqlx::Pool<Sqlite>,
        writer: Box<SqliteConnectOptions>,
        vfs: Option<String>,
        /// A server uses the database: reads are limited to [`LONGEST_READ`].
        is_serving: Arc<AtomicBool>,
    },
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
    notices: Vec<Told>,
}

/// The connection to one of the engines.
pub(crate) enum Link {
    Sqlite(Owned<Sqlite>),
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
            $crate::engine::store::db::Link::Sqlite(connection) => {
                #[allow(dead_code, clippy::allow_attributes, reason = "most bodies need no name \
                    for the engine")]
                type $db = sqlx::Sqlite;
                let $c = &mut **connection;
                $body
            }
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

/// See [`Db::replication`].
#[derive(Clone, Debug)]
pub struct Replication {
    /// The setting `synchronous_commit`: `on`, `remote_apply`, `remote_write` or `local`.
    pub synchronous_commit: String,
    /// The setting `synchronous_standby_names`; empty if commits wait for no standby.
    pub standbys: String,
}

impl Db {
    /// Opens the database. Fails with [`Error::Unfit`] if it does not commit durably.
    pub async fn open(url: &str) -> Result<Self, Error> {
        if url.starts_with("sqlite:") { open::sqlite(url).await } else { open::postgres(url).await }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// A read connection from the pool. On SQLite it is read-only, and its reads are limited to
    /// [`LONGEST_READ`] while a server runs.
    pub async fn read(&self) -> Result<Conn, Error> {
        let link = match self {
            Self::Sqlite { readers, is_serving, .. } => {
                Link::Sqlite(Owned::Pooled(bounded(readers.acquire().await?, is_serving).await?))
            }
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
            Self::Sqlite { .. } => self.read().await,
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
            Self::Sqlite { writer, .. } => {
                Link::Sqlite(Owned::Own(Box::new(writer.connect().await?)))
            }
            Self::Postgres { pool, .. } => {
                Link::Postgres(Owned::Own(Box::new(reach::connect(&pool.connect_options()).await?)))
            }
        };
        Ok(link.into())
    }

    /// Which standbys of PostgreSQL a commit waits for. `None` on SQLite.
    pub async fn replication(&self) -> Result<Option<Replication>, Error> {
        let Self::Postgres { pool, reach, .. } = self else { return Ok(None) };
        let text = "SELECT current_setting('synchronous_commit'), \
                    current_setting('synchronous_standby_names')";
        let (synchronous_commit, standbys) =
            sqlx::query_as(text).fetch_one(&mut *reach.acquire(pool).await?).await?;
        Ok(Some(Replication { synchronous_commit, standbys }))
    }

    /// How long the writer waits for a transaction before it abandons the connection, because the
    /// other end may have vanished without closing it. Unlimited on SQLite, which runs in this
    /// process.
    pub(super) fn answer_timeout(&self) -> Duration {
        match self {
            Self::Sqlite { .. } => Duration::MAX,
            Self::Postgres { .. } => ANSWER_TIMEOUT,
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, .. } => readers.close().await,
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
        matches!(self.link, Link::Postgres(_))
    }

    /// Adds a notice, to be sent after the commit. Skips it if the last notice says the same.
    pub(super) fn add_notice(&mut self, notice: Told) {
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
    pub(super) fn take_notices(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.notices)
    }

    /// The process id of PostgreSQL's backend for this connection; `None` on SQLite.
    pub(super) async fn backend(&mut self) -> Result<Option<i32>, Error> {
        let Link::Postgres(connection) = &mut self.link else { return Ok(None) };
        let (pid,): (i32,) =
            sqlx::query_as("SELECT pg_backend_pid()").fetch_one(&mut **connection).await?;
        Ok(Some(pid))
    }

    /// Asks PostgreSQL to terminate the backend of an abandoned connection of this process. Returns
    /// true once it no longer exists: then the outcome of its transaction is final.
    pub(super) async fn end_backend(&mut self, pid: i32) -> Result<bool, Error> {
        let Link::Postgres(connection) = &mut self.link else { return Ok(true) };
        let (exists,): (bool,) = sqlx::query_as(
            "SELECT COALESCE(bool_or(pg_terminate_backend(pid)), FALSE) FROM pg_stat_activity
             WHERE pid = $1 AND pid <> pg_backend_pid() AND application_name = \
             current_setting('application_name')",
        )
        .bind(pid)
        .fetch_one(&mut **connection)
        .await?;
        Ok(!exists)
    }

    /// Applies [`INDEX_PLANS`] to a connection outside the pools.
    pub(super) async fn prefer_index_plans(&mut self) -> Result<(), Error> {
        let Link::Postgres(connection) = &mut self.link else { return Ok(()) };
        sqlx::raw_sql(INDEX_PLANS).execute(&mut **connection).await?;
        Ok(())
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
