//! Rows with a last moment: idempotency keys, and what a backend keeps beside the engine's tables,
//! such as sessions. What has expired counts for nothing from that moment on; here it is only
//! removed, some at a time.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::time::Timestamp;

/// Rows that one command removes at most. Their keys are hashes: each is on another page of its
/// table.
pub const STEP: i64 = 100;

/// A table whose rows expire: it has a column `expires_at`, with an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiring {
    pub table: &'static str,
    /// Its primary key.
    pub key: &'static str,
}

/// The engine's own.
pub const IDEMPOTENCY: Expiring = Expiring { table: "idempotency", key: "key_hash" };

/// Removes some of what has expired, the oldest first. Returns how many; fewer than [`STEP`] means
/// that it was all.
pub async fn sweep(conn: &mut Conn, table: Expiring, now: Timestamp) -> Result<u64, Error> {
    let (lock, Expiring { table, key }) = (conn.skip_locked(), table);
    Ok(on_db!(conn, c: Engine => {
        let mut query = sqlx::QueryBuilder::<Engine>::new("DELETE FROM ");
        query.push(table).push(" WHERE ").push(key).push(" IN \
            (SELECT ").push(key).push(" FROM ").push(table);
        query.push(" WHERE expires_at <= ").push_bind(now).push(" ORDER BY expires_at \
            LIMIT ").push_bind(STEP);
        query.push(lock).push(")").build().execute(c).await.map(|done| done.rows_affected())
    })?)
}
