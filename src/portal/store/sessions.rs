//! Sessions of signed-in browsers. Only a hash of the session id is stored, so read access to the
//! table does not give access to a session.

use crate::{
    domain::time::Timestamp,
    engine::store::{
        db::{Conn, on_db},
        error::Error,
    },
};

/// Adds a session; [`Error::Exists`] if the id is taken.
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

/// Updates a session's data and expiry. A session that was deleted in the meantime stays deleted.
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

/// A session's data and expiry, unless it has expired.
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
