//! Loads: what a lane discards, deduplicates and loads again.

use super::*;

#[test]
fn repeated_changes_of_a_hook_do_not_grow_its_window() {
    let mut lane = ready(true);
    let mut number = 0;
    for _ in 0..100 {
        lane.hook_changed(NOW);
        settle(&mut lane, NOW, |wanted| {
            let rows = if wanted.first_attempts { number..number + 4 } else { 0..0 };
            page(Some(target(true)), rows.map(|number| open(number, 0)).collect())
        });
        number += 4;
    }
    assert!(lane.known().rows <= 2 * LIMITS.window.rows, "{}", lane.known().rows);
    assert_eq!(sent(&mut lane, 1), [0], "the lane still sends");
}

#[test]
fn a_change_during_a_load_discards_its_page() {
    let mut lane = Lane::new(NOW);
    lane.begin_load(BOTH);
    lane.hook_changed(NOW);
    lane.loaded(page(Some(target(true)), vec![open(1, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), []);
    assert_eq!(lane.wants_load(&LIMITS, NOW), Some(ALL));
}

#[test]
fn a_load_from_before_an_outcome_does_not_requeue_the_delivery() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    lane.first_attempts.note_more(NOW);
    lane.begin_load(BOTH);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, None, NOW);
    lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [2]);
}

#[test]
fn nothing_is_sent_to_the_old_target_while_the_new_one_is_loaded() {
    let mut lane = ready(true);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.hook_changed(NOW);
    lane.begin_load(BOTH);
    assert_eq!(sent(&mut lane, 9), [], "nothing during the load");
    assert!(!lane.is_ready(&LIMITS, NOW));
    lane.load_failed(Timestamp(NOW.0 + 1000));
    assert_eq!(sent(&mut lane, 9), [], "nothing after it failed");
    assert_eq!(lane.wants_load(&LIMITS, NOW), None, "a failed load is retried with a delay");
    assert_eq!(lane.wake_at(NOW), Some(Timestamp(NOW.0 + 1000)));
    assert_eq!(lane.wants_load(&LIMITS, Timestamp(NOW.0 + 1000)), Some(ALL));
    lane.begin_load(ALL);
    lane.loaded(page(Some(target(true)), Vec::new()), NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
}

#[test]
fn an_offer_during_the_load_that_enables_a_hook_is_loaded() {
    let mut lane = ready(false);
    lane.hook_changed(NOW);
    lane.begin_load(BOTH);
    lane.offer(open(1, 0), &LIMITS, NOW);
    lane.loaded(page(Some(target(true)), Vec::new()), NOW);
    let wanted = Wanted { first_attempts: true, ..Wanted::default() };
    assert_eq!(lane.wants_load(&LIMITS, NOW), Some(wanted), "the page may be older than the offer");
    lane.begin_load(wanted);
    lane.loaded(page(Some(target(true)), vec![open(1, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
}

/// Otherwise the page would be full of deliveries in flight and be loaded again in a loop.
#[test]
fn deliveries_in_flight_count_as_known_in_rows_and_bytes() {
    let mut lane = ready(true);
    lane.offer(Open { body: vec![b'x'; 1000].into(), ..open(1, 0) }, &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    assert_eq!((lane.known().rows, lane.known().bytes), (1, 1000));
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, Some(Health::default()), NOW);
    assert_eq!((lane.known().rows, lane.known().bytes), (0, 0));
}

/// A delivery is delivered and redelivered before the first outcome reaches the lane.
#[test]
fn a_redelivery_before_the_first_outcome_arrives_is_sent() {
    for finishes_during_the_load in [false, true] {
        let mut lane = ready(true);
        lane.offer(open(1, 0), &LIMITS, NOW);
        assert_eq!(sent(&mut lane, 9), [1]);
        lane.request_ended();
        lane.hook_changed(NOW);
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
        assert_eq!(sent(&mut lane, 9), [1], "finishes during the load: {finishes_during_the_load}");
    }
}

#[test]
fn a_late_offer_of_a_loaded_and_recorded_delivery_is_ignored() {
    let mut lane = ready(true);
    lane.recheck_database(NOW);
    lane.begin_load(BOTH);
    lane.loaded(page(Some(target(true)), vec![open(1, 0)]), NOW);
    assert_eq!(sent(&mut lane, 9), [1]);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, None, NOW);
    lane.offer(open(1, 0), &LIMITS, NOW);
    assert_eq!(sent(&mut lane, 9), []);
}
