//! What a lane does, told what happens to it.

mod ordered;
mod paused;

use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        event::EventType,
        hook::{Hook, Tuning},
        id::{EventId, HookId},
    },
    engine::store::hooks::Secrets,
};

const NOW: Timestamp = Timestamp(1_000_000);
pub(in crate::engine::delivery) const LIMITS: Limits = Limits {
    in_flight: 9,
    window: Room { rows: 4, bytes: 1000 },
    drain_per_second: 250,
    has_memory: true,
    is_shared: false,
};
/// All that is read of a hook that changed.
const ALL: Wanted = Wanted { fresh: true, again: true, lines: true, probe: false };
const BOTH: Wanted = Wanted { lines: false, ..ALL };

pub(in crate::engine::delivery) fn page(target: Option<Arc<Target>>, due: Vec<Open>) -> Page {
    Page {
        target,
        fresh: Some(Found { due, more_at: None }),
        again: Some(Found::default()),
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
        api_key: "k".into(),
        signing_secret: crate::engine::delivery::signing::new_secret(),
    };
    Arc::new(Target::new(hook, &secrets).unwrap())
}

fn tuned(tuning: Tuning) -> Arc<Target> {
    let hook = Hook { tuning, ..target(true).hook.clone() };
    let secrets = Secrets {
        api_key: "k".into(),
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

fn ready(enabled: bool) -> Lane {
    let mut lane = Lane::new(NOW);
    assert_eq!(lane.wants_load(&LIMITS, NOW), Some(ALL));
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(enabled)), Vec::new()), NOW);
    lane
}

fn sent(lane: &mut Lane, limit: usize) -> Vec<u128> {
    let limits = Limits { in_flight: limit, ..LIMITS };
    // How a lane warms up is tested with its pacing.
    lane.pacing.warm(NOW);
    std::iter::from_fn(|| lane.next(&limits, NOW)).map(|given| given.open.id.0.as_u128()).collect()
}

#[test]
fn nothing_is_sent_before_the_hook_is_known_and_nothing_offered_is_lost() {
    let mut lane = Lane::new(NOW);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), []);
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [1, 2], "what was offered and loaded is sent once");
}

#[test]
fn a_full_window_leaves_the_rest_in_the_database_and_fetches_it_later() {
    let mut lane = ready(true);
    for number in 1..=6 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!((lane.known().rows, lane.fresh.more_at), (4, Some(NOW)));
    assert_eq!(lane.wants_load(&LIMITS, NOW), None, "the window is still full");
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    assert_eq!(
        lane.wants_load(&LIMITS, NOW),
        Some(Wanted { fresh: true, ..Wanted::default() }),
        "half empty"
    );
}

/// A full window whose rest is due now must not hide when the rate allows the next one: with
/// nothing in flight nobody else would wake the lane.
#[test]
fn what_is_due_already_does_not_hide_what_time_will_bring() {
    let mut lane = ready(true);
    lane.begin_load(BOTH);
    let tuning = Tuning { rate_per_second: Some(1), ..Tuning::default() };
    lane.loaded(page(Some(tuned(tuning)), Vec::new()), NOW);
    for number in 1..=6 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 9), [1], "one a second");
    assert_eq!(
        (lane.fresh.more_at, lane.wants_load(&LIMITS, NOW)),
        (Some(NOW), None),
        "the window is still full"
    );
    assert_eq!(lane.wake_at(NOW), Some(Timestamp(NOW.0 + 1000)));
}

#[test]
fn a_clock_that_was_set_back_prolongs_no_short_wait() {
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
fn a_backlog_of_retries_leaves_first_attempts_their_place() {
    let mut lane = ready(true);
    for number in 1..=4 {
        lane.push(open(number, 3));
    }
    for number in 11..=14 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(lane.fresh.more_at, None, "nothing was left in the database");
    assert_eq!(sent(&mut lane, 4), [11, 1, 12, 2]);
}

#[test]
fn the_in_flight_limit_holds_and_a_finish_frees_a_place() {
    let mut lane = ready(true);
    for number in 1..=3 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    lane.sent();
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
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(1)), Some(due), Some(Health::default()), NOW);
    assert_eq!(lane.wake_at(NOW), Some(due));
    assert_eq!(lane.wants_load(&LIMITS, NOW), None);
    assert_eq!(lane.wants_load(&LIMITS, due), Some(Wanted { again: true, ..Wanted::default() }));
    assert!(!lane.is_over());
}

#[test]
fn a_first_attempt_that_was_never_made_or_recorded_is_looked_for_among_first_attempts() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    let again = Timestamp(NOW.0 + 1000);
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(1)), Some(again), None, NOW);
    assert_eq!(lane.wants_load(&LIMITS, again), Some(BOTH));
}

#[test]
fn switched_off_it_sends_tests_only_and_keeps_nothing_else() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.changed(NOW);
    assert_eq!(sent(&mut lane, 9), [], "not before the change was read");
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(false)), Vec::new()), NOW);
    lane.offer(open(2, 0), &LIMITS, NOW);
    lane.offer(Open { is_test: true, ..open(3, 0) }, &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [3]);
}

