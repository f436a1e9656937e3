//! Signed-in browsers. Only a hash of the session's id is kept: who reads the table cannot use what
//! they read.

use crate::{
    domain::time::Timestamp,
    engine::store::{
        db::{Conn, on_db},
        error::Error,
    },
};

/// Adds a session; [`Error::Exists`] when the id is taken.
pub async fn insert(
    conn: &mut Conn,
    id_hash: &[u8],
    data: &str,
    expires_at: Timestamp,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("INSERT INTO sessions (id_hash, data, expires_at) VALUES ($1, \
                                   $2, $3)")
        .bind(id_hash).bind(data).bind(expires_at).execute(c).await.map(drop))?;
    Ok(())
}

/// Replaces what a living session holds. A session that was deleted meanwhile stays deleted.
pub async fn update(
    conn: &mut Conn,
    id_hash: &[u8],
    data: &str,
    expires_at: Timestamp,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("UPDATE sessions SET data = $2, expires_at = $3 WHERE id_hash = \
                                   $1")
        .bind(id_hash).bind(data).bind(expires_at).execute(c).await.map(drop))?;
    Ok(())
}

/// What a session holds, unless it has expired.
pub async fn find(
    conn: &mut Conn,
    id_hash: &[u8],
    now: Timestamp,
) -> Result<Option<(String, Timestamp)>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as("SELECT data, expires_at FROM sessions WHERE id_hash = $1 \
        AND expires_at > $2")
        .bind(id_hash).bind(now).fetch_optional(c).await)?)
}

pub async fn delete(conn: &mut Conn, id_hash: &[u8]) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM sessions WHERE id_hash = \
                                   $1").bind(id_hash).execute(c).await.map(drop))?;
    Ok(())
}
