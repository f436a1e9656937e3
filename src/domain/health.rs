//! The breaker: how well a hook's receiver does, and when to leave it alone. Pure: what happened and the time come in,
//! the next [`Health`] comes out. It is kept in the database, so a restart neither forgets nor forgives.

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
    /// Nothing but failures for this long switches the hook off.
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
    /// The first of them.
    pub failing_since: Option<Timestamp>,
    pub paused: Option<Pause>,
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
        self.failures == 0 && self.paused.is_none()
    }

    /// The health after an attempt, and what that means for the hook.
    #[must_use]
    pub fn after(self, is_success: bool, purpose: Purpose, now: Timestamp, policy: &BreakerPolicy) -> (Self, Turn) {
        if is_success {
            let turn = if self.paused.is_some() { Turn::Recovered } else { Turn::None };
            return (Self::default(), turn);
        }
        if purpose == Purpose::Test {
            return (self, Turn::None);
        }
        let since = self.failing_since.unwrap_or(now);
        let failures = self.failures.saturating_add(1);
        let failed = Self { failures, failing_since: Some(since), ..self };
        if since.until(now) >= policy.give_up_after {
            return (failed, Turn::GaveUp);
        }
        match self.paused {
            Some(pause) if purpose == Purpose::Probe => {
                let probes = pause.probes.saturating_add(1);
                let probe_at = now.after(policy.probe_after(probes));
                (Self { paused: Some(Pause { since: pause.since, probe_at, probes }), ..failed }, Turn::None)
            }
            // It was under way when the hook was paused, and says nothing that is not known.
            Some(_) => (failed, Turn::None),
            None if failures >= policy.failures => {
                let pause = Pause { since: now, probe_at: now.after(policy.probe_after(0)), probes: 0 };
                (Self { paused: Some(pause), ..failed }, Turn::Paused)
            }
            None => (failed, Turn::None),
        }
    }
    /// The health after an attempt that this machine could not make: it says nothing of the receiver. A probe that was not
    /// sent is due again after the shortest wait.
    #[must_use]
    pub fn after_own_trouble(self, purpose: Purpose, now: Timestamp, policy: &BreakerPolicy) -> Self {
        match self.paused {
            Some(pause) if purpose == Purpose::Probe => {
                Self { paused: Some(Pause { probe_at: now.after(policy.probe_after(0)), ..pause }), ..self }
            }
            _ => self,
        }
    }
}

impl Health {
    /// The same after the clock that wrote it was set back to `now`: nothing began later than now, and no probe is further
    /// away than its wait.
    #[must_use]
    pub fn set_back(self, now: Timestamp, policy: &BreakerPolicy) -> Self {
        let pause = |pause: Pause| Pause {
            since: pause.since.min(now),
            probe_at: pause.probe_at.min(now.after(policy.probe_after(pause.probes))),
            ..pause
        };
        Self { failing_since: self.failing_since.map(|since| since.min(now)), paused: self.paused.map(pause), ..self }
    }
}

impl BreakerPolicy {
    /// How long to wait after this many failed probes.
    fn probe_after(&self, probes: u32) -> Duration {
        self.first_probe.saturating_mul(2u32.saturating_pow(probes.min(20))).min(self.longest_probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp(1_000_000);
    const MINUTE: i64 = 60_000;

    fn failed(times: u32, policy: &BreakerPolicy) -> (Health, Turn) {
        (0..times)
            .fold((Health::default(), Turn::None), |(health, _), _| health.after(false, Purpose::Delivery, T0, policy))
    }

    #[test]
    fn twenty_failures_in_a_row_pause_and_one_success_forgives_all() {
        let policy = BreakerPolicy::default();
        assert_eq!(failed(19, &policy).1, Turn::None);
        let (paused, turn) = failed(20, &policy);
        assert_eq!((turn, paused.paused.unwrap().probe_at), (Turn::Paused, Timestamp(T0.0 + MINUTE)));
        assert_eq!(paused.after(true, Purpose::Probe, T0, &policy), (Health::default(), Turn::Recovered));
        assert_eq!(paused.after(true, Purpose::Test, T0, &policy).1, Turn::Recovered);
        let (well, turn) = failed(19, &policy).0.after(true, Purpose::Delivery, T0, &policy);
        assert!(well.is_well() && turn == Turn::None);
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
            assert_eq!(health.after(false, Purpose::Delivery, now, &policy).0.paused, health.paused);
            now = at;
            health = health.after(false, Purpose::Probe, now, &policy).0;
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
    }

    #[test]
    fn our_own_trouble_changes_nothing_but_when_a_probe_is_made_up_for() {
        let policy = BreakerPolicy::default();
        let later = Timestamp(T0.0 + 60 * MINUTE);
        let failing = failed(19, &policy).0;
        assert_eq!(failing.after_own_trouble(Purpose::Delivery, later, &policy), failing);
        let paused = failed(20, &policy).0;
        assert_eq!(paused.after_own_trouble(Purpose::Delivery, later, &policy), paused);
        let probed = paused.after_own_trouble(Purpose::Probe, later, &policy);
        let pause = probed.paused.unwrap();
        assert_eq!((probed.failures, pause.probes, pause.probe_at), (20, 0, Timestamp(later.0 + MINUTE)));
    }

    #[test]
    fn five_days_of_nothing_but_failures_give_up_and_tests_do_not_count() {
        let policy = BreakerPolicy::default();
        let health = failed(20, &policy).0;
        let day = 24 * 60 * MINUTE;
        assert_eq!(health.after(false, Purpose::Probe, Timestamp(T0.0 + 5 * day - 1), &policy).1, Turn::None);
        assert_eq!(health.after(false, Purpose::Probe, Timestamp(T0.0 + 5 * day), &policy).1, Turn::GaveUp);
        let tested = health.after(false, Purpose::Test, Timestamp(T0.0 + 9 * day), &policy);
        assert_eq!(tested, (health, Turn::None));
    }
}
