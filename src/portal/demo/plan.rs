//! The whole past of the demo, computed before anything is written: hooks, events, deliveries,
//! jobs and audit log entries. Pure: the same seed and time give the same rows.

use std::time::Duration;

use super::{
    cast::{CAST, Condition, Tuned},
    fate,
    life::Life,
    payloads,
    rng::Rng,
};
use crate::{
    domain::{
        delivery::State,
        event::EventType,
        id::{EventId, JobId},
        job::{Job, JobState, Kind, Scope},
        log::AnswerGroup,
        time::Timestamp,
    },
    engine::store::past::{PastDelivery, PastEntry, PastEvent},
};

/// Everything that the demo writes.
pub struct Plan {
    pub lives: Vec<Life>,
    pub events: Vec<PastEvent>,
    pub deliveries: Vec<PastDelivery>,
    pub jobs: Vec<Job>,
    pub entries: Vec<PastEntry>,
    /// Deliveries that retention has removed.
    pub pruned: u32,
}

const EVENTS: usize = 1440;
const TESTS: usize = 45;
/// Events are spread over so many days; bodies older than the 30 days of the retention are gone.
const DAYS: i64 = 32;
const DAY_MS: i64 = 24 * 3_600_000;
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const PRUNED: u32 = 11_480;
const PRODUCERS: &[&str] = &["token:contact-centre", "token:dialler", "token:work-items"];
/// The people of the demo, as in the audit log.
pub const MANAGER: &str = "user:mia.manager@northwind.example";
pub const ADMINISTRATOR: &str = "user:ada.admin@northwind.example";

/// Plans the demo as of `now`.
pub fn plan(seed: u64, now: Timestamp) -> Plan {
    let rng = &mut Rng::new(seed);
    let mut lives: Vec<Life> = CAST
        .iter()
        .enumerate()
        .map(|(at, part)| Life::of(rng, *part, at, CAST.len(), now))
        .collect();
    let mut events: Vec<PastEvent> =
        times(rng, now).into_iter().map(|at| event(rng, at, now)).collect();
    let mut deliveries = Vec::new();
    for event in &mut events {
        if event.is_test {
            deliveries.extend(tested(rng, &mut lives, event, now));
        } else {
            deliveries.extend(delivered(rng, &mut lives, event, now));
        }
    }
    for life in &mut lives {
        probes(rng, life, &mut deliveries, now);
    }
    prune(&mut events, &mut deliveries, now);
    let jobs = jobs(rng, &lives, &deliveries, now);
    let entries = entries(rng, &lives, &jobs);
    Plan { lives, events, deliveries, jobs, entries, pruned: PRUNED }
}

/// When events happened, oldest first: few at night and at weekends, some in the last hour.
fn times(rng: &mut Rng, now: Timestamp) -> Vec<Timestamp> {
    /// The load of each hour of a day (UTC), in percent of the busiest.
    const LOAD: [i64; 24] =
        [4, 3, 3, 3, 5, 12, 30, 62, 88, 100, 96, 84, 70, 82, 92, 90, 76, 60, 44, 34, 26, 18, 10, 6];
    let mut times: Vec<Timestamp> =
        (0..14).map(|_| Timestamp(now.0 - rng.between(20_000, 3_000_000))).collect();
    while times.len() < EVENTS + TESTS {
        let at = now.0 - rng.between(60_000, DAYS * DAY_MS);
        let hour = usize::try_from(at.rem_euclid(DAY_MS) / 3_600_000).unwrap_or(0);
        // 1 January 1970 was a Thursday.
        let is_weekend = matches!((at.div_euclid(DAY_MS) + 4).rem_euclid(7), 0 | 6);
        if rng.percent(if is_weekend { LOAD[hour] * 2 / 3 } else { LOAD[hour] }) {
            times.push(Timestamp(at));
        }
    }
    times.sort_unstable();
    times
}

fn event(rng: &mut Rng, at: Timestamp, now: Timestamp) -> PastEvent {
    use EventType::{ConversationAbandoned, OutboundCallInitiated, WorkItemClosed};
    let kinds = [ConversationAbandoned, OutboundCallInitiated, WorkItemClosed, WorkItemClosed];
    let event_type = rng.pick(&kinds);
    let tests = i64::try_from(TESTS).unwrap_or(0);
    let is_test =
        rng.between(0, i64::try_from(EVENTS).unwrap_or(0)) < tests && at.until(now) < KEPT;
    let source = if is_test { MANAGER } else { rng.pick(PRODUCERS) };
    PastEvent {
        id: EventId(rng.id(at)),
        event_type,
        body: payloads::body(rng, event_type, at).into_bytes(),
        is_test,
        source: source.to_owned(),
        created_at: at,
        pruned_at: None,
    }
}

