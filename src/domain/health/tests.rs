//! Tests of the circuit breaker.

use super::*;

const T0: Timestamp = Timestamp(1_000_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn failed(times: u32, policy: &BreakerPolicy) -> (Health, HealthChange) {
    let fail = |(health, _): (Health, HealthChange), _| {
        health.after(Signal::Failure, Purpose::Delivery, T0, policy)
    };
    (0..times).fold((Health::default(), HealthChange::None), fail)
}

#[test]
fn twenty_failures_in_a_row_pause_and_one_success_resets() {
    let policy = BreakerPolicy::default();
    assert_eq!(failed(19, &policy).1, HealthChange::None);
    let (paused, change) = failed(20, &policy);
    assert_eq!(
        (change, paused.paused.unwrap().probe_at),
        (HealthChange::Paused, Timestamp(T0.0 + MINUTE))
    );
    let success = |health: Health, purpose| health.after(Signal::Success, purpose, T0, &policy);
    assert_eq!(success(paused, Purpose::Probe), (Health::default(), HealthChange::Recovered));
    assert_eq!(success(paused, Purpose::Test).1, HealthChange::Recovered);
    let (well, change) = success(failed(19, &policy).0, Purpose::Delivery);
    assert!(well.is_healthy() && change == HealthChange::None);
}

#[test]
fn times_from_a_clock_that_was_ahead_are_clamped() {
    let policy = BreakerPolicy::default();
    let paused = failed(20, &policy).0;
    assert_eq!(paused.clamped_to(T0, &policy), paused);
    let now = Timestamp(T0.0 - 60 * MINUTE);
    let right = paused.clamped_to(now, &policy);
    assert_eq!((right.failing_since, right.failed_at), (Some(now), Some(now)));
    assert_eq!(
        right.paused,
        Some(Pause { since: now, probe_at: Timestamp(now.0 + MINUTE), probes: 0 })
    );
}

#[test]
fn probe_intervals_double_and_late_failures_do_not_change_them() {
    let policy = BreakerPolicy::default();
    let mut health = failed(20, &policy).0;
    let mut now = T0;
    let mut waits = Vec::new();
    for _ in 0..7 {
        let at = health.paused.unwrap().probe_at;
        waits.push((at.0 - now.0) / MINUTE);
        let late = health.after(Signal::Failure, Purpose::Delivery, now, &policy).0;
        assert_eq!(late.paused, health.paused);
        now = at;
        health = health.after(Signal::Failure, Purpose::Probe, now, &policy).0;
    }
    assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
}

#[test]
fn own_trouble_only_reschedules_a_probe() {
    let policy = BreakerPolicy::default();
    let later = Timestamp(T0.0 + 60 * MINUTE);
    let after =
        |health: Health, purpose| health.after(Signal::LocalFailure, purpose, later, &policy).0;
    let failing = failed(19, &policy).0;
    assert_eq!(after(failing, Purpose::Delivery), failing);
    let paused = failed(20, &policy).0;
    assert_eq!(after(paused, Purpose::Delivery), paused);
    let probed = after(paused, Purpose::Probe);
    let pause = probed.paused.unwrap();
    assert_eq!(
        (probed.failures, pause.probes, pause.probe_at),
        (20, 0, Timestamp(later.0 + MINUTE))
    );
}

#[test]
fn a_requested_wait_is_neither_failure_nor_success() {
    let policy = BreakerPolicy::default();
    let until = Timestamp(T0.0 + MINUTE);
    let (waits, change) =
        Health::default().after(Signal::Wait(until), Purpose::Delivery, T0, &policy);
    assert_eq!((waits.failures, waits.waits_until, change), (0, Some(until), HealthChange::None));
    assert!(!waits.is_healthy());
    // Even a thousand of them neither pause the hook nor reset its failures.
    let mut health = failed(19, &policy).0;
    for _ in 0..1000 {
        health = health.after(Signal::Wait(until), Purpose::Delivery, T0, &policy).0;
    }
    assert_eq!((health.failures, health.paused), (19, None));
    // The longest wait counts. A delivery that started before it does not end it; a test, a
    // probe, or the end of the wait does.
    let sooner = Timestamp(T0.0 + 1000);
    assert_eq!(
        waits.after(Signal::Wait(sooner), Purpose::Test, T0, &policy).0.waits_until,
        Some(until)
    );
    let success = |purpose, now| waits.after(Signal::Success, purpose, now, &policy).0;
    assert_eq!(success(Purpose::Delivery, sooner).waits_until, Some(until));
    assert_eq!(success(Purpose::Delivery, until), Health::default());
    assert_eq!(success(Purpose::Test, sooner), Health::default());
}

#[test]
fn a_probe_with_a_requested_wait_is_repeated_after_it() {
    let policy = BreakerPolicy::default();
    let paused = failed(20, &policy).0;
    let until = Timestamp(T0.0 + 7 * MINUTE);
    let after = |purpose| paused.after(Signal::Wait(until), purpose, T0, &policy).0.paused.unwrap();
    assert_eq!((after(Purpose::Probe).probe_at, after(Purpose::Probe).probes), (until, 0));
    assert_eq!(after(Purpose::Delivery), paused.paused.unwrap());
}

/// Failures at these gaps: after how many milliseconds the hook is given up, if at all.
fn gives_up(gaps: impl IntoIterator<Item = i64>, policy: &BreakerPolicy) -> Option<i64> {
    let (mut health, mut now) = (failed(1, policy).0, T0);
    for gap in gaps {
        now = Timestamp(now.0 + gap);
        let (after, change) = health.after(Signal::Failure, Purpose::Delivery, now, policy);
        if change == HealthChange::GaveUp {
            return Some(now.0 - T0.0);
        }
        health = after;
    }
    None
}

#[test]
fn five_days_of_failures_give_up_and_tests_do_not_count() {
    let policy = BreakerPolicy::default();
    let often =
        |gap: i64| gives_up(std::iter::repeat_n(gap, 100_000), &policy).map(|after| after / HOUR);
    assert_eq!(often(15 * MINUTE), Some(5 * 24), "a paused hook that is probed");
    assert_eq!(often(12 * HOUR), Some(5 * 24), "the last waits of a retry schedule");
    let mut health = failed(20, &policy).0;
    for hour in 1..1000 {
        health =
            health.after(Signal::Failure, Purpose::Test, Timestamp(T0.0 + hour * HOUR), &policy).0;
    }
    assert_eq!(health, failed(20, &policy).0);
}

#[test]
fn failures_far_apart_and_clock_jumps_do_not_give_up() {
    let policy = BreakerPolicy::default();
    assert_eq!(gives_up([30 * DAY], &policy), None, "one old failure and one new");
    assert_eq!(gives_up([1, 2, 3, 400 * DAY, 1, 2, 3], &policy), None, "a clock that jumps ahead");
    assert_eq!(
        gives_up([10 * DAY, -10 * DAY, 10 * DAY, -10 * DAY], &policy),
        None,
        "and back again"
    );
    assert_eq!(gives_up(std::iter::repeat_n(1, 10_000), &policy), None, "many at once");
    // A hook with one failed event per week is given up after ten weeks, not after one.
    let weekly = gives_up(std::iter::repeat_n(7 * DAY, 100), &policy);
    assert_eq!(weekly, Some(10 * 7 * DAY));
}

#[test]
fn a_short_limit_needs_at_least_five_failures_and_counts_probe_intervals_in_full() {
    let second = Duration::from_secs(1);
    let policy = BreakerPolicy { give_up_after: 3600 * second, ..BreakerPolicy::default() };
    assert_eq!(gives_up(std::iter::repeat_n(15 * MINUTE, 100), &policy), Some(HOUR));
    assert_eq!(gives_up([HOUR, HOUR, HOUR], &policy), None);
}
