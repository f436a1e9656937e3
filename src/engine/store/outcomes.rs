//! Records the results of attempts in batches. Each attempt, its consequence for the delivery and
//! its effect on the health of the hook are written in the same transaction.

use std::collections::{HashMap, HashSet};

use super::{
    attempts, audit, claim,
    db::{Conn, chunks, on_db},
    dismissals,
    error::Error,
    finished::{Finished, Recorded},
    forward, health, hooks, listeners, measured,
    notices::{HookDecision, Notice},
    rows::AttemptRow,
};
use crate::domain::{
    delivery::State,
    health::{BreakerPolicy, Health, HealthChange, Purpose, Signal},
    id::{DismissalId, HookId},
    permission::{Actor, right},
    time::readable_duration,
};

/// Why a hook is switched off automatically.
const GONE: &str = "the receiver answered 410 Gone";
fn gave_up_reason(policy: &BreakerPolicy) -> String {
    format!("every delivery failed for {}", readable_duration(policy.give_up_after))
}

/// Records attempts and their consequences together. Attempts whose fencing token is stale are
/// refused. A delivery that was held or cancelled during the attempt stays so, unless the attempt
/// settled it. Fails with [`Error::Exists`] if one of the attempts is already recorded.
pub(super) async fn record_all(
    conn: &mut Conn,
    finished: &[&Finished],
) -> Result<Vec<Recorded>, Error> {
    // A single node has no fencing token: its attempts are always recorded.
    let fences: HashSet<(HookId, claim::Fence)> =
        finished.iter().filter_map(|finished| Some((finished.hook, finished.fence?))).collect();
    let ours = claim::still_held(conn, &fences).await?;
    let is_ours = |finished: &Finished| {
        finished.fence.is_none_or(|fence| ours.contains(&(finished.hook, fence)))
    };
    let kept: Vec<&Finished> =
        finished.iter().copied().filter(|finished| is_ours(finished)).collect();
    let rows: Vec<AttemptRow<'_>> =
        kept.iter().map(|finished| AttemptRow::of(finished.delivery, &finished.attempt)).collect();
    attempts::insert(conn, &rows).await?;
    update(conn, &kept).await?;
    measured::add(conn, &kept).await?;
    let (health_by_hook, switched_off) = update_health(conn, &kept).await?;
    for finished in kept.iter().filter(|finished| finished.proves_recovery()) {
        forward::request(conn, finished.hook, finished.clock.now()).await?;
        // A success also ends a wait that the receiver asked for, which is part of the health of
        // the hook.
        conn.add_notice(Notice::Changed(finished.hook));
    }
    let recorded = finished.iter().map(|finished| match is_ours(finished) {
        true => Recorded::Stored {
            health: health_by_hook.get(&finished.hook).copied(),
            is_off: switched_off.contains(&finished.hook),
        },
        false => Recorded::Fenced,
    });
    Ok(recorded.collect())
}

/// Updates the deliveries of the attempts, many with one statement. A held or cancelled delivery
/// keeps its state when the attempt asks only for a retry; a dismissed one unless it arrived.
async fn update(conn: &mut Conn, finished: &[&Finished]) -> Result<(), Error> {
    for chunk in chunks(finished) {
        let updated: Vec<(Option<DismissalId>, String)> = on_db!(conn, c: Engine => {
            let mut update = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET
                   state = CASE WHEN deliveries.state IN ('held', 'cancelled') AND v.column2 = \
                   'waiting' OR deliveries.state = 'cancelled' AND deliveries.dismissal_id IS NOT \
                   NULL AND v.column2 <> 'delivered'
                             THEN deliveries.state ELSE v.column2 END,
                   due_at = CASE WHEN deliveries.state IN ('held', 'cancelled') THEN NULL ELSE \
                   v.column3 END,
                   reason = CASE WHEN deliveries.state IN ('held', 'cancelled') AND v.column2 = \
                   'waiting' OR deliveries.state = 'cancelled' AND deliveries.dismissal_id IS NOT \
                   NULL AND v.column2 <> 'delivered'
                              THEN deliveries.reason END,
                   attempts = v.column4, last_class = v.column5, last_status = v.column6,
                   last_duration_ms = v.column7, updated_at = v.column8,
                   tries_before = deliveries.tries_before + v.column9
                 FROM (",
            );
            update.push_values(chunk, |mut row, finished| {
                let (attempt, now) = (&finished.attempt, finished.clock.now());
                let due_at = finished.retry_in.map(|wait| now.after(wait));
                row.push_bind(finished.delivery).push_bind(finished.state.key()).push_bind(due_at)
                    .push_bind(i64::from(attempt.number)).push_bind(attempt.answer.class())
                    .push_bind(attempt.answer.status().map(i64::from))
                        .push_bind(attempt.duration_ms)
                    .push_bind(now).push_bind(i64::from(finished.is_extra));
            });
            update.push(") AS v WHERE deliveries.id = v.column1 RETURNING dismissal_id, state");
            update.build_query_as().fetch_all(c).await
        })?;
        let arrived = |(dismissal, state): (Option<DismissalId>, String)| {
            dismissal.filter(|_| state == State::Delivered.key())
        };
        let arrived: Vec<DismissalId> = updated.into_iter().filter_map(arrived).collect();
        dismissals::arrived(conn, &arrived).await?;
    }
    Ok(())
}

