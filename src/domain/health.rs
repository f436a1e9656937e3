//! The breaker: how well a hook's receiver does, and when to leave it alone. Pure: what happened
//! and the time come in, the next [`Health`] comes out. It is kept in the database, so a restart
//! neither forgets nor forgives.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{delivery::Answer, time::Timestamp};

/// When a hook is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that pause a hook.
    pub failures: u32,
    /// The wait before the first probe; each later one doubles it.
    pub first_probe: Duration,
    pub longest_probe: Duration,
    /// Nothing but failures for this long switches the hook off. They have to be spread over it,
    /// see [`Health::failed_for`].
    pub give_up_after: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failures: 20,
            first_probe: Duration::from_secs(60),
            longest_probe: Duration::from_secs(15 * 60),
            give_up_after: Duration::from_secs(5 * 24 * 3600),
        }
    }
}

/// How a hook that fails stands. The default is a hook that is well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Failures since the last success.
    pub failures: u32,
    /// The first of them, and the last.
    pub failing_since: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    /// For how long nothing but failures was seen. Between two failures at most a part of the time
    /// that leads to giving up counts: a quiet hook with an old failure and a new one has not
    /// failed all the time between them, and a clock that jumps days ahead has seen nothing on the
    /// way.
    pub failed_for: Duration,
    pub paused: Option<Pause>,
    /// The receiver asked to be left alone until then (429 or 503 with `Retry-After`). That is no
    /// failure.
    pub waits_until: Option<Timestamp>,
    /// What the last of the failures was. Says nothing that is decided on.
    pub last_answer: Option<Answer>,
}

/// A hook is paused: its events are held, and one of them at a time is sent as a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub since: Timestamp,
    pub probe_at: Timestamp,
    /// Probes that failed.
    pub probes: u32,
}

/// What an attempt was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An event on its way.
    Delivery,
    /// A held event, sent to see whether the receiver is back.
    Probe,
    /// A person's test: its success heals, its failure proves nothing about events.
    Test,
}

/// What came back, as far as the receiver's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Success,
    Failure,
    /// The receiver is there and asks to be left alone until then.
    Wait(Timestamp),
    /// Nothing: this machine could not make the attempt.
    OwnTrouble,
}

/// What changed for the hook as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing that anybody has to be told.
    None,
    Paused,
    Recovered,
    /// It failed for so long that it has to be switched off.
    GaveUp,
}

impl Health {
    pub fn is_well(&self) -> bool {
        self.failures == 0 && self.paused.is_none() && self.waits_until.is_none()
    }

    /// The health after an attempt, and what that means for the hook.
    #[must_use]
    pub fn after(
        self,
        heard: Heard,
        purpose: Purpose,
        now: Timestamp,
        policy: &BreakerPolicy,
    ) -> (Self, Turn) {
        match heard {
            Heard::Success => self.after_success(purpose, now),
            Heard::Wait(until) => (self.after_wait(until, purpose), Turn::None),
            Heard::OwnTrouble => (self.after_own_trouble(purpose, now, policy), Turn::None),
            // A person's test that fails proves nothing about events.
            Heard::Failure if purpose == Purpose::Test => (self, Turn::None),
            Heard::Failure => self.after_failure(purpose, now, policy),
        }
    }

    /// What was under way when the receiver asked for time says nothing about that wish. A test or
    /// a probe was sent to see whether the receiver is back, and its success ends the wait.
    fn after_success(self, purpose: Purpose, now: Timestamp) -> (Self, Turn) {
        let turn = if self.paused.is_some() { Turn::Recovered } else { Turn::None };
        let waits_until =
            self.waits_until.filter(|until| *until > now && purpose == Purpose::Delivery);
        (Self { waits_until, ..Self::default() }, turn)
    }

    fn after_wait(self, until: Timestamp, purpose: Purpose) -> Self {
        let paused = self.paused.map(|pause| match purpose {
            Purpose::Probe => Pause { probe_at: until, ..pause },
            Purpose::Delivery | Purpose::Test => pause,
        });
        Self { waits_until: self.waits_until.max(Some(until)), paused, ..self }
    }

