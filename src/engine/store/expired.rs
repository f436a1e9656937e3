//! Rows with a last moment: sessions, drafts, set-up links, idempotency keys. What has expired
//! counts for nothing from that moment on; here it is only removed, some at a time.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::time::Timestamp;

/// Rows that one command removes at most. Their keys are hashes: each is on another page of its
/// table.
pub const STEP: i64 = 100;

/// A table whose rows expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiring {
    Sessions,
    Drafts,
    SetupLinks,
    Idempotency,
}

impl Expiring {
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Drafts, Self::SetupLinks, Self::Idempotency];

    fn table_and_key(self) -> (&'static str, &'static str) {
        match self {
            Self::Sessions => ("sessions", "id_hash"),
            Self::Drafts => ("drafts", "id"),
            Self::SetupLinks => ("setup_links", "token_hash"),
            Self::Idempotency => ("idempotency", "key_hash"),
        }
    }
}

/// Removes some of what has expired, the oldest first. Returns how many; fewer than [`STEP`] means
/// that it was all.
pub async fn sweep(conn: &mut Conn, table: Expiring, now: Timestamp) -> Result<u64, Error> {
    let (lock, (table, key)) = (conn.skip_locked(), table.table_and_key());
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("DELETE FROM ");
        query.push(table).push(" WHERE ").push(key).push(" IN \
            (SELECT ").push(key).push(" FROM ").push(table);
        query.push(" WHERE expires_at <= ").push_bind(now).push(" ORDER BY expires_at \
            LIMIT ").push_bind(STEP);
        query.push(lock).push(")").build().execute(c).await.map(|done| done.rows_affected())
    })?)
}
