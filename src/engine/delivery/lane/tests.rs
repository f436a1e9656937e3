//! The lane as a state machine: offers, turns, limits and changes of the hook.

mod loads;
mod ordered;
mod paused;

use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        event::EventType,
        hook::{ApiKey, Hook, Tuning},
        id::{EventId, HookId},
    },
    engine::store::hooks::Secrets,
};

const NOW: Timestamp = Timestamp(1_000_000);
pub(in crate::engine::delivery) const LIMITS: Limits = Limits {
    in_flight: 9,
    window: PageLimit { rows: 4, bytes: 1000 },
    drain_per_second: 250,
    has_memory: true,
    is_shared: false,
};
/// What a load of a stale lane reads.
const ALL: Wanted = Wanted { first_attempts: true, retries: true, lines: true, probe: false };
/// First attempts and retries.
const BOTH: Wanted = Wanted { lines: false, ..ALL };

pub(in crate::engine::delivery) fn page(target: Option<Arc<Target>>, due: Vec<Open>) -> Page {
    Page {
        target,
        first_attempts: Some(PagePart { due, more_at: None }),
        retries: Some(PagePart::default()),
        ..Page::default()
    }
}

pub(in crate::engine::delivery) fn target(enabled: bool) -> Arc<Target> {
    let hook = Hook {
        id: HookId(Uuid::nil()),
        name: "a".into(),
        event_type: EventType::WorkItemClosed,
        callback_url: "https://example.com/".into(),
        enabled,
        off_reason: None,
        api_key_hint: String::new(),
        tuning: Tuning::default(),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    };
    let secrets = Secrets {
        api_key: ApiKey::parse("k").unwrap(),
        signing_secret: crate::engine::delivery::signing::new_secret(),
    };
    Arc::new(Target::new(hook, &secrets).unwrap())
}

fn tuned(tuning: Tuning) -> Arc<Target> {
    let hook = Hook { tuning, ..target(true).hook.clone() };
    let secrets = Secrets {
        api_key: ApiKey::parse("k").unwrap(),
        signing_secret: crate::engine::delivery::signing::new_secret(),
    };
    Arc::new(Target::new(hook, &secrets).unwrap())
}

pub(in crate::engine::delivery) fn open(number: u128, attempts: u32) -> Open {
    Open {
        id: DeliveryId(Uuid::from_u128(number)),
        event: EventId(Uuid::from_u128(number)),
        hook: HookId(Uuid::nil()),
        event_type: EventType::WorkItemClosed,
        body: bytes::Bytes::from_static(b"{}"),
        attempts,
        tries_before: 0,
        is_test: false,
        order_key: None,
    }
}

/// A lane that has loaded its hook and nothing else.
fn ready(enabled: bool) -> Lane {
    let mut lane = Lane::new(NOW);
    assert_eq!(lane.wants_load(&LIMITS, NOW), Some(ALL));
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(enabled)), Vec::new()), NOW);
    lane
}

/// The deliveries that are sent now, with at most `limit` in flight.
fn sent(lane: &mut Lane, limit: usize) -> Vec<u128> {
    let limits = Limits { in_flight: limit, ..LIMITS };
    // The concurrency window has tests of its own, so it is fully open here.
    lane.pacing.warm(NOW);
    std::iter::from_fn(|| lane.next(&limits, NOW))
        .map(|outgoing| outgoing.open.id.0.as_u128())
        .collect()
}

#[test]
fn nothing_is_sent_before_the_first_load_and_no_offer_is_lost() {
    let mut lane = Lane::new(NOW);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), []);
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [1, 2], "offered and loaded: sent once");
}

#[test]
fn the_overflow_of_a_full_window_stays_in_the_database_and_is_loaded_later() {
    let mut lane = ready(true);
    for number in 1..=6 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!((lane.known().rows, lane.first_attempts.more_at), (4, Some(NOW)));
    assert_eq!(lane.wants_load(&LIMITS, NOW), None, "the window is still full");
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    assert_eq!(
        lane.wants_load(&LIMITS, NOW),
        Some(Wanted { first_attempts: true, ..Wanted::default() }),
        "half empty"
    );
}

/// The overflow of a full window is due now, but must not hide the time of the next rate token:
/// with nothing in flight no other event would wake the lane.
#[test]
fn an_overdue_load_does_not_hide_the_next_timer() {
    let mut lane = ready(true);
    lane.begin_load(BOTH);
    let tuning = Tuning { rate_per_second: Some(1), ..Tuning::default() };
    lane.loaded(page(Some(tuned(tuning)), Vec::new()), NOW);
    for number in 1..=6 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 9), [1], "one a second");
    assert_eq!(
        (lane.first_attempts.more_at, lane.wants_load(&LIMITS, NOW)),
        (Some(NOW), None),
        "the window is still full"
    );
    assert_eq!(lane.wake_at(NOW), Some(Timestamp(NOW.0 + 1000)));
}

