//! Receivers with a quota, played against the pacing in virtual time.

use std::collections::VecDeque;

use super::*;
use crate::engine::delivery::lane::bucket::Bucket;

const NOW: Timestamp = Timestamp(1_000_000);
const TOO_MUCH: Bearing = Bearing::TooMuch { asks: None };

fn asks(millis: u64) -> Bearing {
    Bearing::TooMuch { asks: Some(Duration::from_millis(millis)) }
}

impl Pacing {
    /// As after a long time of good answers.
    pub(in crate::engine::delivery::lane) fn warm(&mut self, now: Timestamp) {
        (self.window, self.opened_at) = (MAX_WINDOW, now);
    }
}

/// Takes so many within any second, answers after `latency`, and says what `refuses` says
/// otherwise.
struct Quota {
    per_second: usize,
    latency: i64,
    refuses: Bearing,
    taken: VecDeque<i64>,
}

impl Quota {
    fn new(per_second: usize, latency: i64, refuses: Bearing) -> Self {
        Self { per_second, latency, refuses, taken: VecDeque::new() }
    }

    fn answer(&mut self, now: i64) -> Bearing {
        while self.taken.front().is_some_and(|at| now - at >= 1000) {
            self.taken.pop_front();
        }
        if self.taken.len() >= self.per_second {
            return self.refuses;
        }
        self.taken.push_back(now);
        Bearing::Bears
    }
}

/// Sends until `count` are taken, at most `limit` at once; what is refused is sent again. Returns
/// how long it took, and how many were refused.
fn play(pacing: &mut Pacing, quota: &mut Quota, count: usize, limit: usize) -> (i64, usize) {
    let (mut bucket, mut under_way) = (Bucket::default(), VecDeque::new());
    let (mut now, mut left, mut refused) = (NOW, count, 0);
    let began = now;
    while left > 0 {
        while let Some((at, bearing)) = under_way.front().copied().filter(|(at, _)| *at <= now.0) {
            under_way.pop_front();
            match bearing {
                Bearing::Bears => left -= 1,
                _ => refused += 1,
            }
            pacing.hear(bearing, Timestamp(at));
        }
        let may_go = |pacing: &Pacing, under_way: &VecDeque<_>| {
            under_way.len() < left.min(limit) && pacing.lets_go(under_way.len(), now)
        };
        while may_go(pacing, &under_way) && pacing.rate().is_none_or(|rate| bucket.take(rate, now))
        {
            pacing.sends(under_way.len(), now);
            under_way.push_back((now.0 + quota.latency, quota.answer(now.0)));
        }
        now = Timestamp(now.0 + 1);
        assert!(now.0 - began.0 < 1_000_000, "it stands still: {left} left");
    }
    (now.0 - began.0, refused)
}

