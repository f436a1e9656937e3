//! The one-time link that creates the first administrator.

use crate::{
    domain::time::Timestamp,
    engine::store::{
        db::{Conn, on_db},
        error::{Error, expect_one},
    },
};

/// Stores this link and deletes all earlier ones.
pub async fn replace(
    conn: &mut Conn,
    token_hash: &[u8],
    expires_at: Timestamp,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM setup_links").execute(c).await.map(drop))?;
    on_db!(conn, c => sqlx::query("INSERT INTO setup_links (token_hash, expires_at) VALUES ($1, \
                                   $2)")
        .bind(token_hash).bind(expires_at).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn is_valid(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<bool, Error> {
    let row: Option<(Timestamp,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT expires_at FROM setup_links WHERE token_hash = $1 AND expires_at > $2",
    ).bind(token_hash).bind(now).fetch_optional(c).await)?;
    Ok(row.is_some())
}

/// Consumes the link; [`Error::Missing`] if it was used already or has expired.
pub async fn consume(conn: &mut Conn, token_hash: &[u8], now: Timestamp) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("DELETE FROM setup_links WHERE token_hash = $1 AND \
        expires_at > $2")
        .bind(token_hash).bind(now).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}
