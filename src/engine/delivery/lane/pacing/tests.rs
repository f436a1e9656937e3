//! Simulates receivers with a quota against the pacing, in virtual time.

use std::collections::VecDeque;

use super::*;
use crate::engine::delivery::lane::bucket::Bucket;

const NOW: Timestamp = Timestamp(1_000_000);
const TOO_MUCH: LoadSignal = LoadSignal::Overloaded { retry_after: None };

fn retry_after(millis: u64) -> LoadSignal {
    LoadSignal::Overloaded { retry_after: Some(Duration::from_millis(millis)) }
}

impl Pacing {
    /// Opens the window fully, as after many accepted deliveries.
    pub(in crate::engine::delivery::lane) fn warm(&mut self, now: Timestamp) {
        (self.window, self.opened_at) = (MAX_WINDOW, now);
    }
}

/// A receiver that accepts `per_second` requests within any second and refuses the others with
/// `refuses`. It responds after `latency` ms.
struct Quota {
    per_second: usize,
    latency: i64,
    refuses: LoadSignal,
    taken: VecDeque<i64>,
}

impl Quota {
    fn new(per_second: usize, latency: i64, refuses: LoadSignal) -> Self {
        Self { per_second, latency, refuses, taken: VecDeque::new() }
    }

    fn answer(&mut self, now: i64) -> LoadSignal {
        while self.taken.front().is_some_and(|at| now - at >= 1000) {
            self.taken.pop_front();
        }
        if self.taken.len() >= self.per_second {
            return self.refuses;
        }
        self.taken.push_back(now);
        LoadSignal::Accepted
    }
}

/// Sends until `count` deliveries are accepted, with at most `limit` in flight, and resends refused
/// ones. Returns the time in ms and the number of refusals.
fn play(pacing: &mut Pacing, quota: &mut Quota, count: usize, limit: usize) -> (i64, usize) {
    let (mut bucket, mut under_way) = (Bucket::default(), VecDeque::new());
    let (mut now, mut left, mut refused) = (NOW, count, 0);
    let began = now;
    while left > 0 {
        while let Some((at, load_signal)) =
            under_way.front().copied().filter(|(at, _)| *at <= now.0)
        {
            under_way.pop_front();
            match load_signal {
                LoadSignal::Accepted => left -= 1,
                _ => refused += 1,
            }
            pacing.learn(load_signal, Timestamp(at));
        }
        let may_go = |pacing: &Pacing, under_way: &VecDeque<_>| {
            under_way.len() < left.min(limit) && pacing.may_send(under_way.len(), now)
        };
        while may_go(pacing, &under_way) && pacing.rate().is_none_or(|rate| bucket.take(rate, now))
        {
            pacing.note_sent(under_way.len(), now);
            under_way.push_back((now.0 + quota.latency, quota.answer(now.0)));
        }
        now = Timestamp(now.0 + 1);
        assert!(now.0 - began.0 < 1_000_000, "no progress: {left} left");
    }
    (now.0 - began.0, refused)
}

#[test]
fn a_small_quota_is_used_with_few_refusals() {
    for latency in [0, 1, 20, 100, 400] {
        for refuses in [retry_after(1000), TOO_MUCH] {
            let mut quota = Quota::new(5, latency, refuses);
            let (took, refused) = play(&mut Pacing::default(), &mut quota, 60, 16);
            assert!(
                took <= 20_000 && refused <= 15,
                "{latency} ms, {refuses:?}: {took} ms, {refused} refused"
            );
        }
    }
}

#[test]
fn larger_quotas_are_used_with_few_refusals() {
    for per_second in [20, 100, 500] {
        let mut quota = Quota::new(per_second, 10, retry_after(1000));
        let count = per_second * 60;
        let (took, refused) = play(&mut Pacing::default(), &mut quota, count, 256);
        assert!(took <= 90_000, "{per_second}: {took} ms");
        assert!(refused * 20 <= count, "{per_second}: {refused} refused");
    }
}

#[test]
fn after_many_refusals_the_rate_recovers_soon() {
    let mut pacing = Pacing::default();
    for at in 0..100 {
        pacing.note_sent(0, Timestamp(NOW.0 + at * 5000));
        pacing.learn(TOO_MUCH, Timestamp(NOW.0 + at * 5000 + 1));
    }
    assert_eq!(pacing.rate(), Some(MIN_RATE));
    let (took, refused) = play(&mut pacing, &mut Quota::new(1_000_000, 1, TOO_MUCH), 10_000, 16);
    assert!(took < 60_000 && refused == 0, "{took} ms");
}

