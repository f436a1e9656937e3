//! What a lane does while its hook is paused, and after.

use super::*;
use crate::{domain::health::Pause, engine::store::queue::STEP};

fn paused(probe_at: Timestamp) -> Health {
    let pause = Pause { since: NOW, probe_at, probes: 0 };
    Health { failures: 20, failing_since: Some(NOW), paused: Some(pause), ..Health::default() }
}

#[test]
fn a_paused_hook_puts_everything_away_and_is_probed_one_at_a_time() {
    let mut lane = ready(true);
    for number in 1..=3 {
        lane.offer(open(number, 0), &LIMITS, NOW);
    }
    assert_eq!(sent(&mut lane, 1), [1]);
    let probe_at = Timestamp(NOW.0 + 60_000);
    lane.sent();
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
    assert_eq!(sent(&mut lane, 9), [], "and no other while it is under way");
    let later = Timestamp(probe_at.0 + 120_000);
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(7)), None, Some(paused(later)), probe_at);
    assert_eq!(lane.wake_at(probe_at), Some(later));
}

/// News of two results can arrive in the other order: the older one names a probe that was made
/// already.
#[test]
fn a_probe_that_an_older_news_asked_for_waits_for_its_time() {
    let mut lane = ready(true);
    let later = Timestamp(NOW.0 + 60_000);
    let make_page = |wanted: Wanted| Page {
        health: paused(later),
        probe: wanted.probe.then(|| open(7, 0)),
        ..page(Some(target(true)), Vec::new())
    };
    lane.changed(NOW);
    settle(&mut lane, NOW, make_page);
    lane.stand(paused(NOW), NOW);
    settle(&mut lane, NOW, make_page);
    assert_eq!(sent(&mut lane, 9), []);
    assert_eq!(lane.wake_at(NOW), Some(later));
    settle(&mut lane, later, make_page);
    assert_eq!(sent(&mut lane, 9), [7]);
}

/// A probe fails, the hook is mended, and the failure's record is heard of last: it still knows the
/// pause of before.
#[test]
fn what_was_sent_before_a_change_does_not_undo_what_was_read_after_it() {
    let mut lane = ready(true);
    let later = Timestamp(NOW.0 + 900_000);
    let make_page = |wanted: Wanted| Page {
        health: paused(NOW),
        probe: wanted.probe.then(|| open(7, 0)),
        ..page(Some(target(true)), Vec::new())
    };
    lane.changed(NOW);
    settle(&mut lane, NOW, make_page);
    settle(&mut lane, NOW, make_page);
    assert_eq!(sent(&mut lane, 9), [7]);
    lane.changed(NOW);
    settle(&mut lane, NOW, make_page);
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(7)), None, Some(paused(later)), NOW);
    settle(&mut lane, NOW, make_page);
    settle(&mut lane, NOW, make_page);
    assert_eq!(sent(&mut lane, 9), [7], "the mended hook is probed at once");
}

#[test]
fn what_is_sent_again_while_the_hook_is_paused_becomes_a_probe() {
    let mut lane = ready(true);
    let probe_at = Timestamp(NOW.0 + 60_000);
    let empty = |_| Page { health: paused(probe_at), ..page(Some(target(true)), Vec::new()) };
    lane.changed(NOW);
    settle(&mut lane, probe_at, empty);
    assert_eq!(sent(&mut lane, 9), [], "nothing is held");
    lane.changed(probe_at);
    let held = |wanted: Wanted| Page { probe: wanted.probe.then(|| open(7, 0)), ..empty(wanted) };
    settle(&mut lane, probe_at, held);
    assert_eq!(sent(&mut lane, 9), [7]);
}

#[test]
fn a_recovered_hook_begins_gently() {
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
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(1)), None, Some(Health::default()), NOW);
    let due = Timestamp(NOW.0 + 10_000);
    settle(&mut lane, NOW, |_| well((2..=9).map(|number| open(number, 0)).collect()));
    assert_eq!(sent(&mut lane, 9), [2], "one at first");
    lane.sent();
    lane.finished(DeliveryId(Uuid::from_u128(2)), None, Some(Health::default()), due);
    assert_eq!(sent(&mut lane, 9), [3, 4], "then two");
}

#[test]
fn what_is_let_go_keeps_its_pace_whatever_is_heard_meanwhile() {
    let mut lane = ready(true);
    lane.more(NOW);
    assert!(lane.wants_step(NOW));
    lane.begin_step();
    // A load finds that more is held, and somebody tells of it, while the step is under way.
    lane.more(NOW);
    lane.stepped(true, &LIMITS, NOW);
    let pause = STEP as f64 / f64::from(LIMITS.drain_per_second) * 1000.0;
    assert!(
        !lane.wants_step(Timestamp(NOW.0 + pause as i64 - 1))
            && lane.wants_step(Timestamp(NOW.0 + pause as i64))
    );
}

#[test]
fn what_is_put_away_leaves_room_for_others() {
    let mut lane = Lane::new(NOW);
    lane.begin_load(BOTH);
    lane.loaded(Page { needs_step: true, ..page(Some(target(false)), Vec::new()) }, NOW);
    assert!(lane.wants_step(NOW));
    lane.begin_step();
    lane.stepped(true, &LIMITS, NOW);
    assert!(!lane.wants_step(NOW), "its next step is not in the very next commit");
    assert!(
        lane.wants_step(Timestamp(NOW.0 + 250)),
        "nor so late that a million rows would take hours"
    );
}

#[test]
fn a_change_or_a_result_is_a_reason_to_probe_again() {
    let mut lane = Lane::new(NOW);
    settle(&mut lane, NOW, |_| Page {
        health: paused(NOW),
        ..page(Some(target(true)), Vec::new())
    });
    assert_eq!(lane.wants_load(&LIMITS, NOW), None, "there is nothing to probe it with");
    lane.changed(NOW);
    assert!(lane.wants_load(&LIMITS, NOW).is_some_and(|wanted| wanted.probe));
}