/// The deliveries of an event to the hooks that there were.
fn delivered(
    rng: &mut Rng,
    lives: &mut [Life],
    event: &PastEvent,
    now: Timestamp,
) -> Vec<PastDelivery> {
    let mut deliveries = Vec::new();
    for life in lives {
        let is_listening = life.hook.event_type == event.event_type
            && life.hook.created_at < event.created_at
            && event.created_at < life.quiet;
        if !is_listening || !rng.percent(life.part.share) {
            continue;
        }
        let Some(mut past) = fate::deliver(rng, life, event, now) else { continue };
        past.size = i64::try_from(event.body.len()).unwrap_or(i64::MAX);
        if life.part.tuned == Tuned::Ordered {
            let body = String::from_utf8_lossy(&event.body);
            past.order_key = payloads::member(&body, "primaryConversationId");
        }
        life.note(&past.delivery, &past.attempts);
        deliveries.push(past);
    }
    deliveries
}

/// The delivery of a test to one of the hooks of its type.
fn tested(
    rng: &mut Rng,
    lives: &mut [Life],
    event: &PastEvent,
    now: Timestamp,
) -> Option<PastDelivery> {
    let fits = |life: &Life| {
        life.hook.event_type == event.event_type
            && life.hook.created_at < event.created_at
            && event.created_at < life.off
    };
    let fitting: Vec<usize> = (0..lives.len()).filter(|at| fits(&lives[*at])).collect();
    if fitting.is_empty() {
        return None;
    }
    let at = rng.pick(&fitting);
    let mut past = fate::test(rng, &mut lives[at], event, now);
    past.size = i64::try_from(event.body.len()).unwrap_or(i64::MAX);
    Some(past)
}

/// The last probes of a paused hook, with its oldest held delivery.
fn probes(rng: &mut Rng, life: &mut Life, deliveries: &mut [PastDelivery], now: Timestamp) {
    let until = life.off.min(now);
    if life.paused >= until {
        return;
    }
    let is_held = |past: &&mut PastDelivery| {
        past.delivery.hook_id == life.hook.id && past.delivery.state == State::Held
    };
    let Some(held) = deliveries.iter_mut().find(is_held) else { return };
    let before = held.attempts.len();
    for back in (1..=8).rev() {
        let at = until.before(Duration::from_secs(back * 15 * 60 - 240));
        if at > life.paused {
            fate::once(rng, life, held, at, Some(life.fault));
        }
    }
    held.tries_before = u32::try_from(held.attempts.len() - before).unwrap_or(0);
    let probes = held.attempts[before..].to_vec();
    life.note(&held.delivery.clone(), &probes);
}

/// What retention has done: bodies, keys and responses of old settled events are gone.
fn prune(events: &mut [PastEvent], deliveries: &mut [PastDelivery], now: Timestamp) {
    let oldest = now.before(KEPT);
    for event in events.iter_mut().filter(|event| event.created_at < oldest) {
        event.body.clear();
        event.pruned_at = Some(event.created_at.after(KEPT));
    }
    for past in deliveries.iter_mut().filter(|past| past.delivery.created_at < oldest) {
        past.order_key = None;
        for attempt in &mut past.attempts {
            let attempt = std::sync::Arc::make_mut(attempt);
            attempt.response_headers.clear();
            attempt.response_body.clear();
        }
    }
}