#[test]
fn a_receiver_with_a_quota_gets_what_it_bears_and_refuses_little() {
    for latency in [0, 1, 20, 100, 400] {
        for refuses in [asks(1000), TOO_MUCH] {
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
fn larger_quotas_are_used_as_well() {
    for per_second in [20, 100, 500] {
        let mut quota = Quota::new(per_second, 10, asks(1000));
        let count = per_second * 60;
        let (took, refused) = play(&mut Pacing::default(), &mut quota, count, 256);
        assert!(took <= 90_000, "{per_second}: {took} ms");
        assert!(refused * 20 <= count, "{per_second}: {refused} refused");
    }
}

#[test]
fn one_that_refused_for_a_while_is_soon_given_everything_again() {
    let mut pacing = Pacing::default();
    for at in 0..100 {
        pacing.sends(0, Timestamp(NOW.0 + at * 5000));
        pacing.hear(TOO_MUCH, Timestamp(NOW.0 + at * 5000 + 1));
    }
    assert_eq!(pacing.rate(), Some(MIN_RATE));
    let (took, refused) = play(&mut pacing, &mut Quota::new(1_000_000, 1, TOO_MUCH), 10_000, 16);
    assert!(took < 60_000 && refused == 0, "{took} ms");
}

#[test]
fn while_it_wants_to_be_left_alone_nothing_is_sent_and_the_longest_wish_counts() {
    let mut pacing = Pacing::default();
    assert!(pacing.lets_go(0, NOW));
    pacing.sends(0, NOW);
    assert!(!pacing.lets_go(1, NOW), "the first goes alone");
    pacing.hear(asks(30_000), NOW);
    pacing.hear(asks(1000), NOW);
    let until = Timestamp(NOW.0 + 30_000);
    assert!(!pacing.lets_go(0, Timestamp(until.0 - 1)) && pacing.lets_go(0, until));
    assert_eq!(pacing.wake_at(0, NOW), Some(until));
    // Then one goes ahead again.
    pacing.sends(0, until);
    assert!(!pacing.lets_go(1, until));
}

#[test]
fn the_window_opens_with_each_answer_and_with_time() {
    let mut pacing = Pacing::default();
    pacing.sends(0, NOW);
    assert_eq!(pacing.wake_at(1, NOW), Some(NOW.after(STEP)));
    assert!(pacing.lets_go(1, NOW.after(STEP)) && !pacing.lets_go(2, NOW.after(STEP)));
    assert!(
        pacing.lets_go(16, NOW.after(STEP * 16)),
        "one that answers slowly is used all the same"
    );
    pacing.hear(Bearing::Bears, NOW);
    assert!(pacing.lets_go(1, NOW) && !pacing.lets_go(2, NOW));
    pacing.hear(Bearing::Silent, NOW);
    assert!(
        pacing.lets_go(1, NOW) && !pacing.lets_go(2, NOW),
        "a failure neither opens nor closes it"
    );
    // After a long time nothing is known any more.
    let later = Timestamp(NOW.0 + 60_000);
    pacing.sends(0, later);
    assert!(!pacing.lets_go(1, later));
}

#[test]
fn a_clock_set_back_prolongs_no_wait_beyond_the_longest() {
    let mut pacing = Pacing::default();
    pacing.sends(0, NOW);
    pacing.hear(asks(30_000), NOW);
    let earlier = Timestamp(NOW.0 - 86_400_000);
    pacing.clock_set_back(earlier);
    // What was asked for by the wrong clock may be as long as any wish, and is no longer.
    let longest = earlier.after(LONGEST_WAIT);
    assert!(!pacing.lets_go(0, earlier) && pacing.lets_go(0, longest));
    pacing.until = Some(NOW.after(Duration::from_secs(30)));
    assert!(pacing.lets_go(0, earlier.after(STEP * 4)), "a time that nobody can have asked for");
}

/// A load that is older than an answer must not end what the answer asked for; a person can.
#[test]
fn a_wait_ends_with_what_the_database_says_once_every_answer_is_on_record() {
    let (mut lane, wish) = (Lane::new(NOW), NOW.after(Duration::from_secs(30)));
    let known = Health { waits_until: Some(wish), ..Health::default() };
    (lane.in_flight, lane.sending) = (1, 1);
    lane.heard(asks(30_000), NOW);
    lane.sent();
    // It is being recorded while the hook is read, because it changed.
    lane.begin_wait_read();
    lane.take_wait(&Health::default(), true, NOW);
    assert!(!lane.pacing.lets_go(0, NOW));
    // Then it is on record, and the hook is read once more.
    (lane.in_flight, lane.is_stale) = (0, false);
    lane.reread_if_unsure(NOW);
    assert!(lane.is_stale);
    lane.begin_wait_read();
    lane.take_wait(&known, true, NOW);
    assert!(!lane.pacing.lets_go(0, NOW));
    lane.extend_wait(&Health::default(), NOW);
    assert!(!lane.pacing.lets_go(0, NOW), "an older record ends nothing");
    lane.begin_wait_read();
    lane.take_wait(&Health::default(), false, NOW);
    assert!(lane.pacing.lets_go(0, NOW));
}