/// Applies the attempts to the health of their hooks. Returns the new health of each hook, and
/// which hooks were switched off automatically.
async fn update_health(
    conn: &mut Conn,
    finished: &[&Finished],
) -> Result<(HashMap<HookId, Health>, HashSet<HookId>), Error> {
    let finished: Vec<&Finished> =
        finished.iter().copied().filter(|finished| !finished.leaves_health_unchanged()).collect();
    let hooks: HashSet<HookId> = finished.iter().map(|finished| finished.hook).collect();
    let before = health::of_hooks(conn, &hooks.into_iter().collect::<Vec<_>>()).await?;
    let mut health_by_hook = before.clone();
    let mut changes = Vec::new();
    for finished in finished {
        let now = finished.clock.now();
        let signal = finished.signal(now);
        let health = health_by_hook.entry(finished.hook).or_default();
        let (after, change) = health.after(signal, finished.purpose, now, &finished.policy);
        *health = after;
        if !matches!(signal, Signal::Success | Signal::LocalFailure)
            && finished.purpose != Purpose::Test
        {
            health.last_answer = Some(finished.attempt.answer);
        }
        if finished.is_gone || change != HealthChange::None {
            changes.push((finished, change));
        }
    }
    for (finished, _) in &changes {
        listeners::changed(conn, finished.hook).await?;
    }
    let mut switched_off = HashSet::new();
    for (finished, change) in changes {
        let off_reason = match change {
            _ if finished.is_gone => Some(GONE.to_owned()),
            HealthChange::GaveUp => Some(gave_up_reason(&finished.policy)),
            _ => None,
        };
        if let Some(reason) = off_reason
            && switch_off(conn, finished, &reason).await?
        {
            switched_off.insert(finished.hook);
        }
        note_health_change(conn, finished, change).await?;
    }
    let mut hooks: Vec<_> = health_by_hook.iter().collect();
    // All transactions lock health rows in this order, so that they cannot deadlock.
    hooks.sort_unstable_by_key(|(hook, _)| **hook);
    for (hook, health) in hooks {
        // Only health that changed is written.
        if before.get(hook).copied().unwrap_or_default() != *health {
            health::save(conn, *hook, health).await?;
        }
    }
    Ok((health_by_hook, switched_off))
}

/// Writes a pause or a recovery to the audit log, like a change by a person.
async fn note_health_change(
    conn: &mut Conn,
    finished: &Finished,
    change: HealthChange,
) -> Result<(), Error> {
    let (action, turned) = match change {
        HealthChange::Paused => ("hook.paused", HookDecision::Paused),
        HealthChange::Recovered => ("hook.recovered", HookDecision::Recovered),
        HealthChange::None | HealthChange::GaveUp => return Ok(()),
    };
    let Ok(grant) = Actor::portal().require(right::HooksWrite) else { return Ok(()) };
    let detail = format!("after {}", finished.attempt.answer.class());
    conn.add_notice(Notice::Decision(finished.hook, turned, detail.clone()));
    audit::note(conn, &finished.clock, &grant, action, &finished.hook.to_string(), &detail).await
}

/// Switches a hook off with a reason, unless its URL changed during the attempt: then a person has
/// already repaired it.
async fn switch_off(conn: &mut Conn, finished: &Finished, reason: &str) -> Result<bool, Error> {
    let Ok(grant) = Actor::portal().require(right::HooksWrite) else { return Ok(false) };
    let now = finished.clock.now();
    let is_off =
        hooks::switch_off(conn, &grant, finished.hook, &finished.attempt.url, reason, now).await?;
    if is_off {
        conn.add_notice(Notice::Decision(
            finished.hook,
            HookDecision::SwitchedOff,
            reason.to_owned(),
        ));
        audit::note(
            conn,
            &finished.clock,
            &grant,
            "hook.switched_off",
            &finished.hook.to_string(),
            reason,
        )
        .await?;
    }
    Ok(is_off)
}
