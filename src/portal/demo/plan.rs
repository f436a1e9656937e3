//! The whole past of the demo, computed before anything is written: hooks, events, deliveries,
//! jobs and audit log entries. Pure: the same seed and time give the same rows.

use std::time::Duration;

use super::{
    cast::{CAST, Tuned},
    fate,
    life::Life,
    payloads,
    records::{self, MANAGER},
    rng::Rng,
};
use crate::{
    domain::{delivery::State, event::EventType, id::EventId, job::Job, time::Timestamp},
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

const EVENTS: usize = 860;
const TESTS: usize = 45;
/// Events are spread over so many days; bodies older than the 30 days of the retention are gone.
const DAYS: i64 = 32;
const DAY_MS: i64 = 24 * 3_600_000;
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const PRUNED: u32 = 11_480;
const PRODUCERS: &[&str] = &["token:contact-centre", "token:dialler", "token:work-items"];

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
    let jobs = records::jobs(rng, &lives, &deliveries, now);
    let entries = records::entries(rng, &lives, &jobs);
    Plan { lives, events, deliveries, jobs, entries, pruned: PRUNED }
}

/// When events happened, oldest first: few at night and at weekends, some in the last hour.
fn times(rng: &mut Rng, now: Timestamp) -> Vec<Timestamp> {
    /// The load of each hour of a day (UTC), in percent of the busiest.
    const LOAD: [i64; 24] =
        [4, 3, 3, 3, 5, 12, 30, 62, 88, 100, 96, 84, 70, 82, 92, 90, 76, 60, 44, 34, 26, 18, 10, 6];
    // Some in the last hours too, so that they show waiting deliveries.
    let lately = [(14, 3_000_000), (36, 6 * 3_600_000)];
    let lately = lately.into_iter().flat_map(|(count, within)| std::iter::repeat_n(within, count));
    let mut times: Vec<Timestamp> =
        lately.map(|within| Timestamp(now.0 - rng.between(20_000, within))).collect();
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{
        super::{answers::Fault, cast::Condition},
        *,
    };
    use crate::domain::{delivery::Answer, endpoint, hook::parse_name};

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn the_plan_has_everything_that_a_page_may_meet_at_any_hour() {
        for hours in 0..24 {
            has_everything(&plan(1 + hours % 3, NOW.after(Duration::from_secs(hours * 7 * 3600))));
        }
    }

    fn has_everything(plan: &Plan) {
        let mut states = BTreeMap::new();
        for past in &plan.deliveries {
            *states.entry(past.delivery.state.key()).or_insert(0) += 1;
        }
        println!("{} events, {} deliveries: {states:?}", plan.events.len(), plan.deliveries.len());
        assert!((4300..5900).contains(&plan.deliveries.len()), "{}", plan.deliveries.len());
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
