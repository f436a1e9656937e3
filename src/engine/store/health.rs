//! The table `health`: the circuit breaker state of hooks. Healthy hooks have no row. The
//! transitions are in [`domain::health`](crate::domain::health).

use std::{collections::HashMap, time::Duration};

use super::{
    db::{Conn, on_db, padded, push_list},
    error::Error,
};
use crate::domain::{
    acceptance::Acceptance,
    delivery::Answer,
    health::{Health, Pause},
    hook::Hook,
    id::{DeliveryId, HookId},
    permission::{Grant, Implies, right},
    time::Timestamp,
};

/// The stored health of a hook that is not healthy.
#[derive(sqlx::FromRow)]
struct Row {
    hook_id: HookId,
    failures: i64,
    failing_since: Timestamp,
    failed_at: Option<Timestamp>,
    /// In milliseconds.
    failed_for: i64,
    /// The end of the wait that the receiver asked for with `Retry-After`.
    waits_until: Option<Timestamp>,
    /// Set together with `probe_at` while the circuit breaker is open.
    paused_at: Option<Timestamp>,
    probe_at: Option<Timestamp>,
    probes: i64,
    last_class: Option<String>,
    last_status: Option<i64>,
}

impl Row {
    fn health(&self) -> Health {
        let to_u32 = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let status = self.last_status.and_then(|status| u16::try_from(status).ok());
        let pause = |(since, probe_at)| Pause { since, probe_at, probes: to_u32(self.probes) };
        Health {
            failures: to_u32(self.failures),
            // Not set if the row exists only because of a `Retry-After`.
            failing_since: (self.failures > 0).then_some(self.failing_since),
            failed_at: self.failed_at,
            failed_for: Duration::from_millis(u64::try_from(self.failed_for).unwrap_or(0)),
            waits_until: self.waits_until,
            paused: self.paused_at.zip(self.probe_at).map(pause),
            last_answer: self
                .last_class
                .as_ref()
                .and_then(|class| Answer::from_stored(class, status)),
        }
    }
}

/// The health of those of these hooks that are not healthy.
pub(super) async fn of_hooks(
    conn: &mut Conn,
    hooks: &[HookId],
) -> Result<HashMap<HookId, Health>, Error> {
    let mut found = HashMap::new();
    for ids in padded(hooks) {
        let rows: Vec<Row> = on_db!(conn, c: Engine => {
            let mut query = sqlx::QueryBuilder::<Engine>::new(
                "SELECT hook_id, failures, failing_since, failed_at, failed_for, waits_until, \
                 paused_at, probe_at, probes,
                        last_class, last_status
                 FROM health WHERE hook_id IN ",
            );
            push_list!(query, &ids);
            query.build_query_as().fetch_all(c).await
        })?;
        found.extend(rows.iter().map(|row| (row.hook_id, row.health())));
    }
    Ok(found)
}

/// The health of one hook.
pub(in crate::engine) async fn of(conn: &mut Conn, hook: HookId) -> Result<Health, Error> {
    Ok(of_hooks(conn, &[hook]).await?.remove(&hook).unwrap_or_default())
}

/// The health of all hooks that are not healthy.
pub async fn all(
    conn: &mut Conn,
    _by: &Grant<impl Implies<right::HooksRead>>,
) -> Result<HashMap<HookId, Health>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT hook_id, failures, failing_since, failed_at, failed_for, waits_until, paused_at, \
         probe_at, probes,
                last_class, last_status
         FROM health",
    ).fetch_all(c).await)?;
    Ok(rows.iter().map(|row| (row.hook_id, row.health())).collect())
}

/// The number of hooks in each state, for metrics: `healthy`, `degraded` (the last attempt failed),
/// `paused`, `off` (by a person) and `switched_off` (automatically).
pub(in crate::engine) async fn counts(conn: &mut Conn) -> Result<Vec<(String, i64)>, Error> {
    Ok(on_db!(conn, c => sqlx::query_as(
        "SELECT CASE WHEN h.enabled AND s.paused_at IS NOT NULL THEN 'paused'
                     WHEN h.enabled AND s.failures > 0 THEN 'degraded'
                     WHEN h.enabled THEN 'healthy'
                     WHEN h.off_reason IS NOT NULL THEN 'switched_off'
                     ELSE 'off' END AS state, COUNT(*)
         FROM hooks h LEFT JOIN health s ON s.hook_id = h.id WHERE h.deleted_at IS NULL GROUP BY 1",
    ).fetch_all(c).await)?)
}

