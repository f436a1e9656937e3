//! Rows of a past that did not happen here: hooks, deliveries with their attempts, jobs and audit
//! log entries with times of their own. For `service-hooks demo`, which fills an empty database.
//! Counters and hourly statistics are written with the rows, so the balance holds.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    attempts, balance,
    db::{Conn, chunks, on_db},
    error::Error,
    finished::Finished,
    health, hooks, jobs, listeners, measured,
    rows::AttemptRow,
    secrets::Vault,
};
use crate::{
    domain::{
        delivery::{Answer, Attempt, Delivery},
        event::EventType,
        health::{BreakerPolicy, Health, Purpose},
        hook::Hook,
        id::EventId,
        job::Job,
        permission::{Grant, right},
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// An event as stored.
pub struct PastEvent {
    pub id: EventId,
    pub event_type: EventType,
    pub body: Vec<u8>,
    pub is_test: bool,
    pub source: String,
    pub created_at: Timestamp,
    /// When retention removed the body, which is empty then.
    pub pruned_at: Option<Timestamp>,
}

/// A delivery as stored, with its attempts, oldest first.
pub struct PastDelivery {
    pub delivery: Delivery,
    pub order_key: Option<String>,
    /// Bytes of the event's body.
    pub size: i64,
    /// Attempts that do not count against the retry schedule.
    pub tries_before: u32,
    pub attempts: Vec<Arc<Attempt>>,
}

/// An audit log entry as stored.
pub struct PastEntry {
    pub id: Uuid,
    pub at: Timestamp,
    pub actor: &'static str,
    pub action: &'static str,
    pub target: String,
    pub detail: String,
}

/// Does the database have no hooks, not even deleted ones? Then it has no deliveries either.
pub async fn is_empty(conn: &mut Conn, _by: &Grant<right::HooksRead>) -> Result<bool, Error> {
    let (count,): (i64,) = on_db!(conn, c => sqlx::query_as("SELECT COUNT(*) FROM (SELECT 1 FROM \
        hooks LIMIT 1) AS one").fetch_one(c).await)?;
    Ok(count == 0)
}

/// Inserts a hook with its health. A hook with a reason is switched off for it.
pub async fn insert_hook(
    conn: &mut Conn,
    by: &Grant<right::HooksWrite>,
    vault: &Vault,
    hook: &Hook,
    secrets: &hooks::Secrets,
    state: &Health,
) -> Result<(), Error> {
    let new = Hook { enabled: hook.enabled || hook.off_reason.is_some(), ..hook.clone() };
    hooks::insert(conn, by, vault, &new, secrets).await?;
    listeners::changed(conn, hook.id).await?;
    if let Some(reason) = &hook.off_reason {
        let (url, at) = (&hook.callback_url, hook.updated_at);
        hooks::switch_off(conn, by, hook.id, url, reason, at).await?;
    }
    health::save(conn, hook.id, state).await
}

/// Inserts events. Their deliveries come later.
pub async fn insert_events(
    conn: &mut Conn,
    _by: &Grant<right::EventsEmit>,
    events: &[PastEvent],
) -> Result<(), Error> {
    for chunk in chunks(events) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new("INSERT INTO events (id, \
                event_type, body, is_test, source, created_at, pruned_at) ");
            insert.push_values(chunk, |mut row, event| {
                row.push_bind(event.id).push_bind(event.event_type.key())
                    .push_bind(event.body.as_slice()).push_bind(event.is_test)
                    .push_bind(event.source.as_str()).push_bind(event.created_at)
                    .push_bind(event.pruned_at);
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// Inserts deliveries and their attempts, and counts them. Call it in a transaction of its own for
/// each few hundred: PostgreSQL's answer is awaited for seconds only.
pub async fn insert_deliveries(
    conn: &mut Conn,
    _by: &Grant<right::EventsEmit>,
    deliveries: &[PastDelivery],
) -> Result<(), Error> {
    for chunk in chunks(deliveries) {
        insert_chunk(conn, chunk).await?;
    }
    let of = |past: &PastDelivery| -> Vec<Finished> {
        past.attempts.iter().map(|attempt| finished(&past.delivery, attempt)).collect()
    };
    let finished: Vec<Finished> = deliveries.iter().flat_map(of).collect();
    let rows: Vec<AttemptRow<'_>> =
        finished.iter().map(|one| AttemptRow::of(one.delivery, &one.attempt)).collect();
    attempts::insert(conn, &rows).await?;
    measured::add(conn, &finished.iter().collect::<Vec<_>>()).await?;
    balance::accepted(conn, deliveries.len(), 0).await
}

async fn insert_chunk(conn: &mut Conn, chunk: &[PastDelivery]) -> Result<(), Error> {
    on_db!(conn, c: Engine => {
        let mut insert = sqlx::QueryBuilder::<Engine>::new(
            "INSERT INTO deliveries (id, event_id, hook_id, event_type, state, reason, is_test, \
             order_key, size, due_at, created_at, updated_at, attempts, tries_before, last_class, \
             last_status, last_duration_ms) ",
        );
        insert.push_values(chunk, |mut row, past| {
            let one = &past.delivery;
            row.push_bind(one.id).push_bind(one.event_id).push_bind(one.hook_id)
                .push_bind(one.event_type.key()).push_bind(one.state.key())
                .push_bind(one.reason.as_deref()).push_bind(one.is_test)
                .push_bind(past.order_key.as_deref()).push_bind(past.size).push_bind(one.due_at)
                .push_bind(one.created_at).push_bind(one.updated_at)
                .push_bind(i64::from(one.attempts)).push_bind(i64::from(past.tries_before))
                .push_bind(one.last_answer.map(Answer::class))
                .push_bind(one.last_answer.and_then(Answer::status).map(i64::from))
                .push_bind(one.last_duration_ms);
        });
        insert.build().execute(c).await.map(drop)
    })?;
    Ok(())
}

/// The attempt as the engine would have recorded it, for the statistics.
fn finished(delivery: &Delivery, attempt: &Arc<Attempt>) -> Finished {
    let is_asked_to_wait = attempt.response_headers.iter().any(|(name, _)| name == "retry-after");
    Finished {
        delivery: delivery.id,
        hook: delivery.hook_id,
        attempt: attempt.clone(),
        purpose: if delivery.is_test { Purpose::Test } else { Purpose::Delivery },
        state: delivery.state,
        retry_in: None,
        is_extra: false,
        retry_after: is_asked_to_wait.then_some(std::time::Duration::ZERO),
        was_healthy: true,
        is_gone: false,
        fence: None,
        policy: BreakerPolicy::default(),
        clock: Clock::test(attempt.started_at),
    }
}

/// Counts deliveries that retention would have removed: accepted once, and gone.
pub async fn count_pruned(
    conn: &mut Conn,
    _by: &Grant<right::EventsEmit>,
    deliveries: u32,
) -> Result<(), Error> {
    balance::accepted(conn, usize::try_from(deliveries).unwrap_or_default(), 0).await?;
    balance::pruned(conn, u64::from(deliveries), 0).await
}

/// Inserts a job with its progress.
pub async fn insert_job(
    conn: &mut Conn,
    by: &Grant<right::DeliveriesReplay>,
    job: &Job,
) -> Result<(), Error> {
    jobs::insert(conn, by, job).await?;
    on_db!(conn, c => sqlx::query("UPDATE jobs SET done = $2, skipped = $3, updated_at = $4, \
                                   problem = $5 WHERE id = $1")
        .bind(job.id).bind(job.done).bind(job.skipped).bind(job.updated_at).bind(&job.problem)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Inserts audit log entries.
pub async fn insert_entries(
    conn: &mut Conn,
    _by: &Grant<right::HooksWrite>,
    entries: &[PastEntry],
) -> Result<(), Error> {
    for chunk in chunks(entries) {
        on_db!(conn, c: Engine => {
            let mut insert = sqlx::QueryBuilder::<Engine>::new("INSERT INTO audit (id, at, actor, \
                action, target, detail) ");
            insert.push_values(chunk, |mut row, entry| {
                row.push_bind(entry.id).push_bind(entry.at).push_bind(entry.actor)
                    .push_bind(entry.action).push_bind(entry.target.as_str())
                    .push_bind(entry.detail.as_str());
            });
            insert.build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}
