//! Sessions of signed-in browsers. Only a hash of the session id is stored, so read access to the
//! table does not give access to a session.

use crate::{
    domain::{id::UserId, time::Timestamp},
    engine::store::{
        db::{Conn, on_db},
        error::{Error, expect_one},
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

/// A stored session of a user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Stored {
    pub id_hash: Vec<u8>,
    pub data: String,
    pub expires_at: Timestamp,
}

/// The sessions of a user that have not expired, the last used first. Needs no grant: users see
/// their own, and functions for others demand one.
pub async fn of_user(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<Vec<Stored>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT id_hash, data, expires_at FROM sessions WHERE user_key = $1 AND expires_at > $2 \
         ORDER BY expires_at DESC, id_hash",
    ).bind(user.to_string()).bind(now).fetch_all(c).await)?)
}

/// Ends one session of this user; [`Error::Missing`] if it is another's, or has ended.
pub async fn end(conn: &mut Conn, user: UserId, id_hash: &[u8]) -> Result<(), Error> {
    let rows = on_db!(conn, c => sqlx::query("DELETE FROM sessions WHERE id_hash = $1 AND \
        user_key = $2")
        .bind(id_hash).bind(user.to_string()).execute(c).await.map(|done| done.rows_affected()))?;
    expect_one(rows)
}

/// Ends the sessions of a user, except `kept`. Returns their number.
pub async fn end_others(conn: &mut Conn, user: UserId, kept: &[u8]) -> Result<u64, Error> {
    Ok(on_db!(conn, c => sqlx::query("DELETE FROM sessions WHERE user_key = $1 AND id_hash <> $2")
        .bind(user.to_string()).bind(kept).execute(c).await.map(|done| done.rows_affected()))?)
}