    fn after_failure(
        self,
        purpose: Purpose,
        now: Timestamp,
        policy: &BreakerPolicy,
    ) -> (Self, Turn) {
        let since = self.failing_since.unwrap_or(now);
        let failures = self.failures.saturating_add(1);
        let gap =
            self.failed_at.map_or(Duration::ZERO, |last| last.until(now)).min(policy.longest_gap());
        let failed_for = self.failed_for.saturating_add(gap);
        let failed =
            Self { failures, failing_since: Some(since), failed_at: Some(now), failed_for, ..self };
        if failed_for >= policy.give_up_after {
            return (failed, Turn::GaveUp);
        }
        match self.paused {
            Some(pause) if purpose == Purpose::Probe => {
                let probes = pause.probes.saturating_add(1);
                let probe_at = now.after(policy.probe_after(probes));
                (
                    Self { paused: Some(Pause { since: pause.since, probe_at, probes }), ..failed },
                    Turn::None,
                )
            }
            // It was under way when the hook was paused, and says nothing that is not known.
            Some(_) => (failed, Turn::None),
            None if failures >= policy.failures => {
                let pause =
                    Pause { since: now, probe_at: now.after(policy.probe_after(0)), probes: 0 };
                (Self { paused: Some(pause), ..failed }, Turn::Paused)
            }
            None => (failed, Turn::None),
        }
    }
    /// The health after an attempt that this machine could not make: it says nothing of the
    /// receiver. A probe that was not sent is due again after the shortest wait.
    fn after_own_trouble(self, purpose: Purpose, now: Timestamp, policy: &BreakerPolicy) -> Self {
        match self.paused {
            Some(pause) if purpose == Purpose::Probe => Self {
                paused: Some(Pause { probe_at: now.after(policy.probe_after(0)), ..pause }),
                ..self
            },
            _ => self,
        }
    }
}

impl Health {
    /// The same after the clock that wrote it was set back to `now`: nothing began later than now,
    /// and no probe is further away than its wait. How long a receiver wants to be left alone
    /// stays: nobody can ask for more than a day.
    #[must_use]
    pub fn set_back(self, now: Timestamp, policy: &BreakerPolicy) -> Self {
        let pause = |pause: Pause| Pause {
            since: pause.since.min(now),
            probe_at: pause.probe_at.min(now.after(policy.probe_after(pause.probes))),
            ..pause
        };
        Self {
            failing_since: self.failing_since.map(|since| since.min(now)),
            failed_at: self.failed_at.map(|last| last.min(now)),
            paused: self.paused.map(pause),
            ..self
        }
    }
}

impl BreakerPolicy {
    /// How long to wait after this many failed probes.
    fn probe_after(&self, probes: u32) -> Duration {
        self.first_probe.saturating_mul(2u32.saturating_pow(probes.min(20))).min(self.longest_probe)
    }

