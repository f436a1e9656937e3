//! A lane while its hook is paused, and the slow start after the recovery.

use super::*;
use crate::{domain::health::Pause, engine::store::queue::STEP};

fn paused(probe_at: Timestamp) -> Health {
    let pause = Pause { since: NOW, probe_at, probes: 0 };
    Health { failures: 20, failing_since: Some(NOW), paused: Some(pause), ..Health::default() }
}

#[test]
fn a_paused_hook_holds_its_deliveries_and_sends_one_probe_at_a_time() {
    let mut lane = ready(true);
    for number in 1..=3 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 1), [1]);
    let probe_at = Timestamp(NOW.0 + 60_000);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, Some(paused(probe_at)), NOW);
    let make_page = |wanted: Wanted| Page {
        health: paused(probe_at),
        needs_step: !wanted.probe,
        probe: wanted.probe.then(|| open(7, 0)),
        ..page(Some(target(true)), Vec::new())
    };
    assert_eq!(settle(&mut lane, NOW, make_page), 1);
    assert_eq!(sent(&mut lane, 9), [], "nothing before the probe is due");
    assert_eq!(lane.wake_at(NOW), Some(probe_at));
    settle(&mut lane, probe_at, make_page);
    assert_eq!(sent(&mut lane, 9), [7], "one probe");
    settle(&mut lane, probe_at, make_page);
    assert_eq!(sent(&mut lane, 9), [], "no second probe while one is in flight");
    let later = Timestamp(probe_at.0 + 120_000);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(7)), None, Some(paused(later)), probe_at);
    assert_eq!(lane.wake_at(probe_at), Some(later));
}

/// Two outcomes can arrive out of order: the older one has the time of a probe that was already
/// sent.
#[test]
fn an_outdated_probe_time_does_not_send_the_next_probe_early() {
    let mut lane = ready(true);
    let later = Timestamp(NOW.0 + 60_000);
    let make_page = |wanted: Wanted| Page {
        health: paused(later),
        probe: wanted.probe.then(|| open(7, 0)),
        ..page(Some(target(true)), Vec::new())
    };
    lane.hook_changed(NOW);
    settle(&mut lane, NOW, make_page);
    lane.apply_health(paused(NOW), NOW);
    settle(&mut lane, NOW, make_page);
    assert_eq!(sent(&mut lane, 9), []);
    assert_eq!(lane.wake_at(NOW), Some(later));
    settle(&mut lane, later, make_page);
    assert_eq!(sent(&mut lane, 9), [7]);
}

/// A probe fails and the hook is changed. The outcome of the probe arrives last, with the health of
/// before the change.
#[test]
fn the_outcome_of_an_attempt_from_before_a_change_does_not_replace_newer_health() {
    let mut lane = ready(true);
    let later = Timestamp(NOW.0 + 900_000);
    let make_page = |wanted: Wanted| Page {
        health: paused(NOW),
        probe: wanted.probe.then(|| open(7, 0)),
        ..page(Some(target(true)), Vec::new())
    };
    lane.hook_changed(NOW);
    settle(&mut lane, NOW, make_page);
    settle(&mut lane, NOW, make_page);
    assert_eq!(sent(&mut lane, 9), [7]);
    lane.hook_changed(NOW);
    settle(&mut lane, NOW, make_page);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(7)), None, Some(paused(later)), NOW);
    settle(&mut lane, NOW, make_page);
    settle(&mut lane, NOW, make_page);
    assert_eq!(sent(&mut lane, 9), [7], "the changed hook is probed immediately");
}

#[test]
fn a_delivery_redelivered_during_a_pause_becomes_a_probe() {
    let mut lane = ready(true);
    let probe_at = Timestamp(NOW.0 + 60_000);
    let empty = |_| Page { health: paused(probe_at), ..page(Some(target(true)), Vec::new()) };
    lane.hook_changed(NOW);
    settle(&mut lane, probe_at, empty);
    assert_eq!(sent(&mut lane, 9), [], "nothing is held");
    lane.hook_changed(probe_at);
    let held = |wanted: Wanted| Page { probe: wanted.probe.then(|| open(7, 0)), ..empty(wanted) };
    settle(&mut lane, probe_at, held);
    assert_eq!(sent(&mut lane, 9), [7]);
}

#[test]
fn after_a_pause_the_lane_starts_slowly() {
    let mut lane = ready(true);
    let well = |due| page(Some(target(true)), due);
    lane.begin_load(BOTH);
    lane.loaded(
        Page {
            health: paused(NOW),
            probe: Some(open(1, 0)),
            ..page(Some(target(true)), Vec::new())
        },
        NOW,
    );
    assert_eq!(sent(&mut lane, 9), [1]);
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, Some(Health::default()), NOW);
    let due = Timestamp(NOW.0 + 10_000);
    settle(&mut lane, NOW, |_| well((2..=9).map(|number| open(number, 0)).collect()));
    assert_eq!(sent(&mut lane, 9), [2], "one at first");
    lane.request_ended();
    lane.finished(DeliveryId(Uuid::from_u128(2)), None, Some(Health::default()), due);
    assert_eq!(sent(&mut lane, 9), [3, 4], "then two");
}

#[test]
fn release_steps_keep_the_drain_rate_although_more_is_held() {
    let mut lane = ready(true);
    lane.recheck_database(NOW);
    assert!(lane.wants_step(NOW));
    lane.begin_step();
    // While the step is under way the lane is told that more is held.
    lane.recheck_database(NOW);
    lane.stepped(true, &LIMITS, NOW);
    let pause = STEP as f64 / f64::from(LIMITS.drain_per_second) * 1000.0;
    assert!(
        !lane.wants_step(Timestamp(NOW.0 + pause as i64 - 1))
            && lane.wants_step(Timestamp(NOW.0 + pause as i64))
    );
}

#[test]
fn hold_steps_are_rate_limited() {
    let mut lane = Lane::new(NOW);
    lane.begin_load(BOTH);
    lane.loaded(Page { needs_step: true, ..page(Some(target(false)), Vec::new()) }, NOW);
    assert!(lane.wants_step(NOW));
    lane.begin_step();
    lane.stepped(true, &LIMITS, NOW);
    assert!(!lane.wants_step(NOW), "the next step is not in the next commit");
    assert!(lane.wants_step(Timestamp(NOW.0 + 250)), "a million rows do not take hours");
}

#[test]
fn a_change_of_the_hook_allows_another_probe() {
    let mut lane = Lane::new(NOW);
    settle(&mut lane, NOW, |_| Page {
        health: paused(NOW),
        ..page(Some(target(true)), Vec::new())
    });
    assert_eq!(lane.wants_load(&LIMITS, NOW), None, "there is no held delivery");
    lane.hook_changed(NOW);
    assert!(lane.wants_load(&LIMITS, NOW).is_some_and(|wanted| wanted.probe));
}
