//! A producer that did not hear our answer asks again with the same key and gets the first answer, not a second event.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::time::Timestamp;

/// What is known of a key.
pub enum Earlier {
    /// Never seen, or forgotten.
    Nothing,
    /// Seen with the same body: this was the answer.
    Same(String),
    /// Seen with another body.
    Other,
}

pub async fn look_up(conn: &mut Conn, key_hash: &[u8], body_hash: &[u8], now: Timestamp) -> Result<Earlier, Error> {
    let row: Option<(Vec<u8>, String)> = on_db!(conn, c => sqlx::query_as(
        "SELECT body_hash, answer FROM idempotency WHERE key_hash = $1 AND expires_at > $2",
    ).bind(key_hash).bind(now).fetch_optional(c).await)?;
    Ok(match row {
        None => Earlier::Nothing,
        Some((known, answer)) if known == body_hash => Earlier::Same(answer),
        Some(_) => Earlier::Other,
    })
}

/// Remembers an answer, in the transaction that made it true. [`Error::Exists`] when another request was first.
pub async fn remember(
    conn: &mut Conn,
    key_hash: &[u8],
    body_hash: &[u8],
    answer: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM idempotency WHERE key_hash = $1 AND expires_at <= $2")
        .bind(key_hash).bind(now).execute(c).await.map(drop))?;
    on_db!(conn, c => sqlx::query("INSERT INTO idempotency (key_hash, body_hash, answer, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(key_hash).bind(body_hash).bind(answer).bind(expires_at).execute(c).await.map(drop))?;
    Ok(())
}