/// The health of hooks with a timestamp after `now`: a future probe, or a value written while the
/// clock was ahead.
pub(super) async fn beyond(
    conn: &mut Conn,
    now: Timestamp,
) -> Result<Vec<(HookId, Health)>, Error> {
    let rows: Vec<Row> = on_db!(conn, c => sqlx::query_as(
        "SELECT hook_id, failures, failing_since, failed_at, failed_for, waits_until, paused_at, \
         probe_at, probes,
                last_class, last_status
         FROM health
         WHERE failing_since > $1 OR failed_at > $1 OR paused_at > $1 OR probe_at > $1
         ORDER BY hook_id",
    ).bind(now).fetch_all(c).await)?;
    Ok(rows.iter().map(|row| (row.hook_id, row.health())).collect())
}

/// Stores the health of a hook; deletes the row if it is healthy. If the hook was paused or has
/// recovered, the caller must call [`listeners::changed`](super::listeners::changed) first. Keeps
/// the column `probe_id`, the delivery that a person requested for the next probe.
pub(super) async fn save(conn: &mut Conn, hook: HookId, health: &Health) -> Result<(), Error> {
    if health.is_healthy() {
        return forget(conn, hook).await;
    }
    let pause = health.paused;
    let since = health.failing_since.or(health.waits_until).unwrap_or_default();
    let failed_for = i64::try_from(health.failed_for.as_millis()).unwrap_or(i64::MAX);
    on_db!(conn, c => sqlx::query(
        "INSERT INTO health (hook_id, failures, failing_since, failed_at, failed_for, waits_until, \
         paused_at, probe_at,
                             probes, last_class, last_status)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (hook_id) DO UPDATE SET failures = excluded.failures, failing_since = \
         excluded.failing_since,
           failed_at = excluded.failed_at, failed_for = excluded.failed_for, waits_until = \
           excluded.waits_until,
           paused_at = excluded.paused_at, probe_at = excluded.probe_at, probes = excluded.probes,
           last_class = excluded.last_class, last_status = excluded.last_status",
    ).bind(hook).bind(i64::from(health.failures)).bind(since).bind(health.failed_at)
        .bind(failed_for)
     .bind(health.waits_until).bind(pause.map(|pause| pause.since))
     .bind(pause.map(|pause| pause.probe_at)).bind(i64::from(pause.map_or(0, |pause| pause.probes)))
     .bind(health.last_answer.map(Answer::class)).bind(health.last_answer.and_then(Answer::status)
         .map(i64::from))
     .execute(c).await.map(drop))?;
    Ok(())
}

/// A person wants the hook to be tried now: ends the wait of a `Retry-After`, and makes the next
/// probe of a paused hook due, with this delivery if one is given.
pub(super) async fn probe_now(
    conn: &mut Conn,
    hook: HookId,
    probe_delivery: Option<DeliveryId>,
    now: Timestamp,
) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query(
        "UPDATE health SET waits_until = NULL, probe_at = CASE WHEN paused_at IS NULL THEN NULL \
         ELSE $3 END,
                           probe_id = CASE WHEN $4 THEN $2 ELSE probe_id END
         WHERE hook_id = $1",
    ).bind(hook).bind(probe_delivery).bind(now).bind(probe_delivery.is_some()).execute(c).await
        .map(drop))?;
    // A row that existed only because of the wait.
    on_db!(conn, c => sqlx::query("DELETE FROM health WHERE hook_id = $1 AND failures = 0 AND \
                                   paused_at IS NULL")
        .bind(hook).execute(c).await.map(drop))?;
    Ok(())
}

/// Resets a hook to healthy: it recovered, or a person switched it on or corrected it.
pub(super) async fn forget(conn: &mut Conn, hook: HookId) -> Result<(), Error> {
    on_db!(conn, c => sqlx::query("DELETE FROM health WHERE hook_id = \
                                   $1").bind(hook).execute(c).await.map(drop))?;
    Ok(())
}

/// Whether a hook accepts events. `hook` must have been read in this transaction.
pub(super) async fn acceptance(conn: &mut Conn, hook: &Hook) -> Result<Acceptance, Error> {
    let is_paused = of(conn, hook.id).await?.paused.is_some();
    Ok(match (hook.enabled, is_paused) {
        (false, _) => Acceptance::Off,
        (true, true) => Acceptance::Paused,
        (true, false) => Acceptance::Open,
    })
}