/// Jobs in every state. The running one redelivers to a hook that is off, one a second: it takes
/// minutes, and nothing is sent.
fn jobs(rng: &mut Rng, lives: &[Life], deliveries: &[PastDelivery], now: Timestamp) -> Vec<Job> {
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
    let mut job = |kind, state, scope, pace, progress: (i64, i64, i64), begun: u64| {
        let (total, done, skipped) = progress;
        let created_at = ago(begun);
        let seconds = (done + skipped).unsigned_abs() / u64::from(pace) + 1;
        let ended = created_at.after(Duration::from_secs(seconds));
        let updated_at = if state == JobState::Running { now } else { ended };
        Job {
            id: JobId(rng.id(created_at)),
            kind,
            state,
            scope,
            per_second: pace,
            total,
            done,
            skipped,
            created_by: MANAGER.to_owned(),
            created_at,
            updated_at,
            problem: None,
        }
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

/// Who created, paused and turned off what.
fn entries(rng: &mut Rng, lives: &[Life], jobs: &[Job]) -> Vec<PastEntry> {
    let mut entries = Vec::new();
    let mut note = |at: Timestamp, actor, action, target: String, detail: String| {
        entries.push(PastEntry { id: rng.id(at), at, actor, action, target, detail });
    };
    for life in lives {
        let (hook, target) = (&life.hook, life.hook.id.to_string());
        note(hook.created_at, ADMINISTRATOR, "hook.created", target.clone(), hook.name.clone());
        if life.paused < super::life::NEVER {
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{super::answers::Fault, *};
    use crate::domain::{delivery::Answer, endpoint, hook::parse_name};

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn the_plan_has_everything_that_a_page_may_meet() {
        let plan = plan(1, NOW);
        let mut states = BTreeMap::new();
        for past in &plan.deliveries {
            *states.entry(past.delivery.state.key()).or_insert(0) += 1;
        }
        println!("{} events, {} deliveries: {states:?}", plan.events.len(), plan.deliveries.len());
        assert!((4800..5600).contains(&plan.deliveries.len()), "{}", plan.deliveries.len());
        assert_eq!(states.len(), State::ALL.len(), "{states:?}");
        let classes: BTreeSet<&str> = plan
            .deliveries
            .iter()
            .flat_map(|past| &past.attempts)
            .map(|attempt| attempt.answer.class())
            .collect();
        assert_eq!(classes, Answer::classes().collect::<BTreeSet<_>>());
        let has = |fits: &dyn Fn(&PastDelivery) -> bool| plan.deliveries.iter().any(fits);
        assert!(has(&|past| past.delivery.is_test) && has(&|past| past.order_key.is_some()));
        let delivered = |past: &PastDelivery| past.delivery.state == State::Delivered;
        for attempts in 1..=4 {
            assert!(has(&|past| delivered(past) && past.attempts.len() == attempts), "{attempts}");
        }
        assert!(has(&|past| delivered(past) && past.attempts.len() > 10), "redelivered");
        assert!(plan.events.iter().any(|event| event.pruned_at.is_some()));
        let kept = plan.events.iter().filter(|event| !event.body.is_empty()).count();
        assert!(kept > EVENTS * 8 / 10, "{kept}");
    }

    #[test]
    fn every_hook_could_have_been_typed() {
        let plan = plan(2, NOW);
        assert!((60..=62).contains(&plan.lives.len()));
        for life in &plan.lives {
            assert_eq!(parse_name(&life.hook.name).as_ref(), Ok(&life.hook.name));
            let parsed = endpoint::parse(&life.hook.callback_url, false, |_| false);
            assert_eq!(
                parsed.map(|endpoint| endpoint.url.to_string()).ok().as_ref(),
                Some(&life.hook.callback_url)
            );
        }
        let longest = |length: fn(&Life) -> usize| plan.lives.iter().map(length).max();
        assert_eq!(longest(|life| life.hook.name.chars().count()), Some(100));
        assert_eq!(longest(|life| life.hook.callback_url.len()), Some(1500));
    }

    #[test]
    fn nothing_is_sent_soon() {
        let mut plan = plan(3, NOW);
        let soon = NOW.after(Duration::from_secs(40 * 60));
        let waits: BTreeSet<_> = plan
            .lives
            .iter()
            .filter(|life| life.fault == Fault::Wait)
            .map(|life| life.hook.id)
            .collect();
        for past in plan.deliveries.iter().map(|past| &past.delivery) {
            if !waits.contains(&past.hook_id) {
                assert!(past.due_at.is_none_or(|due| due > soon), "{past:?}");
            }
            assert!(past.created_at < NOW && past.updated_at <= NOW, "{past:?}");
        }
        for life in &mut plan.lives {
            let health = life.health(&mut Rng::new(1), NOW);
            assert_eq!(health.waits_until.is_some(), waits.contains(&life.hook.id));
            let is_paused =
                matches!(life.part.condition, Condition::Paused(_) | Condition::Full(_));
            if life.hook.enabled && life.part.condition != Condition::Deleted {
                assert_eq!(health.paused.is_some(), is_paused, "{}: {health:?}", life.hook.name);
            }
            assert!(health.paused.is_none_or(|pause| !life.hook.enabled || pause.probe_at > NOW));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_rows() {
        let ids = |seed| {
            let plan = plan(seed, NOW);
            plan.deliveries.iter().map(|past| past.delivery.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(4), ids(4));
        assert_ne!(ids(4), ids(5));
    }
}