#[test]
fn a_clock_set_back_does_not_prolong_in_memory_waits() {
    let mut lane = ready(true);
    lane.begin_load(BOTH);
    lane.loaded(
        page(Some(tuned(Tuning { rate_per_second: Some(1), ..Tuning::default() })), Vec::new()),
        NOW,
    );
    for number in 1..=2 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 9), [1], "one a second");
    lane.begin_load(BOTH);
    lane.load_failed(Timestamp(NOW.0 + 1000));
    let earlier = Timestamp(NOW.0 - 86_400_000);
    lane.clock_set_back(earlier);
    assert!(lane.is_ready(&LIMITS, earlier));
    assert_eq!(lane.wants_load(&LIMITS, earlier), Some(BOTH));
}

#[test]
fn a_backlog_of_retries_does_not_take_the_room_of_first_attempts() {
    let mut lane = ready(true);
    for number in 1..=4 {
        lane.push(open(number, 3));
    }
    for number in 11..=14 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(lane.first_attempts.more_at, None, "nothing was left in the database");
    assert_eq!(sent(&mut lane, 4), [11, 1, 12, 2]);
}

#[test]
fn the_in_flight_limit_holds_until_an_attempt_ends() {
    let mut lane = ready(true);
    for number in 1..=3 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, None, NOW);
    assert_eq!(sent(&mut lane, 2), [3]);
}

#[test]
fn first_attempts_and_retries_take_turns() {
    let mut lane = ready(true);
    for (number, attempts) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
        lane.offer(open(number, attempts), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 9), [3, 1, 4, 2]);
}

#[test]
fn a_retry_waits_in_the_database_until_it_is_due() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    let due = Timestamp(NOW.0 + 5000);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), Some(due), Some(Health::default()), NOW);
    assert_eq!(lane.wake_at(NOW), Some(due));
    assert_eq!(lane.wants_load(&LIMITS, NOW), None);
    assert_eq!(lane.wants_load(&LIMITS, due), Some(Wanted { retries: true, ..Wanted::default() }));
    assert!(!lane.can_be_removed());
}

#[test]
fn a_first_attempt_that_was_not_recorded_is_loaded_as_a_first_attempt() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    let again = Timestamp(NOW.0 + 1000);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), Some(again), None, NOW);
    assert_eq!(lane.wants_load(&LIMITS, again), Some(BOTH));
}

#[test]
fn a_disabled_hook_sends_and_queues_only_tests() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.hook_changed(NOW);
    assert_eq!(sent(&mut lane, 9), [], "nothing before the change is loaded");
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(false)), Vec::new()), NOW);
    lane.offer(open(2, 0), &LIMITS, NOW);
    lane.offer(Open { is_test: true, ..open(3, 0) }, &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [3]);
}

#[test]
fn the_window_is_also_bounded_in_bytes() {
    let mut lane = ready(true);
    let large = |number| Open { body: vec![b'x'; 600].into(), ..open(number, 0) };
    for number in 1..=3 {
        lane.offer(large(number), &LIMITS, NOW);
    }
    assert_eq!((lane.known().rows, lane.first_attempts.more_at), (2, Some(NOW)));
    assert_eq!(lane.wants_load(&LIMITS, NOW), None);
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    assert!(lane.wants_load(&LIMITS, NOW).is_some());
}

/// Loads and steps, as the board would, until the lane wants nothing more. Every load returns
/// `make_page`, and no step has more to move. Returns the number of steps.
fn settle(lane: &mut Lane, now: Timestamp, make_page: impl Fn(Wanted) -> Page) -> usize {
    let mut steps = 0;
    loop {
        if let Some(wanted) = lane.wants_load(&LIMITS, now) {
            lane.begin_load(wanted);
            lane.loaded(make_page(wanted), now);
        } else if lane.wants_step(now) {
            lane.begin_step();
            lane.stepped(false, &LIMITS, now);
            steps += 1;
        } else {
            return steps;
        }
    }
}

#[test]
fn the_lane_of_a_deleted_hook_can_be_removed() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.hook_changed(NOW);
    lane.begin_load(BOTH);
    lane.loaded(page(None, Vec::new()), NOW);
    assert!(lane.can_be_removed());
    lane.offer(Open { is_test: true, ..open(2, 0) }, &LIMITS, NOW);
    assert!(lane.can_be_removed(), "a test of a deleted hook is not queued");
}
