//! What came of attempts: many at a time, each with its consequence for the delivery and for the
//! health of its hook, in the transaction that records it.

use std::collections::{HashMap, HashSet};

use super::{
    attempts, audit, claim,
    db::{Conn, chunks, on_db},
    error::Error,
    finished::{Finished, Recorded},
    forward, health, hooks, listeners, measured,
    rows::AttemptRow,
    told::{Told, Turned},
};
use crate::domain::{
    health::{BreakerPolicy, Health, Heard, Purpose, Turn},
    id::HookId,
    permission::{Actor, Permission},
    time::readable_duration,
};

/// Why the portal switches a hook off by itself.
const GONE: &str = "the receiver answered 410 Gone";
fn gave_up(policy: &BreakerPolicy) -> String {
    format!("every delivery failed for {}", readable_duration(policy.give_up_after))
}

/// Records attempts and their consequences together. A delivery that was held or cancelled while
/// the attempt was under way stays so, unless the attempt settled it. [`Error::Exists`] when one of
/// the attempts is on record already.
pub(super) async fn record_all(
    conn: &mut Conn,
    finished: &[&Finished],
) -> Result<Vec<Recorded>, Error> {
    let fences: HashSet<(HookId, claim::Fence)> =
        finished.iter().filter_map(|finished| Some((finished.hook, finished.fence?))).collect();
    let ours = claim::still_ours(conn, &fences).await?;
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
    let (standing, off) = follow(conn, &kept).await?;
    for finished in kept.iter().filter(|finished| finished.finds_it_well()) {
        forward::ask(conn, finished.hook, finished.clock.now()).await?;
        // What the receiver asked for is over too, and that is in the hook's health.
        conn.tell(Told::Changed(finished.hook));
    }
    let recorded = finished.iter().map(|finished| match is_ours(finished) {
        true => Recorded::Kept {
            health: standing.get(&finished.hook).copied(),
            is_off: off.contains(&finished.hook),
        },
        false => Recorded::Refused,
    });
    Ok(recorded.collect())
}

async fn update(conn: &mut Conn, finished: &[&Finished]) -> Result<(), Error> {
    for chunk in chunks(finished) {
        on_db!(conn, c: Engine => {
            let mut update = sqlx::QueryBuilder::<Engine>::new(
                "UPDATE deliveries SET
                   state = CASE WHEN deliveries.state IN ('held', 'cancelled') AND v.column2 = \
                   'waiting'
                             THEN deliveries.state ELSE v.column2 END,
                   due_at = CASE WHEN deliveries.state IN ('held', 'cancelled') THEN NULL ELSE \
                   v.column3 END,
                   reason = CASE WHEN deliveries.state IN ('held', 'cancelled') AND v.column2 = \
                   'waiting'
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
            update.push(") AS v WHERE deliveries.id = v.column1").build().execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// What the attempts mean for their hooks: how each stands now, and which the portal switched off.
async fn follow(
    conn: &mut Conn,
    finished: &[&Finished],
) -> Result<(HashMap<HookId, Health>, HashSet<HookId>), Error> {
    let finished: Vec<&Finished> =
        finished.iter().copied().filter(|finished| !finished.changes_nothing()).collect();
    let hooks: HashSet<HookId> = finished.iter().map(|finished| finished.hook).collect();
    let before = health::of_hooks(conn, &hooks.into_iter().collect::<Vec<_>>()).await?;
    let mut standing = before.clone();
    let mut turns = Vec::new();
    for finished in finished {
        let now = finished.clock.now();
        let heard = finished.heard(now);
        let health = standing.entry(finished.hook).or_default();
        let (after, turn) = health.after(heard, finished.purpose, now, &finished.policy);
        *health = after;
        if !matches!(heard, Heard::Success | Heard::OwnTrouble) && finished.purpose != Purpose::Test
        {
            health.last_answer = Some(finished.attempt.answer);
        }
        if finished.is_gone || turn != Turn::None {
            turns.push((finished, turn));
        }
    }
    for (finished, _) in &turns {
        listeners::changed(conn, finished.hook).await?;
    }
    let mut off = HashSet::new();
    for (finished, turn) in turns {
        let why_off = match turn {
            _ if finished.is_gone => Some(GONE.to_owned()),
            Turn::GaveUp => Some(gave_up(&finished.policy)),
            _ => None,
        };
        if let Some(reason) = why_off
            && switch_off(conn, finished, &reason).await?
        {
            off.insert(finished.hook);
        }
        note_turn(conn, finished, turn).await?;
    }
    let mut hooks: Vec<_> = standing.iter().collect();
    // Everybody locks them in this order: else two could wait for each other.
    hooks.sort_unstable_by_key(|(hook, _)| **hook);
    for (hook, health) in hooks {
        if before.get(hook).copied().unwrap_or_default() != *health {
            health::save(conn, *hook, health).await?;
        }
    }
    Ok((standing, off))
}

/// Pauses and recoveries are decisions of the portal, and stand in the log like those of people.
async fn note_turn(conn: &mut Conn, finished: &Finished, turn: Turn) -> Result<(), Error> {
    let (action, turned) = match turn {
        Turn::Paused => ("hook.paused", Turned::Paused),
        Turn::Recovered => ("hook.recovered", Turned::Recovered),
        Turn::None | Turn::GaveUp => return Ok(()),
    };
    let Ok(grant) = Actor::portal().require(Permission::HooksWrite) else { return Ok(()) };
    let detail = format!("after {}", finished.attempt.answer.class());
    conn.tell(Told::Turned(finished.hook, turned, detail.clone()));
    audit::note(conn, &finished.clock, &grant, action, &finished.hook.to_string(), &detail).await
}

/// Switches a hook off, with the reason. Unless it leads elsewhere by now: then somebody has mended
/// it already.
async fn switch_off(conn: &mut Conn, finished: &Finished, reason: &str) -> Result<bool, Error> {
    let Ok(grant) = Actor::portal().require(Permission::HooksWrite) else { return Ok(false) };
    let now = finished.clock.now();
    let is_off =
        hooks::switch_off(conn, &grant, finished.hook, &finished.attempt.url, reason, now).await?;
    if is_off {
        conn.tell(Told::Turned(finished.hook, Turned::SwitchedOff, reason.to_owned()));
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
