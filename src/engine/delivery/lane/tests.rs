//! What a lane does, told what happens to it.

use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        event::EventType,
        hook::Hook,
        id::{EventId, HookId},
    },
    engine::store::hooks::Secrets,
};

const NOW: Timestamp = Timestamp(1_000_000);
const WINDOW: usize = 4;
const BOTH: Wanted = Wanted { fresh: true, again: true };

fn page(target: Option<Arc<Target>>, due: Vec<Open>) -> Page {
    Page { target, fresh: Some(Found { due, more_at: None }), again: Some(Found::default()) }
}

fn target(enabled: bool) -> Arc<Target> {
    let hook = Hook {
        id: HookId(Uuid::nil()),
        name: "a".into(),
        event_type: EventType::WorkItemClosed,
        callback_url: "https://example.com/".into(),
        enabled,
        off_reason: None,
        api_key_hint: String::new(),
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    };
    let secrets = Secrets { api_key: "k".into(), signing_secret: crate::engine::delivery::signing::new_secret() };
    Arc::new(Target::new(hook, &secrets).unwrap())
}

fn open(number: u128, attempts: u32) -> Open {
    Open {
        id: DeliveryId(Uuid::from_u128(number)),
        event: EventId(Uuid::from_u128(number)),
        hook: HookId(Uuid::nil()),
        event_type: EventType::WorkItemClosed,
        body: bytes::Bytes::from_static(b"{}"),
        attempts,
        tries_before: 0,
        is_test: false,
    }
}

fn ready(enabled: bool) -> Lane {
    let mut lane = Lane::new(NOW);
    assert_eq!(lane.wants_load(WINDOW, NOW), Some(BOTH));
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(enabled)), Vec::new()));
    lane
}

fn sent(lane: &mut Lane, limit: usize) -> Vec<u128> {
    std::iter::from_fn(|| lane.next(limit)).map(|(_, open)| open.id.0.as_u128()).collect()
}

#[test]
fn nothing_is_sent_before_the_hook_is_known_and_nothing_offered_is_lost() {
    let mut lane = Lane::new(NOW);
    lane.offer(open(1, 0), WINDOW, NOW);
    assert_eq!(sent(&mut lane, 9), []);
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]));
    assert_eq!(sent(&mut lane, 9), [1, 2], "what was offered and loaded is sent once");
}

#[test]
fn a_full_window_leaves_the_rest_in_the_database_and_fetches_it_later() {
    let mut lane = ready(true);
    for number in 1..=6 {
        lane.offer(open(number, 0), WINDOW, NOW);
    }
    assert_eq!((lane.known(), lane.wake_at()), (4, Some(NOW)));
    assert_eq!(lane.wants_load(WINDOW, NOW), None, "the window is still full");
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    assert_eq!(lane.wants_load(WINDOW, NOW), Some(Wanted { fresh: true, again: false }), "half empty");
}

#[test]
fn a_backlog_of_retries_leaves_first_attempts_their_place() {
    let mut lane = ready(true);
    for number in 1..=4 {
        lane.push(open(number, 3));
    }
    for number in 11..=14 {
        lane.offer(open(number, 0), WINDOW, NOW);
    }
    assert_eq!(lane.wake_at(), None, "nothing was left in the database");
    assert_eq!(sent(&mut lane, 4), [11, 1, 12, 2]);
}

#[test]
fn the_in_flight_limit_holds_and_a_finish_frees_a_place() {
    let mut lane = ready(true);
    for number in 1..=3 {
        lane.offer(open(number, 0), WINDOW, NOW);
    }
    assert_eq!(sent(&mut lane, 2), [1, 2]);
    lane.finished(DeliveryId(Uuid::from_u128(1)), None);
    assert_eq!(sent(&mut lane, 2), [3]);
}

#[test]
fn first_attempts_and_retries_take_turns() {
    let mut lane = ready(true);
    for (number, attempts) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
        lane.offer(open(number, attempts), WINDOW, NOW);
    }
    assert_eq!(sent(&mut lane, 9), [3, 1, 4, 2]);
}

#[test]
fn a_retry_waits_in_the_database_until_it_is_due() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), WINDOW, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    let due = Timestamp(NOW.0 + 5000);
    lane.finished(DeliveryId(Uuid::from_u128(1)), Some(due));
    assert_eq!(lane.wake_at(), Some(due));
    assert_eq!(lane.wants_load(WINDOW, NOW), None);
    assert_eq!(lane.wants_load(WINDOW, due), Some(Wanted { fresh: false, again: true }));
    assert!(!lane.is_idle());
}

#[test]
fn switched_off_it_sends_tests_only_and_keeps_nothing_else() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), WINDOW, NOW);
    lane.changed(NOW);
    assert_eq!(sent(&mut lane, 9), [], "not before the change was read");
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(false)), Vec::new()));
    lane.offer(open(2, 0), WINDOW, NOW);
    lane.offer(Open { is_test: true, ..open(3, 0) }, WINDOW, NOW);
    assert_eq!(sent(&mut lane, 9), [3]);
}

#[test]
fn a_change_during_a_load_makes_the_load_worthless() {
    let mut lane = Lane::new(NOW);
    lane.begin_load(BOTH);
    lane.changed(NOW);
    lane.loaded(page(Some(target(true)), vec![open(1, 0)]));
    assert_eq!(sent(&mut lane, 9), []);
    assert_eq!(lane.wants_load(WINDOW, NOW), Some(BOTH));
}

#[test]
fn a_load_that_is_older_than_a_result_does_not_bring_the_delivery_back() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), WINDOW, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    lane.fresh.note_more(NOW);
    lane.begin_load(BOTH);
    lane.finished(DeliveryId(Uuid::from_u128(1)), None);
    lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]));
    assert_eq!(sent(&mut lane, 9), [2]);
}

#[test]
fn nothing_is_sent_with_the_old_target_while_the_new_one_is_read() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), WINDOW, NOW);
    lane.changed(NOW);
    lane.begin_load(BOTH);
    assert_eq!(sent(&mut lane, 9), [], "not while the load runs");
    assert!(!lane.is_ready(9));
    lane.load_failed(Timestamp(NOW.0 + 1000));
    assert_eq!(sent(&mut lane, 9), [], "nor after it failed");
    assert_eq!(lane.wants_load(WINDOW, NOW), None, "a failed load is not repeated at once");
    assert_eq!(lane.wake_at(), Some(Timestamp(NOW.0 + 1000)));
    assert_eq!(lane.wants_load(WINDOW, Timestamp(NOW.0 + 1000)), Some(BOTH));
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(true)), Vec::new()));
    assert_eq!(sent(&mut lane, 9), [1]);
}

#[test]
fn what_is_offered_while_a_hook_is_being_switched_on_is_kept() {
    let mut lane = ready(false);
    lane.changed(NOW);
    lane.begin_load(BOTH);
    lane.offer(open(1, 0), WINDOW, NOW);
    lane.loaded(page(Some(target(true)), Vec::new()));
    assert_eq!(sent(&mut lane, 9), [1]);
}

#[test]
fn a_deleted_hook_leaves_an_idle_lane() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), WINDOW, NOW);
    lane.changed(NOW);
    lane.begin_load(BOTH);
    lane.loaded(page(None, Vec::new()));
    assert!(lane.is_idle());
    lane.offer(Open { is_test: true, ..open(2, 0) }, WINDOW, NOW);
    assert!(lane.is_idle(), "nothing waits for a hook that is gone");
}
