//! What only a PostgreSQL is asked: its standbys, its processes, and how it plans.

use sqlx::PgConnection;

use super::{Conn, Db, Link};
use crate::engine::store::error::Error;

/// What the writer asks for besides: all it does goes by key or by an index. Without statistics
/// that are up to date (just after a million rows came, say) PostgreSQL believes otherwise, and
/// sorts or reads them all. And so a plan once made is as good as the next.
pub(super) const BY_INDEX: &str =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = \
                        off;
                        SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode \
                        = force_generic_plan";

/// See [`Db::replication`].
#[derive(Clone, Debug)]
pub struct Replication {
    /// What a commit waits for: `on`, `remote_apply`, `remote_write` or `local`.
    pub synchronous_commit: String,
    /// The standbys it waits for; empty when it waits for none.
    pub standbys: String,
}

impl Db {
    /// What a commit waits for on PostgreSQL's standbys. `None` on SQLite.
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
    /// The connection, if it leads to a PostgreSQL.
    pub(in crate::engine::store) fn postgres(&mut self) -> Option<&mut PgConnection> {
        match &mut self.link {
            #[cfg(feature = "sqlite")]
            Link::Sqlite(_) => None,
            Link::Postgres(connection) => Some(connection),
        }
    }

    /// Which process of PostgreSQL is at the other end.
    pub(in crate::engine::store) async fn backend(&mut self) -> Result<Option<i32>, Error> {
        let Some(connection) = self.postgres() else { return Ok(None) };
        let (pid,): (i32,) =
            sqlx::query_as("SELECT pg_backend_pid()").fetch_one(&mut *connection).await?;
        Ok(Some(pid))
    }

    /// Ends the process at the other end of a connection that was given up, and says whether it is
    /// gone: then whatever it did is done, and it does nothing more.
    pub(in crate::engine::store) async fn end_backend(&mut self, pid: i32) -> Result<bool, Error> {
        let Some(connection) = self.postgres() else { return Ok(true) };
        let (is_there,): (bool,) = sqlx::query_as(
            "SELECT COALESCE(bool_or(pg_terminate_backend(pid)), FALSE) FROM pg_stat_activity
             WHERE pid = $1 AND pid <> pg_backend_pid() AND application_name = \
             current_setting('application_name')",
        )
        .bind(pid)
        .fetch_one(&mut *connection)
        .await?;
        Ok(!is_there)
    }

    /// For a connection that only the writer uses.
    pub(in crate::engine::store) async fn go_by_index(&mut self) -> Result<(), Error> {
        let Some(connection) = self.postgres() else { return Ok(()) };
        sqlx::raw_sql(BY_INDEX).execute(&mut *connection).await?;
        Ok(())
    }
}
