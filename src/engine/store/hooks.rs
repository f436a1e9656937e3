//! Hooks and their sealed secrets. Deletion is soft: the row stays as a tombstone, so that old
//! deliveries still show the name of their hook. The secrets are wiped.

mod secrets;

use std::time::Duration;

pub(in crate::engine) use secrets::find_with_secrets_ungranted;
pub use secrets::{Secrets, find_with_secrets, reveal};
pub(super) use secrets::{sealed_keys, secret_location};

use super::{
    db::{Conn, on_db},
    error::{Error, expect_one},
    health, listeners,
    secrets::Vault,
};
use crate::domain::{
    event::EventType,
    hook::{ApiKey, Hook, Tuning},
    id::HookId,
    permission::{Grant, Implies, right},
    time::Timestamp,
};

/// A hook as stored, without its secrets.
#[derive(sqlx::FromRow)]
struct Row {
    id: HookId,
    name: String,
    event_type: String,
    callback_url: String,
    enabled: bool,
    off_reason: Option<String>,
    api_key_hint: String,
    retry_schedule: Option<String>,
    timeout_ms: Option<i64>,
    in_flight: Option<i64>,
    rate_per_second: Option<i64>,
    order_by: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

/// The editable values of a hook.
pub struct Change<'a> {
    pub name: &'a str,
    pub event_type: EventType,
    pub callback_url: &'a str,
    pub enabled: bool,
    pub tuning: &'a Tuning,
    /// A new key; `None` keeps the stored one.
    pub api_key: Option<&'a ApiKey>,
    /// Why the hook was switched off automatically; `None` when a person decided.
    pub off_reason: Option<&'a str>,
    /// The change may repair the hook: its health is reset to healthy, which also closes the
    /// circuit breaker.
    pub resets_health: bool,
}

impl Change<'_> {
    /// Does this change nothing about `old`?
    pub fn is_unchanged(&self, old: &Hook) -> bool {
        self.api_key.is_none()
            && (self.name, self.callback_url) == (old.name.as_str(), old.callback_url.as_str())
            && (self.event_type, self.enabled, self.tuning)
                == (old.event_type, old.enabled, &old.tuning)
            && self.off_reason == old.off_reason.as_deref()
    }
}

/// Inserts a hook and seals its secrets.
pub async fn insert(
    conn: &mut Conn,
    _by: &Grant<right::HooksWrite>,
    vault: &Vault,
    hook: &Hook,
    secrets: &Secrets,
) -> Result<(), Error> {
    let api_key =
        vault.seal(secret_location("api_key", &hook.id), secrets.api_key.expose().as_bytes());
    let signing_secret =
        vault.seal(secret_location("signing_secret", &hook.id), secrets.signing_secret.as_bytes());
    on_db!(conn, c => sqlx::query(
        "INSERT INTO hooks (id, name, event_type, callback_url, enabled, api_key, api_key_hint, \
         signing_secret,
                            created_at, updated_at, version, retry_schedule, timeout_ms, \
                            in_flight, rate_per_second,
                            order_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    ).bind(hook.id).bind(&hook.name).bind(hook.event_type.key()).bind(&hook.callback_url)
        .bind(hook.enabled)
     .bind(api_key).bind(&hook.api_key_hint).bind(signing_secret).bind(hook.created_at)
         .bind(hook.updated_at)
     .bind(hook.version).bind(schedule_text(&hook.tuning)).bind(millis(hook.tuning.timeout))
     .bind(hook.tuning.in_flight.map(i64::from)).bind(hook.tuning.rate_per_second.map(i64::from))
     .bind(&hook.tuning.order_by).execute(c).await.map(drop))?;
    listeners::changed(conn, hook.id).await
}

/// The retry delays in milliseconds, as a JSON list.
fn schedule_text(tuning: &Tuning) -> Option<String> {
    let schedule = tuning.retry_schedule.as_ref()?;
    let waits: Vec<i64> = schedule.iter().filter_map(|wait| millis(Some(*wait))).collect();
    // Serialising numbers cannot fail.
    Some(serde_json::to_string(&waits).unwrap_or_default())
}

