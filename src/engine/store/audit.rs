//! The audit log. Each entry is inserted in the same transaction as the change it records, so an
//! entry exists exactly if the change was committed.

use uuid::Uuid;

use super::{
    db::{Conn, on_db},
    error::Error,
};
use crate::{
    domain::{
        id::HookId,
        permission::{Grant, Implies, Right, right},
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Entry {
    pub at: Timestamp,
    /// The user, API token or component that acted, from its grant.
    pub actor: String,
    /// A dotted key, such as `hook.changed`.
    pub action: String,
    /// The id of the changed object, or the action itself where there is no object.
    pub target: String,
    pub detail: String,
}

/// Adds an entry. Call it in the transaction of the change. `detail` must never contain a secret.
pub async fn note(
    conn: &mut Conn,
    clock: &Clock,
    by: &Grant<impl Right>,
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

/// The newest entries about a hook, newest first: its history, which comes with the hook.
pub async fn for_hook(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::HooksRead>>,
    hook: HookId,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    newest(conn, &hook.to_string(), limit).await
}

/// The newest entries about one target of any kind, newest first.
pub async fn for_target(
    conn: &mut Conn,
    _by: &Grant<right::AuditRead>,
    target: &str,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    newest(conn, target, limit).await
}

/// Ids are UUIDv7, so they sort by time.
async fn newest(conn: &mut Conn, target: &str, limit: i64) -> Result<Vec<Entry>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT at, actor, action, target, detail FROM audit WHERE target = $1 ORDER BY id DESC \
         LIMIT $2",
    ).bind(target).bind(limit).fetch_all(c).await)?)
}
