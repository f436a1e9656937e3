//! Who did what, in the transaction that did it.

use uuid::Uuid;

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::{
    domain::{permission::Grant, time::Timestamp},
    engine::clock::Clock,
};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub target: String,
    pub detail: String,
}

/// Writes a line. `detail` never holds a secret.
pub async fn note(
    conn: &mut Conn,
    clock: &Clock,
    by: &Grant,
    action: &str,
    target: &str,
    detail: &str,
) -> Result<(), Error> {
    let (id, at): (Uuid, _) = (clock.id(), clock.now());
    on_db!(conn, c => sqlx::query("INSERT INTO audit (id, at, actor, action, target, detail) \
                                   VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id).bind(at).bind(by.by()).bind(action).bind(target).bind(detail).execute(c).await
            .map(drop))?;
    Ok(())
}

/// The newest lines about one target, newest first.
pub async fn about(
    conn: &mut Conn,
    _by: &Grant,
    target: &str,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT at, actor, action, target, detail FROM audit WHERE target = $1 ORDER BY id DESC \
         LIMIT $2",
    ).bind(target).bind(limit).fetch_all(c).await)?)
}
