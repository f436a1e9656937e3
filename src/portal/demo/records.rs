//! What people did in the demo: jobs in every state, and the audit log.

use std::time::Duration;

use super::{
    cast::Condition,
    life::{Life, NEVER},
    rng::Rng,
};
use crate::{
    domain::{
        delivery::State,
        event::EventType,
        id::{JobId, time_of},
        job::{Job, JobState, Kind, Scope},
        log::AnswerGroup,
        time::Timestamp,
    },
    engine::store::past::{PastDelivery, PastEntry},
};

/// The people of the demo, as in the audit log.
pub const MANAGER: &str = "user:mia.manager@northwind.example";
const ADMINISTRATOR: &str = "user:ada.admin@northwind.example";

/// Jobs in every state. The running one redelivers to a hook that is off, one a second: it takes
/// minutes, and nothing is sent.
pub fn jobs(
    rng: &mut Rng,
    lives: &[Life],
    deliveries: &[PastDelivery],
    now: Timestamp,
) -> Vec<Job> {
    let ago = |hours: u64| now.before(Duration::from_secs(hours * 3600));
    let missed = |life: &Life| {
        let is_missed = |past: &&PastDelivery| {
            past.delivery.hook_id == life.hook.id
                && matches!(past.delivery.state, State::Failed | State::Skipped)
        };
        i64::try_from(deliveries.iter().filter(is_missed).count()).unwrap_or(0)
    };
    let off = lives.iter().filter(|life| life.part.condition == Condition::Off);
    let Some(off) = off.max_by_key(|life| missed(life)) else { return Vec::new() };
    let other = |name: &str| lives.iter().find(|life| life.part.name == name).map(|it| it.hook.id);
    let states = vec![State::Failed, State::Skipped, State::Cancelled];
    let recover = |hook, from| Scope {
        hook,
        states: states.clone(),
        from: Some(from),
        to: Some(now),
        ..Scope::default()
    };
    let by_type = Scope {
        event_type: Some(EventType::ConversationAbandoned),
        states: vec![State::Failed],
        answer: Some(AnswerGroup::ServerError),
        from: Some(ago(300)),
        to: Some(ago(100)),
        ..Scope::default()
    };
    let warehouse = recover(other("Data warehouse"), ago(500));
    let fraud = recover(other("Fraud detection"), ago(60));
    let mut job = |kind, state, scope, pace, progress, begun| {
        job(rng.id(ago(begun)), kind, state, scope, pace, progress, now)
    };
    vec![
        job(Kind::Recover, JobState::Done, warehouse, 50, (1240, 1198, 42), 260),
        job(Kind::Redeliver, JobState::Done, by_type, 50, (68, 68, 0), 99),
        job(Kind::Redeliver, JobState::Cancelled, fraud.clone(), 5, (412, 97, 3), 50),
        job(Kind::Recover, JobState::Paused, fraud, 10, (380, 120, 0), 20),
        job(
            Kind::Recover,
            JobState::Running,
            recover(Some(off.hook.id), ago(24 * 20)),
            1,
            (missed(off), 0, 0),
            0,
        ),
    ]
}

/// A job that began when its id was made.
fn job(
    id: uuid::Uuid,
    kind: Kind,
    state: JobState,
    scope: Scope,
    pace: u32,
    (total, done, skipped): (i64, i64, i64),
    now: Timestamp,
) -> Job {
    let created_at = time_of(id);
    let seconds = (done + skipped).unsigned_abs() / u64::from(pace) + 1;
    let ended = created_at.after(Duration::from_secs(seconds));
    Job {
        id: JobId(id),
        kind,
        state,
        scope,
        per_second: pace,
        total,
        done,
        skipped,
        created_by: MANAGER.to_owned(),
        created_at,
        updated_at: if state == JobState::Running { now } else { ended },
        problem: None,
    }
}

/// Who created, paused and turned off what.
pub fn entries(rng: &mut Rng, lives: &[Life], jobs: &[Job]) -> Vec<PastEntry> {
    let mut entries = Vec::new();
    let mut note = |at: Timestamp, actor, action, target: String, detail: String| {
        entries.push(PastEntry { id: rng.id(at), at, actor, action, target, detail });
    };
    for life in lives {
        let (hook, target) = (&life.hook, life.hook.id.to_string());
        note(hook.created_at, ADMINISTRATOR, "hook.created", target.clone(), hook.name.clone());
        if life.paused < NEVER {
            let class = format!("after {}", life.fault.answer().class());
            note(life.paused, "portal", "hook.paused", target.clone(), class);
        }
        match (&hook.off_reason, life.part.condition) {
            (Some(reason), _) => {
                note(hook.updated_at, "portal", "hook.switched_off", target, reason.clone());
            }
            (None, Condition::Off) => {
                let change = "enabled: true -> false".to_owned();
                note(hook.updated_at, MANAGER, "hook.changed", target, change);
            }
            (None, Condition::Deleted) => {
                note(life.off, ADMINISTRATOR, "hook.deleted", target, hook.name.clone());
            }
            _ => {}
        }
    }
    for job in jobs {
        note(job.created_at, MANAGER, "job.begun", job.id.to_string(), String::new());
    }
    entries.sort_by_key(|entry| entry.id);
    entries
}