fn millis(duration: Option<Duration>) -> Option<i64> {
    duration.map(|duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Changes a hook that is still at `version` (optimistic locking). Fails with [`Error::Stale`] if
/// the version moved on and with [`Error::Missing`] if the hook is deleted.
pub async fn update(
    conn: &mut Conn,
    _by: &Grant<right::HooksWrite>,
    vault: &Vault,
    id: HookId,
    version: i64,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    listeners::changed(conn, id).await?;
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE hooks SET name = $3, event_type = $4, callback_url = $5, enabled = $6, off_reason \
         = $7, updated_at = $8,
                          retry_schedule = $9, timeout_ms = $10, in_flight = $11, rate_per_second \
                          = $12, order_by = $13,
                          version = version + 1
         WHERE id = $1 AND version = $2 AND deleted_at IS NULL",
    ).bind(id).bind(version).bind(change.name).bind(change.event_type.key())
        .bind(change.callback_url)
     .bind(change.enabled).bind(change.off_reason).bind(now).bind(schedule_text(change.tuning))
     .bind(millis(change.tuning.timeout)).bind(change.tuning.in_flight.map(i64::from))
     .bind(change.tuning.rate_per_second.map(i64::from)).bind(&change.tuning.order_by)
     .execute(c).await.map(|done| done.rows_affected()))?;
    if rows == 0 {
        let current = load(conn, id).await?.ok_or(Error::Missing)?;
        return Err(Error::Stale { now: current.version });
    }
    if let Some(key) = change.api_key {
        let sealed = vault.seal(secret_location("api_key", &id), key.expose().as_bytes());
        on_db!(conn, c => sqlx::query("UPDATE hooks SET api_key = $2, api_key_hint = $3 WHERE id = \
                                       $1")
            .bind(id).bind(sealed).bind(key.hint()).execute(c).await.map(drop))?;
    }
    // A person has just repaired the hook, so its next attempt is made at once.
    if change.resets_health { health::forget(conn, id).await } else { Ok(()) }
}

/// Switches off, automatically, a hook that still has the callback URL `url`, at any version.
/// Returns false if the URL differs or the hook is already off or deleted. The health stays, so
/// that people can see why. The caller must call [`listeners::changed`] first.
pub(in crate::engine) async fn switch_off(
    conn: &mut Conn,
    _by: &Grant<right::HooksWrite>,
    id: HookId,
    url: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE hooks SET enabled = $2, off_reason = $3, updated_at = $4, version = version + 1
         WHERE id = $1 AND callback_url = $5 AND enabled AND deleted_at IS NULL",
    ).bind(id).bind(false).bind(reason).bind(now).bind(url).execute(c).await.map(|done| done
        .rows_affected()))?;
    Ok(rows == 1)
}

/// Marks a hook as deleted and wipes its secrets.
pub async fn delete(
    conn: &mut Conn,
    _by: &Grant<right::HooksWrite>,
    id: HookId,
    now: Timestamp,
) -> Result<(), Error> {
    listeners::changed(conn, id).await?;
    let nothing: &[u8] = &[];
    let rows = on_db!(conn, c => sqlx::query(
        "UPDATE hooks SET deleted_at = $2, enabled = $3, api_key = $4, signing_secret = $4, \
         version = version + 1
         WHERE id = $1 AND deleted_at IS NULL",
    ).bind(id).bind(now).bind(false).bind(nothing).execute(c).await.map(|done| done
        .rows_affected()))?;
    expect_one(rows)?;
    health::forget(conn, id).await
}

/// The name of a deleted hook and when it was deleted.
pub async fn find_deleted(
    conn: &mut Conn,
    _by: &Grant<right::HooksRead>,
    id: HookId,
) -> Result<Option<(String, Timestamp)>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT name, deleted_at FROM hooks WHERE id = $1 AND deleted_at IS NOT NULL",
    ).bind(id).fetch_optional(c).await)?)
}