    /// How much of the time between two failures counts as time that was spent failing: a tenth of
    /// what leads to giving up. A paused hook is only tried as often as it is probed, so the time
    /// between two probes always counts, as long as at least five failures are needed.
    fn longest_gap(&self) -> Duration {
        (self.give_up_after / 10)
            .max(self.longest_probe.saturating_mul(2))
            .min(self.give_up_after / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp(1_000_000);
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn failed(times: u32, policy: &BreakerPolicy) -> (Health, Turn) {
        let fail = |(health, _): (Health, Turn), _| {
            health.after(Heard::Failure, Purpose::Delivery, T0, policy)
        };
        (0..times).fold((Health::default(), Turn::None), fail)
    }

    #[test]
    fn twenty_failures_in_a_row_pause_and_one_success_forgives_all() {
        let policy = BreakerPolicy::default();
        assert_eq!(failed(19, &policy).1, Turn::None);
        let (paused, turn) = failed(20, &policy);
        assert_eq!(
            (turn, paused.paused.unwrap().probe_at),
            (Turn::Paused, Timestamp(T0.0 + MINUTE))
        );
        let success = |health: Health, purpose| health.after(Heard::Success, purpose, T0, &policy);
        assert_eq!(success(paused, Purpose::Probe), (Health::default(), Turn::Recovered));
        assert_eq!(success(paused, Purpose::Test).1, Turn::Recovered);
        let (well, turn) = success(failed(19, &policy).0, Purpose::Delivery);
        assert!(well.is_well() && turn == Turn::None);
    }

    #[test]
    fn what_a_clock_that_was_an_hour_ahead_set_is_moved_back() {
        let policy = BreakerPolicy::default();
        let paused = failed(20, &policy).0;
        assert_eq!(paused.set_back(T0, &policy), paused);
        let now = Timestamp(T0.0 - 60 * MINUTE);
        let right = paused.set_back(now, &policy);
        assert_eq!((right.failing_since, right.failed_at), (Some(now), Some(now)));
        assert_eq!(
            right.paused,
            Some(Pause { since: now, probe_at: Timestamp(now.0 + MINUTE), probes: 0 })
        );
    }

    #[test]
    fn probes_come_at_growing_intervals_and_stragglers_do_not_hasten_or_delay_them() {
        let policy = BreakerPolicy::default();
        let mut health = failed(20, &policy).0;
        let mut now = T0;
        let mut waits = Vec::new();
        for _ in 0..7 {
            let at = health.paused.unwrap().probe_at;
            waits.push((at.0 - now.0) / MINUTE);
            let straggler = health.after(Heard::Failure, Purpose::Delivery, now, &policy).0;
            assert_eq!(straggler.paused, health.paused);
            now = at;
            health = health.after(Heard::Failure, Purpose::Probe, now, &policy).0;
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
    }

    #[test]
    fn our_own_trouble_changes_nothing_but_when_a_probe_is_made_up_for() {
        let policy = BreakerPolicy::default();
        let later = Timestamp(T0.0 + 60 * MINUTE);
        let after =
            |health: Health, purpose| health.after(Heard::OwnTrouble, purpose, later, &policy).0;
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
    fn a_wait_that_was_asked_for_is_no_failure_and_no_success() {
        let policy = BreakerPolicy::default();
        let until = Timestamp(T0.0 + MINUTE);
        let (waits, turn) =
            Health::default().after(Heard::Wait(until), Purpose::Delivery, T0, &policy);
        assert_eq!((waits.failures, waits.waits_until, turn), (0, Some(until), Turn::None));
        assert!(!waits.is_well());
        // A thousand of them pause nothing, and forgive nothing.
        let mut health = failed(19, &policy).0;
        for _ in 0..1000 {
            health = health.after(Heard::Wait(until), Purpose::Delivery, T0, &policy).0;
        }
        assert_eq!((health.failures, health.paused), (19, None));
        // The longest wish counts; what was under way then does not end it; what is sent afterwards
        // does.
        let sooner = Timestamp(T0.0 + 1000);
        assert_eq!(
            waits.after(Heard::Wait(sooner), Purpose::Test, T0, &policy).0.waits_until,
            Some(until)
        );
        let success = |purpose, now| waits.after(Heard::Success, purpose, now, &policy).0;
        assert_eq!(success(Purpose::Delivery, sooner).waits_until, Some(until));
        assert_eq!(success(Purpose::Delivery, until), Health::default());
        assert_eq!(success(Purpose::Test, sooner), Health::default());
    }

    #[test]
    fn a_probe_that_is_asked_to_wait_is_made_again_then() {
        let policy = BreakerPolicy::default();
        let paused = failed(20, &policy).0;
        let until = Timestamp(T0.0 + 7 * MINUTE);
        let after =
            |purpose| paused.after(Heard::Wait(until), purpose, T0, &policy).0.paused.unwrap();
        assert_eq!((after(Purpose::Probe).probe_at, after(Purpose::Probe).probes), (until, 0));
        assert_eq!(after(Purpose::Delivery), paused.paused.unwrap());
    }

    /// Fails whenever `gaps` say, and tells when the hook was given up, if it was.
    fn gives_up(gaps: impl IntoIterator<Item = i64>, policy: &BreakerPolicy) -> Option<i64> {
        let (mut health, mut now) = (failed(1, policy).0, T0);
        for gap in gaps {
            now = Timestamp(now.0 + gap);
            let (after, turn) = health.after(Heard::Failure, Purpose::Delivery, now, policy);
            if turn == Turn::GaveUp {
                return Some(now.0 - T0.0);
            }
            health = after;
        }
        None
    }

    #[test]
    fn five_days_of_nothing_but_failures_give_up_and_tests_do_not_count() {
        let policy = BreakerPolicy::default();
        let often = |gap: i64| {
            gives_up(std::iter::repeat_n(gap, 100_000), &policy).map(|after| after / HOUR)
        };
        assert_eq!(often(15 * MINUTE), Some(5 * 24), "a paused hook that is probed");
        assert_eq!(often(12 * HOUR), Some(5 * 24), "the last waits of a schedule");
        let mut health = failed(20, &policy).0;
        for hour in 1..1000 {
            health = health
                .after(Heard::Failure, Purpose::Test, Timestamp(T0.0 + hour * HOUR), &policy)
                .0;
        }
        assert_eq!(health, failed(20, &policy).0);
    }

    #[test]
    fn failures_far_apart_and_clocks_that_jump_give_up_nothing() {
        let policy = BreakerPolicy::default();
        assert_eq!(gives_up([30 * DAY], &policy), None, "one old failure and one new");
        assert_eq!(
            gives_up([1, 2, 3, 400 * DAY, 1, 2, 3], &policy),
            None,
            "a clock that jumps ahead"
        );
        assert_eq!(
            gives_up([10 * DAY, -10 * DAY, 10 * DAY, -10 * DAY], &policy),
            None,
            "and back again"
        );
        assert_eq!(gives_up(std::iter::repeat_n(1, 10_000), &policy), None, "many at once");
        // A hook with one event a week that nobody has ever taken is given up after ten weeks, not
        // after one.
        let weekly = gives_up(std::iter::repeat_n(7 * DAY, 100), &policy);
        assert_eq!(weekly, Some(10 * 7 * DAY));
    }

    #[test]
    fn a_short_span_needs_at_least_five_failures_and_counts_the_time_between_probes() {
        let second = Duration::from_secs(1);
        let policy = BreakerPolicy { give_up_after: 3600 * second, ..BreakerPolicy::default() };
        assert_eq!(gives_up(std::iter::repeat_n(15 * MINUTE, 100), &policy), Some(HOUR));
        assert_eq!(gives_up([HOUR, HOUR, HOUR], &policy), None);
    }
}
