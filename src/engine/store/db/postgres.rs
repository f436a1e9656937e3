//! What only PostgreSQL has: standbys, backends, planner settings.

use sqlx::PgConnection;

use super::{Conn, Db, Link};
use crate::engine::store::error::Error;

/// Planner settings for the connections of the writer, the lanes and the heartbeat, whose queries
/// all use a key or an index. With outdated statistics (just after a million inserts, for example)
/// PostgreSQL would choose a sequential scan or a sort. With these settings plans do not depend on
/// statistics, so generic plans are reused instead of planning each execution.
pub(super) const INDEX_PLANS: &str =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
     SET enable_hashjoin = off; SET enable_mergejoin = off;
     SET plan_cache_mode = force_generic_plan";

/// See [`Db::replication`].
#[derive(Clone, Debug)]
pub struct Replication {
    /// The setting `synchronous_commit`: `on`, `remote_apply`, `remote_write` or `local`.
    pub synchronous_commit: String,
    /// The setting `synchronous_standby_names`; empty if commits wait for no standby.
    pub standbys: String,
}

impl Db {
    /// Which standbys of PostgreSQL a commit waits for. `None` on SQLite.
    pub async fn replication(&self) -> Result<Option<Replication>, Error> {
        let (pool, reach) = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => return Ok(None),
            Self::Postgres { pool, reach, .. } => (pool, reach),
        };
        let text = "SELECT current_setting('synchronous_commit'), \
                    current_setting('synchronous_standby_names')";
        let (synchronous_commit, standbys) =
            sqlx::query_as(text).fetch_one(&mut *reach.acquire(pool).await?).await?;
        Ok(Some(Replication { synchronous_commit, standbys }))
    }
}

impl Conn {
    /// The connection to PostgreSQL; `None` on SQLite.
    pub(in crate::engine::store) fn postgres(&mut self) -> Option<&mut PgConnection> {
        match &mut self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(_) => None,
            Link::Postgres(connection) => Some(connection),
        }
    }

    /// The process id of PostgreSQL's backend for this connection; `None` on SQLite.
    pub(in crate::engine::store) async fn backend(&mut self) -> Result<Option<i32>, Error> {
        let Some(connection) = self.postgres() else { return Ok(None) };
        let (pid,): (i32,) =
            sqlx::query_as("SELECT pg_backend_pid()").fetch_one(&mut *connection).await?;
        Ok(Some(pid))
    }

    /// Asks PostgreSQL to terminate the backend of an abandoned connection of this process. Returns
    /// true once it no longer exists: then the outcome of its transaction is final.
    pub(in crate::engine::store) async fn end_backend(&mut self, pid: i32) -> Result<bool, Error> {
        let Some(connection) = self.postgres() else { return Ok(true) };
        let (exists,): (bool,) = sqlx::query_as(
            "SELECT COALESCE(bool_or(pg_terminate_backend(pid)), FALSE) FROM pg_stat_activity
             WHERE pid = $1 AND pid <> pg_backend_pid() AND application_name = \
             current_setting('application_name')",
        )
        .bind(pid)
        .fetch_one(&mut *connection)
        .await?;
        Ok(!exists)
    }

    /// Applies [`INDEX_PLANS`] to a connection outside the pools.
    pub(in crate::engine::store) async fn prefer_index_plans(&mut self) -> Result<(), Error> {
        let Some(connection) = self.postgres() else { return Ok(()) };
        sqlx::raw_sql(INDEX_PLANS).execute(&mut *connection).await?;
        Ok(())
    }
}
