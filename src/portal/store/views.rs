//! Saved views: filters of the list of deliveries that users saved under names of their own.

use crate::{
    domain::id::{UserId, ViewId},
    engine::store::{
        db::{Conn, on_db},
        error::Error,
    },
};

/// Most views of a user.
pub const MAX_PER_USER: i64 = 30;

/// A saved view.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct View {
    pub id: ViewId,
    pub name: String,
    /// The query string of the list.
    pub query: String,
}

/// Stores a view, in place of the one with its name. `false` if the user has [`MAX_PER_USER`].
pub async fn save(conn: &mut Conn, user: UserId, view: &View) -> Result<bool, Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM saved_views WHERE user_id = $1 AND name = $2")
        .bind(user).bind(&view.name).execute(c).await.map(drop))?;
    let (all,): (i64,) = on_db!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM saved_views WHERE user_id = $1",
    ).bind(user).fetch_one(c).await)?;
    if all >= MAX_PER_USER {
        return Ok(false);
    }
    on_db!(conn, c => sqlx::query(
        "INSERT INTO saved_views (id, user_id, name, query) VALUES ($1, $2, $3, $4)",
    ).bind(view.id).bind(user).bind(&view.name).bind(&view.query).execute(c).await.map(drop))?;
    Ok(true)
}

/// The views of a user, in the order in which they were saved.
pub async fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<View>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, query FROM saved_views WHERE user_id = $1 ORDER BY id",
    ).bind(user).fetch_all(c).await)?)
}

/// Removes a view of this user. A view of another user is not found.
pub async fn remove(conn: &mut Conn, user: UserId, id: ViewId) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM saved_views WHERE id = $1 AND user_id = $2")
        .bind(id).bind(user).execute(c).await.map(drop))
    .map_err(Error::from)
}
