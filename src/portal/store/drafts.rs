//! Data kept between two requests of a session: rejected form input, tests, revealed secrets. It is
//! sealed, kept for ten minutes, and readable only by that session.

use crate::{
    domain::{
        id::{DraftId, UserId},
        time::Timestamp,
    },
    engine::store::{
        db::{Conn, on_db},
        error::Error,
    },
};

/// Maximum drafts per user, over all sessions: a new one replaces the oldest.
const MAX_PER_USER: i64 = 20;
/// Maximum drafts in total.
const MAX_TOTAL: i64 = 2000;

/// A draft to store.
#[derive(Debug)]
pub struct Draft {
    pub id: DraftId,
    pub user: UserId,
    pub session_hash: Vec<u8>,
    pub sealed: Vec<u8>,
    pub expires_at: Timestamp,
}

/// Stores a draft; `false` if [`MAX_TOTAL`] is reached.
pub async fn insert(conn: &mut Conn, draft: &Draft, now: Timestamp) -> Result<bool, Error> {
    // Expired drafts that cleanup has not deleted yet must not count.
    on_db!(conn, c => sqlx::query("DELETE FROM drafts WHERE expires_at <= $1")
        .bind(now).execute(c).await.map(drop))?;
    // Ids sort by creation.
    on_db!(conn, c => sqlx::query(
        "DELETE FROM drafts WHERE user_id = $1 AND id <=
             (SELECT id FROM drafts WHERE user_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
    ).bind(draft.user).bind(MAX_PER_USER - 1).execute(c).await.map(drop))?;
    let (all,): (i64,) =
        on_db!(conn, c => sqlx::query_as("SELECT COUNT(*) FROM drafts").fetch_one(c).await)?;
    if all >= MAX_TOTAL {
        return Ok(false);
    }
    on_db!(conn, c => sqlx::query(
        "INSERT INTO drafts (id, user_id, session_hash, sealed, expires_at) VALUES ($1, $2, $3, \
         $4, $5)",
    ).bind(draft.id).bind(draft.user).bind(&draft.session_hash).bind(&draft.sealed)
        .bind(draft.expires_at)
        .execute(c).await.map(drop))?;
    Ok(true)
}

/// The sealed draft of a user from any of their sessions, if it has not expired.
pub async fn find_of(
    conn: &mut Conn,
    id: DraftId,
    user: UserId,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT sealed FROM drafts WHERE id = $1 AND user_id = $2 AND expires_at > $3",
    ).bind(id).bind(user).bind(now).fetch_optional(c).await)?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Deletes a draft of this session.
pub async fn delete(conn: &mut Conn, id: DraftId, session_hash: &[u8]) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM drafts WHERE id = $1 AND session_hash = $2")
        .bind(id).bind(session_hash).execute(c).await.map(drop))?;
    Ok(())
}

/// The sealed draft, if it belongs to this session and has not expired.
pub async fn find(
    conn: &mut Conn,
    id: DraftId,
    session_hash: &[u8],
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = on_db!(conn, c => sqlx::query_as(
        "SELECT sealed FROM drafts WHERE id = $1 AND session_hash = $2 AND expires_at > $3",
    ).bind(id).bind(session_hash).bind(now).fetch_optional(c).await)?;
    Ok(row.map(|(sealed,)| sealed))
}