#[test]
fn a_hook_that_changes_again_and_again_takes_no_more_memory_for_it() {
    let mut lane = ready(true);
    let mut number = 0;
    for _ in 0..100 {
        lane.changed(NOW);
        settle(&mut lane, NOW, |wanted| {
            let rows = if wanted.fresh { number..number + 4 } else { 0..0 };
            page(Some(target(true)), rows.map(|number| open(number, 0)).collect())
        });
        number += 4;
    }
    assert!(lane.known().rows <= 2 * LIMITS.window.rows, "{}", lane.known().rows);
    assert_eq!(sent(&mut lane, 1), [0], "and it goes on");
}

#[test]
fn a_change_during_a_load_makes_the_load_worthless() {
    let mut lane = Lane::new(NOW);
    lane.begin_load(BOTH);
    lane.changed(NOW);
    lane.loaded(page(Some(target(true)), vec![open(1, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), []);
    assert_eq!(lane.wants_load(&LIMITS, NOW), Some(ALL));
}

#[test]
fn a_load_that_is_older_than_a_result_does_not_bring_the_delivery_back() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    lane.fresh.note_more(NOW);
    lane.begin_load(BOTH);
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, None, NOW);
    lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [2]);
}

#[test]
fn nothing_is_sent_with_the_old_target_while_the_new_one_is_read() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.changed(NOW);
    lane.begin_load(BOTH);
    assert_eq!(sent(&mut lane, 9), [], "not while the load runs");
    assert!(!lane.is_ready(&LIMITS, NOW));
    lane.load_failed(Timestamp(NOW.0 + 1000));
    assert_eq!(sent(&mut lane, 9), [], "nor after it failed");
    assert_eq!(lane.wants_load(&LIMITS, NOW), None, "a failed load is not repeated at once");
    assert_eq!(lane.wake_at(NOW), Some(Timestamp(NOW.0 + 1000)));
    assert_eq!(lane.wants_load(&LIMITS, Timestamp(NOW.0 + 1000)), Some(ALL));
    lane.begin_load(ALL);
    lane.loaded(page(Some(target(true)), Vec::new()), NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
}

#[test]
fn what_is_offered_while_a_hook_is_being_switched_on_is_fetched() {
    let mut lane = ready(false);
    lane.changed(NOW);
    lane.begin_load(BOTH);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.loaded(page(Some(target(true)), Vec::new()), NOW);
    let fresh = Wanted { fresh: true, ..Wanted::default() };
    assert_eq!(lane.wants_load(&LIMITS, NOW), Some(fresh), "the page may be older than the offer");
    lane.begin_load(fresh);
    lane.loaded(page(Some(target(true)), vec![open(1, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
}

#[test]
fn a_window_is_bounded_in_bytes_too() {
    let mut lane = ready(true);
    let large = |number| Open { body: vec![b'x'; 600].into(), ..open(number, 0) };
    for number in 1..=3 {
        lane.offer(large(number), &LIMITS, NOW);
    }
    assert_eq!((lane.known().rows, lane.fresh.more_at), (2, Some(NOW)));
    assert_eq!(lane.wants_load(&LIMITS, NOW), None);
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    assert!(lane.wants_load(&LIMITS, NOW).is_some());
}

/// Otherwise the page would hold nothing but what is in flight, be full, and be asked for again at
/// once.
#[test]
fn a_load_makes_room_for_what_is_in_flight_in_bytes_too() {
    let mut lane = ready(true);
    lane.offer(Open { body: vec![b'x'; 1000].into(), ..open(1, 0) }, &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    assert_eq!((lane.known().rows, lane.known().bytes), (1, 1000));
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, Some(Health::default()), NOW);
    assert_eq!((lane.known().rows, lane.known().bytes), (0, 0));
}

/// It was delivered and sent again before the lane heard that the first attempt is on record.
#[test]
fn what_is_sent_again_before_its_record_was_heard_is_not_forgotten() {
    for finishes_during_the_load in [false, true] {
        let mut lane = ready(true);
        lane.offer(open(1, 0), &LIMITS, NOW);
        assert_eq!(sent(&mut lane, 9), [1]);
        lane.sent();
        lane.changed(NOW);
        lane.begin_load(BOTH);
        let load = |lane: &mut Lane| lane.loaded(page(Some(target(true)), vec![open(1, 1)]), NOW);
        if !finishes_during_the_load {
            load(&mut lane);
        }
        lane.finished(DeliveryId(Uuid::from_u128(1)), None, Some(Health::default()), NOW);
        if finishes_during_the_load {
            load(&mut lane);
        }
        settle(&mut lane, NOW, |_| page(Some(target(true)), vec![open(1, 1)]));
        assert_eq!(sent(&mut lane, 9), [1], "during the load: {finishes_during_the_load}");
    }
}

/// Does what the board does until the lane wants nothing more: every load brings `make_page`, every
/// step says `false`.
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
fn an_offer_that_comes_after_its_delivery_was_loaded_and_recorded_is_no_second_one() {
    let mut lane = ready(true);
    lane.more(NOW);
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(true)), vec![open(1, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, None, NOW);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), []);
}

#[test]
fn a_deleted_hook_leaves_an_idle_lane() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.changed(NOW);
    lane.begin_load(BOTH);
    lane.loaded(page(None, Vec::new()), NOW);
    assert!(lane.is_over());
    lane.offer(Open { is_test: true, ..open(2, 0) }, &LIMITS, NOW);
    assert!(lane.is_over(), "nothing waits for a hook that is gone");
}