/// One hook, for a caller with a grant.
pub async fn find(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::HooksRead>>,
    id: HookId,
) -> Result<Option<Hook>, Error> {
    load(conn, id).await
}

/// One hook, for the engine itself.
pub(in crate::engine) async fn load(conn: &mut Conn, id: HookId) -> Result<Option<Hook>, Error> {
    let row: Option<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, event_type, callback_url, enabled, off_reason, api_key_hint, \
         retry_schedule, timeout_ms,
                in_flight, rate_per_second, order_by, created_at, updated_at, version
         FROM hooks WHERE id = $1 AND deleted_at IS NULL",
    ).bind(id).fetch_optional(c).await)?;
    row.map(Row::into_hook).transpose()
}

/// Every hook, ordered by event type and then by age.
pub async fn all(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::HooksRead>>,
) -> Result<Vec<Hook>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT id, name, event_type, callback_url, enabled, off_reason, api_key_hint, \
         retry_schedule, timeout_ms,
                in_flight, rate_per_second, order_by, created_at, updated_at, version
         FROM hooks WHERE deleted_at IS NULL ORDER BY event_type, id",
    ).fetch_all(c).await)?;
    Ok(skip_unknown(rows).collect())
}

/// A page of hooks, oldest first, after `cursor` (keyset pagination). Returns one row more than
/// `limit` when there are more.
pub async fn page(
    conn: &mut Conn,
    _by: &Grant<right::HooksRead>,
    cursor: Option<HookId>,
    limit: u32,
) -> Result<Vec<Hook>, Error> {
    let (mut found, wanted) = (Vec::new(), limit as usize + 1);
    // Rows that this version can't read are skipped, so further pages may have to be read.
    let mut after = cursor.unwrap_or(HookId(uuid::Uuid::nil()));
    loop {
        let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
            "SELECT id, name, event_type, callback_url, enabled, off_reason, api_key_hint, \
             retry_schedule, timeout_ms,
                    in_flight, rate_per_second, order_by, created_at, updated_at, version
             FROM hooks WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2",
        ).bind(after).bind(i64::from(limit) + 1).fetch_all(c).await)?;
        let last = rows.last().filter(|_| rows.len() == wanted).map(|row| row.id);
        found.extend(skip_unknown(rows));
        match last {
            Some(last) if found.len() < wanted => after = last,
            _ => break,
        }
    }
    found.truncate(wanted);
    Ok(found)
}

/// Skips hooks with an event type that this version does not know (a newer version made them), so
/// that one of them does not hide all others.
fn skip_unknown(rows: Vec<Row>) -> impl Iterator<Item = Hook> {
    rows.into_iter().filter_map(|row| {
        let id = row.id;
        row.into_hook()
            .inspect_err(|error| {
                tracing::warn!(hook.id = %id, %error, "a hook can't be read and \
                                                                        is left out")
            })
            .ok()
    })
}

impl Row {
    /// Fails with [`Error::Inconsistent`] if a stored value cannot be parsed.
    fn into_hook(self) -> Result<Hook, Error> {
        let event_type = EventType::from_key(&self.event_type)
            .ok_or(Error::Inconsistent { table: "hooks", column: "event_type" })?;
        let retry_schedule = match &self.retry_schedule {
            None => None,
            Some(text) => {
                let waits: Vec<i64> = serde_json::from_str(text).map_err(|_| {
                    Error::Inconsistent { table: "hooks", column: "retry_schedule" }
                })?;
                Some(waits.into_iter().map(duration).collect())
            }
        };
        Ok(Hook {
            id: self.id,
            name: self.name,
            event_type,
            callback_url: self.callback_url,
            enabled: self.enabled,
            off_reason: self.off_reason,
            api_key_hint: self.api_key_hint,
            tuning: Tuning {
                retry_schedule,
                timeout: self.timeout_ms.map(duration),
                in_flight: self.in_flight.map(|limit| u32::try_from(limit).unwrap_or(1)),
                rate_per_second: self.rate_per_second.map(|rate| u32::try_from(rate).unwrap_or(1)),
                order_by: self.order_by,
            },
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
        })
    }
}
