//! Deletes expired rows, in small batches: idempotency keys, and rows of the embedding backend's
//! own tables, such as sessions. Readers must ignore expired rows themselves: a row may stay for a
//! while after it expired.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::time::Timestamp;

/// The most rows that one command deletes. Small, because the keys are hashes: each row is on
/// another page of its table.
pub const STEP: i64 = 100;

/// A table with a column `expires_at` and an index on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiring {
    pub table: &'static str,
    /// The column of its primary key.
    pub key: &'static str,
}

/// The engine's only table with expiring rows.
pub const IDEMPOTENCY: Expiring = Expiring { table: "idempotency", key: "key_hash" };

/// Deletes up to [`STEP`] expired rows, the earliest expired first. Returns how many; fewer than
/// [`STEP`] means that none are left, except rows that another node has locked.
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
