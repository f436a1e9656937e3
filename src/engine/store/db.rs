//! Connections: SQLite or PostgreSQL, one text for both. One of the files that may know the
//! difference.

#[cfg(feature = "sqlite")]
mod bounded;
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
#[cfg(feature = "postgres")]
pub use self::postgres::Replication;
#[cfg(feature = "postgres")]
use super::reach::{self, Reach};
use super::{error::Error, told::Told};

/// Longer than any transaction of ours should take. What came of one that took longer is asked on
/// another connection.
#[cfg(feature = "postgres")]
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages that gather in SQLite's log before they are written back into the database (16 MiB). More
/// of them are the same pages again, and are written back once.
#[cfg(feature = "sqlite")]
pub(super) const CHECKPOINT: u32 = 4000;

/// The log normally starts over at half of this many bytes. One that is longer is cut; see
/// [`restart_log`](super::space::restart_log).
pub const LOG_MARK: u64 = 32 * 1024 * 1024;
/// Reading connections.
#[cfg(feature = "sqlite")]
pub(super) const READERS: u32 = 4;

/// What is said to a URL of another database, or of one that this program was built without.
const UNKNOWN_KIND: &str = "database_url: this build can't open it; a backend chooses its \
                            databases with the features `sqlite` and `postgres`";

/// The pools of the readers, and how writing connections are made. SQLite's readers cannot write at
/// all.
#[derive(Clone)]
pub enum Db {
    #[cfg(feature = "sqlite")]
    Sqlite {
        readers: sqlx::Pool<Sqlite>,
        writer: Box<SqliteConnectOptions>,
        vfs: Option<String>,
        /// A server uses it, which ends reads that last too long.
        is_serving: Arc<AtomicBool>,
    },
    #[cfg(feature = "postgres")]
    Postgres {
        pool: sqlx::Pool<Postgres>,
        /// For the lanes alone; see [`Db::read_for_lanes`].
        lanes: sqlx::Pool<Postgres>,
        reach: Reach,
    },
}

/// One connection of either kind; every store function takes one. What a store function changes
/// that lanes, jobs or other nodes must hear of is kept here until the writer has committed it.
pub struct Conn {
    pub(crate) link: Link,
    told: Vec<Told>,
}

/// The connection itself.
pub(crate) enum Link {
    #[cfg(feature = "sqlite")]
    Sqlite(Owned<Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Owned<Postgres>),
}

/// Where a connection comes from. One that holds transactions is always `Own`: a pool must never
/// get it back inside of one.
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
        Self { link, told: Vec::new() }
    }
}

/// Expands one body for both engines. `$c` is the connection, `$db` (optional) names the engine's
/// type for the places that must spell it.
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

/// Adds `(id, id, ...)` to a query.
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

/// Rows that one statement writes at most.
const MOST_ROWS: usize = 128;
/// Below this every number of rows has a statement of its own; above it only its multiples. So two
/// statements do for most commits, and there are few enough texts for each to be prepared once and
/// found again.
const FEW_ROWS: usize = 16;
/// Cuts rows for statements of few different sizes, the largest first.
pub(super) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = match rows.len() {
            0 => return None,
            few @ ..=FEW_ROWS => few,
            many => many.min(MOST_ROWS) / FEW_ROWS * FEW_ROWS,
        };
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

/// Cuts ids for lists of few different lengths, each filled up by repeating one of its own.
pub(super) fn padded<T: Copy>(ids: &[T]) -> impl Iterator<Item = Vec<T>> {
    ids.chunks(MOST_ROWS).map(|ids| {
        let size = ids.len().next_power_of_two();
        ids.iter().chain(std::iter::repeat(&ids[0])).take(size).copied().collect()
    })
}

/// Prepared statements that a connection keeps: room for every size of each bulk statement.
pub(super) const STATEMENTS: usize = 256;

impl Db {
    /// Opens the database and refuses one that cannot keep what it acknowledged.
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

    /// A connection for reading. On SQLite it cannot write.
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

    /// A connection for what the lanes read: however many slow reads pages and partners have under
    /// way, no delivery waits for them. On PostgreSQL it goes by index, as the writer's. On SQLite
    /// it is one of the readers', whose reads are short or ended: the log could not start over if
    /// there were others.
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

    /// A new connection for writing, outside of the pools: slow readers cannot keep it from
    /// anybody, and when whoever uses it is cancelled it is closed, never lent to others inside a
    /// transaction. Only the writer and the migrations ask for it.
    pub(super) async fn own(&self) -> Result<Conn, Error> {
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

    /// From now on reads of SQLite end after [`LONGEST_READ`](bounded::LONGEST_READ).
    pub(super) fn bound_reads(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { is_serving, .. } => is_serving.store(true, Ordering::Relaxed),
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => {}
        }
    }

    /// How long the writer waits for a transaction before it gives its connection up: the other end
    /// may have vanished without a word. SQLite is in this process and does not vanish.
    pub(super) fn patience(&self) -> Duration {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => Duration::MAX,
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => PATIENCE,
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
    /// Starts a transaction that may write. SQLite takes its write lock at once: a later upgrade
    /// could fail for ever.
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

    /// Notes what others must hear once this is committed. Said once is enough.
    pub(super) fn tell(&mut self, told: Told) {
        if self.told.last().is_none_or(|last| !last.is_same(&told)) {
            self.told.push(told);
        }
    }

    /// How much is noted so far; see [`Conn::untell`].
    pub(super) fn noted(&self) -> usize {
        self.told.len()
    }

    /// Forgets what was noted since then: the savepoint was rolled back.
    pub(super) fn untell(&mut self, noted: usize) {
        self.told.truncate(noted);
    }

    /// What was noted; for the writer, after the commit.
    pub(super) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// For a read that is made of many short ones: the next part has the whole of SQLite's
    /// [`LONGEST_READ`](bounded::LONGEST_READ) again. Between two parts the log can start over.
    pub(super) async fn renew(&mut self) -> Result<(), Error> {
        match &mut self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(reader) => bounded::bound(reader).await,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Ok(()),
        }
    }

    /// To be added to a query for rows that are to be moved: those that another server is just
    /// writing are left to it, and nobody waits. SQLite has one writer, and nothing to leave.
    pub(super) fn skip_locked(&self) -> &'static str {
        if self.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// To be added to a query for rows that must stay as they are until this transaction ends:
    /// waits for a server that is just writing one of them, and then asks again whether the row
    /// fits. SQLite has one writer, and nothing to wait for.
    pub(super) fn share_lock(&self) -> &'static str {
        if self.is_postgres() { " FOR SHARE" } else { "" }
    }

    /// What makes a question one about its own plan, and the column of the answer that tells it.
    pub(super) fn explain(&self) -> (&'static str, &'static str) {
        if self.is_postgres() {
            ("EXPLAIN ", "QUERY PLAN")
        } else {
            ("EXPLAIN QUERY PLAN ", "detail")
        }
    }

    /// Runs a statement that takes and returns nothing.
    pub async fn control(&mut self, statement: &'static str) -> Result<(), Error> {
        on_db!(self, c => sqlx::query(statement).execute(c).await.map(drop)).map_err(Error::from)
    }
}
