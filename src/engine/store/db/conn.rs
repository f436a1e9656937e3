//! One connection to either engine, and what the statements on it need to know about the engine.
//! One of the files that may know which database engine is in use.

use std::ops::{Deref, DerefMut};

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::Sqlite;
use sqlx::{Database, pool::PoolConnection};

#[cfg(feature = "sqlite")]
use super::bounded;
use super::on_db;
use crate::engine::store::{error::Error, notices::Notice};

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

impl Conn {
    /// Begins a write transaction. On SQLite it takes the write lock immediately: upgrading a read
    /// transaction later fails permanently if another connection has written meanwhile.
    pub(in crate::engine::store) async fn begin(&mut self) -> Result<(), Error> {
        self.control(if self.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" }).await
    }

    pub(in crate::engine::store) fn is_postgres(&self) -> bool {
        match self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => true,
        }
    }

    /// Adds a notice, to be sent after the commit. Skips it if the last notice says the same.
    pub(in crate::engine::store) fn add_notice(&mut self, notice: Notice) {
        if self.notices.last().is_none_or(|last| !last.is_same(&notice)) {
            self.notices.push(notice);
        }
    }

    /// The number of notices added so far. Take it at a savepoint, for
    /// [`Conn::truncate_notices`].
    pub(in crate::engine::store) fn notice_count(&self) -> usize {
        self.notices.len()
    }

    /// Drops the notices added since there were `count`, after a rollback to a savepoint.
    pub(in crate::engine::store) fn truncate_notices(&mut self, count: usize) {
        self.notices.truncate(count);
    }

    /// Takes all notices. The writer calls this after the commit.
    pub(in crate::engine::store) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Restarts SQLite's time limit, for a long read that consists of many short statements. The
    /// write-ahead log can restart between two of them.
    pub(in crate::engine::store) async fn restart_read_timer(&mut self) -> Result<(), Error> {
        match &mut self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(reader) => bounded::start_timer(reader).await,
            #[cfg(feature = "postgres")]
            Link::Postgres(_) => Ok(()),
        }
    }

    /// Append this to a query that selects rows to update: rows locked by another node are skipped,
    /// so no node waits for another. Empty on SQLite, which has a single writer.
    pub(in crate::engine::store) fn skip_locked(&self) -> &'static str {
        if self.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// Append this to a query for rows that must not change until this transaction ends. It waits
    /// for a node that is writing such a row, and PostgreSQL then evaluates the conditions again on
    /// the new version of the row. Empty on SQLite, which has a single writer.
    pub(in crate::engine::store) fn share_lock(&self) -> &'static str {
        if self.is_postgres() { " FOR SHARE" } else { "" }
    }

    /// The prefix that makes a query return its plan, and the column of the result that holds it.
    pub(in crate::engine::store) fn explain(&self) -> (&'static str, &'static str) {
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
