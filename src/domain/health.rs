//! The circuit breaker: the health of a hook's receiver, and when to pause the hook. A pure state
//! machine: a signal and the time go in, the next [`Health`] comes out. The health is stored in the
//! database and survives restarts. Start at [`Health::after`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{delivery::Answer, time::Timestamp};

/// When a hook is paused, and when it is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that pause a hook.
    pub failures: u32,
    /// Wait before the first probe. It doubles for each further probe, up to `longest_probe`.
    pub first_probe: Duration,
    pub longest_probe: Duration,
    /// Failures only, for this long, turn the hook off. See [`Health::failed_for`].
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

/// The health of a hook's receiver. The default is healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Failures since the last success.
    pub failures: u32,
    /// Time of the first and the last of them.
    pub failing_since: Option<Timestamp>,
    pub failed_at: Option<Timestamp>,
    /// How long it has only failed: the sum of the gaps between failures, each gap capped by
    /// `max_counted_gap`. Because of the cap, two things don't turn a hook off: one old and one new
    /// failure of a quiet hook, and a clock that jumps ahead by days.
    pub failed_for: Duration,
    pub paused: Option<Pause>,
    /// The receiver wants no requests before this time (429 or 503 with `Retry-After`). Not a
    /// failure.
    pub waits_until: Option<Timestamp>,
    /// The result of the last failure, for display only.
    pub last_answer: Option<Answer>,
}

/// The breaker is open: the hook's events are held, and one at a time is sent as a probe
/// (half-open).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub since: Timestamp,
    pub probe_at: Timestamp,
    /// Probes that failed.
    pub probes: u32,
}

/// The purpose of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A regular delivery.
    Delivery,
    /// A held delivery of a paused hook, sent to check whether the receiver works again.
    Probe,
    /// A user's test. Its success closes the breaker; its failure is ignored, because its payload
    /// may be the cause.
    Test,
}

/// What an attempt tells about the receiver's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Success,
    Failure,
    /// The receiver works, and wants no requests before this time.
    Wait(Timestamp),
    /// Nothing: this machine could not make the attempt.
    LocalFailure,
}

/// A transition of the breaker that users are told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthChange {
    None,
    Paused,
    Recovered,
    /// It has failed for `give_up_after`: the caller must turn the hook off.
    GaveUp,
}

impl Health {
    pub fn is_healthy(&self) -> bool {
        self.failures == 0 && self.paused.is_none() && self.waits_until.is_none()
    }

    /// The health after an attempt, and the transition.
    #[must_use]
    pub fn after(
        self,
        signal: Signal,
        purpose: Purpose,
        now: Timestamp,
        policy: &BreakerPolicy,
    ) -> (Self, HealthChange) {
        match signal {
            Signal::Success => self.after_success(purpose, now),
            Signal::Wait(until) => (self.after_wait(until, purpose), HealthChange::None),
            Signal::LocalFailure => {
                (self.after_local_failure(purpose, now, policy), HealthChange::None)
            }
            Signal::Failure if purpose == Purpose::Test => (self, HealthChange::None),
            Signal::Failure => self.after_failure(purpose, now, policy),
        }
    }

    /// A success resets the health. A requested wait survives the success of a delivery, which may
    /// have started before the wait was requested; the success of a test or a probe ends it.
    fn after_success(self, purpose: Purpose, now: Timestamp) -> (Self, HealthChange) {
        let change =
            if self.paused.is_some() { HealthChange::Recovered } else { HealthChange::None };
        let waits_until =
            self.waits_until.filter(|until| *until > now && purpose == Purpose::Delivery);
        (Self { waits_until, ..Self::default() }, change)
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
    ) -> (Self, HealthChange) {
        let since = self.failing_since.unwrap_or(now);
        let failures = self.failures.saturating_add(1);
        let gap = self
            .failed_at
            .map_or(Duration::ZERO, |last| last.until(now))
            .min(policy.max_counted_gap());
        let failed_for = self.failed_for.saturating_add(gap);
        let failed =
            Self { failures, failing_since: Some(since), failed_at: Some(now), failed_for, ..self };
        if failed_for >= policy.give_up_after {
            return (failed, HealthChange::GaveUp);
        }
        match self.paused {
            Some(pause) if purpose == Purpose::Probe => {
                let probes = pause.probes.saturating_add(1);
                let probe_at = now.after(policy.probe_after(probes));
                (
                    Self { paused: Some(Pause { since: pause.since, probe_at, probes }), ..failed },
                    HealthChange::None,
                )
            }
            // An attempt that started before the pause.
            Some(_) => (failed, HealthChange::None),
            None if failures >= policy.failures => {
                let pause =
                    Pause { since: now, probe_at: now.after(policy.probe_after(0)), probes: 0 };
                (Self { paused: Some(pause), ..failed }, HealthChange::Paused)
            }
            None => (failed, HealthChange::None),
        }
    }

    /// This machine could not make the attempt, which tells nothing about the receiver. A probe is
    /// due again after `first_probe`.
    fn after_local_failure(self, purpose: Purpose, now: Timestamp, policy: &BreakerPolicy) -> Self {
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
    /// Repairs times that were stored while the clock was ahead: no past time is after `now`, and
    /// no probe is further away than its wait. `waits_until` stays: it is at most a day ahead.
    #[must_use]
    pub fn clamped_to(self, now: Timestamp, policy: &BreakerPolicy) -> Self {
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
    /// The wait before the next probe, after this many failed ones.
    fn probe_after(&self, probes: u32) -> Duration {
        self.first_probe.saturating_mul(2u32.saturating_pow(probes.min(20))).min(self.longest_probe)
    }

    /// How much of the gap between two failures counts towards `give_up_after`: a tenth of it. At
    /// least two probe intervals, so that a paused hook counts in full; at most a quarter of
    /// `give_up_after`, so that giving up takes at least five failures.
    fn max_counted_gap(&self) -> Duration {
        (self.give_up_after / 10)
            .max(self.longest_probe.saturating_mul(2))
            .min(self.give_up_after / 4)
    }
}

#[cfg(test)]
mod tests;