#[test]
fn nothing_is_sent_before_the_latest_retry_after() {
    let mut pacing = Pacing::default();
    assert!(pacing.may_send(0, NOW));
    pacing.note_sent(0, NOW);
    assert!(!pacing.may_send(1, NOW), "the window starts at one");
    pacing.learn(retry_after(30_000), NOW);
    pacing.learn(retry_after(1000), NOW);
    let until = Timestamp(NOW.0 + 30_000);
    assert!(!pacing.may_send(0, Timestamp(until.0 - 1)) && pacing.may_send(0, until));
    assert_eq!(pacing.wake_at(0, NOW), Some(until));
    // After the wait the window starts at one again.
    pacing.note_sent(0, until);
    assert!(!pacing.may_send(1, until));
}

#[test]
fn the_window_grows_with_each_accepted_delivery_and_with_time() {
    let mut pacing = Pacing::default();
    pacing.note_sent(0, NOW);
    assert_eq!(pacing.wake_at(1, NOW), Some(NOW.after(WINDOW_STEP)));
    assert!(
        pacing.may_send(1, NOW.after(WINDOW_STEP)) && !pacing.may_send(2, NOW.after(WINDOW_STEP))
    );
    assert!(
        pacing.may_send(16, NOW.after(WINDOW_STEP * 16)),
        "a slow receiver gets concurrent attempts"
    );
    pacing.learn(LoadSignal::Accepted, NOW);
    assert!(pacing.may_send(1, NOW) && !pacing.may_send(2, NOW));
    pacing.learn(LoadSignal::Neutral, NOW);
    assert!(
        pacing.may_send(1, NOW) && !pacing.may_send(2, NOW),
        "a failure does not change the window"
    );
    // After an idle time the window restarts at one.
    let later = Timestamp(NOW.0 + 60_000);
    pacing.note_sent(0, later);
    assert!(!pacing.may_send(1, later));
}

#[test]
fn a_clock_set_back_prolongs_no_wait_beyond_the_longest() {
    let mut pacing = Pacing::default();
    pacing.note_sent(0, NOW);
    pacing.learn(retry_after(30_000), NOW);
    let earlier = Timestamp(NOW.0 - 86_400_000);
    pacing.clock_set_back(earlier);
    // A wait from before the clock change is capped at the longest allowed one.
    let longest = earlier.after(LONGEST_WAIT);
    assert!(!pacing.may_send(0, earlier) && pacing.may_send(0, longest));
    pacing.until = Some(NOW.after(Duration::from_secs(30)));
    assert!(
        pacing.may_send(0, earlier.after(WINDOW_STEP * 4)),
        "longer than any allowed wait: ignored"
    );
}

/// A load that is older than a response must not end the response's wait. A person can end it.
#[test]
fn a_loaded_health_ends_a_wait_once_every_response_is_recorded() {
    let (mut lane, until) = (Lane::new(NOW), NOW.after(Duration::from_secs(30)));
    let known = Health { waits_until: Some(until), ..Health::default() };
    (lane.in_flight, lane.sending) = (1, 1);
    lane.learn(retry_after(30_000), NOW);
    lane.request_ended();
    // The hook changed and is read while the response is being recorded.
    lane.begin_wait_read();
    lane.apply_loaded_wait(&Health::default(), true, NOW);
    assert!(!lane.pacing.may_send(0, NOW));
    // Then the response is recorded, and the hook is read again.
    (lane.in_flight, lane.is_stale) = (0, false);
    lane.reread_if_needed(NOW);
    assert!(lane.is_stale);
    lane.begin_wait_read();
    lane.apply_loaded_wait(&known, true, NOW);
    assert!(!lane.pacing.may_send(0, NOW));
    lane.extend_wait(&Health::default(), NOW);
    assert!(!lane.pacing.may_send(0, NOW), "an older outcome does not end the wait");
    lane.begin_wait_read();
    lane.apply_loaded_wait(&Health::default(), false, NOW);
    assert!(lane.pacing.may_send(0, NOW));
}
