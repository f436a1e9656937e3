//! What somebody typed into a form that could not be accepted, sealed, for ten minutes, for their session only.

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::domain::{id::DraftId, time::Timestamp};

/// Drafts of one session: with a new one the oldest goes.
const OF_SESSION: i64 = 20;
/// Drafts in all.
const IN_ALL: i64 = 2000;

/// Keeps a draft; `false`: there are too many already.
pub async fn insert(
    conn: &mut Conn,
    id: DraftId,
    session_hash: &[u8],
    sealed: &[u8],
    expires_at: Timestamp,
) -> Result<bool, Error> {
    // Ids sort by birth.
    on_db!(conn, c => sqlx::query(
        "DELETE FROM drafts WHERE session_hash = $1 AND id <=
             (SELECT id FROM drafts WHERE session_hash = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
    ).bind(session_hash).bind(OF_SESSION - 1).execute(c).await.map(drop))?;
    let (all,): (i64,) = on_db!(conn, c => sqlx::query_as("SELECT COUNT(*) FROM drafts").fetch_one(c).await)?;
    if all >= IN_ALL {
        return Ok(false);
    }
    on_db!(conn, c => sqlx::query("INSERT INTO drafts (id, session_hash, sealed, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(id).bind(session_hash).bind(sealed).bind(expires_at).execute(c).await.map(drop))?;
    Ok(true)
}

/// The sealed draft, if it belongs to this session and still lives.
pub async fn find(conn: &mut Conn, id: DraftId, session_hash: &[u8], now: Timestamp) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT sealed FROM drafts WHERE id = $1 AND session_hash = $2 AND expires_at > $3",
    ).bind(id).bind(session_hash).bind(now).fetch_optional(c).await)?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Is there any that still lives?
pub(super) async fn any(conn: &mut Conn, now: Timestamp) -> Result<bool, Error> {
    let (any,): (bool,) = on_db!(conn, c => sqlx::query_as("SELECT EXISTS (SELECT 1 FROM drafts WHERE expires_at > $1)")
            .bind(now).fetch_one(c).await)?;
    Ok(any)
}
