//! One hook of the demo over time: when it began to fail, when it was paused or turned off, and
//! its health now, which follows from its attempts.

use std::time::Duration;

use super::{
    answers::{Fault, attempt},
    cast::{Condition, Part},
    rng::Rng,
};
use crate::domain::{
    api_key::ApiKey,
    delivery::{Attempt, Delivery},
    health::{BreakerPolicy, Health, Pause},
    hook::Hook,
    id::HookId,
    time::Timestamp,
};

/// No time that a delivery reaches.
pub const NEVER: Timestamp = Timestamp(i64::MAX);
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A hook with its past.
pub struct Life {
    pub part: Part,
    pub hook: Hook,
    pub api_key: ApiKey,
    /// Its receiver fails from here on.
    pub failing: Timestamp,
    /// It is paused from here on.
    pub paused: Timestamp,
    /// Its queue is full from here on.
    pub full: Timestamp,
    /// It is off from here on.
    pub off: Timestamp,
    /// It gets no events from here on.
    pub quiet: Timestamp,
    /// How it fails.
    pub fault: Fault,
    /// Start and result of its attempts, for its health.
    pub attempts: Vec<(Timestamp, Attempt)>,
}

fn ago(now: Timestamp, seconds: u64) -> Timestamp {
    now.before(Duration::from_secs(seconds))
}

fn later(at: Timestamp, seconds: u64) -> Timestamp {
    at.after(Duration::from_secs(seconds))
}

impl Life {
    /// The hook number `at` of `all`: the older ones come first.
    pub fn of(rng: &mut Rng, part: Part, at: usize, all: usize, now: Timestamp) -> Self {
        let age = (all - at) as u64 * 6 * DAY + rng.between(0, 5 * 86_400).unsigned_abs();
        let created_at = match part.condition {
            Condition::New => ago(now, (all - at) as u64 * 9 * MINUTE),
            _ => ago(now, age),
        };
        let api_key = ApiKey::parse(&format!("sk_demo_{}", rng.hex(24)))
            .expect("letters and digits are visible ASCII");
        let hook = Hook {
            id: HookId(rng.id(created_at)),
            name: part.name.to_owned(),
            event_type: part.event_type,
            callback_url: part.url(rng),
            enabled: true,
            off_reason: None,
            api_key_hint: api_key.hint(),
            tuning: part.tuning(),
            created_at,
            updated_at: created_at,
            version: 1,
        };
        let mut life = Self {
            part,
            hook,
            api_key,
            failing: NEVER,
            paused: NEVER,
            full: NEVER,
            off: NEVER,
            quiet: NEVER,
            fault: Fault::Server(500),
            attempts: Vec::new(),
        };
        life.turn(rng, now);
        life
    }

    /// Sets the turning points of its condition.
    fn turn(&mut self, rng: &mut Rng, now: Timestamp) {
        let mut within = |from: u64, to: u64| {
            let (from, to) = (i64::try_from(from).unwrap_or(0), i64::try_from(to).unwrap_or(0));
            ago(now, rng.between(from, to).unsigned_abs())
        };
        match self.part.condition {
            Condition::Healthy | Condition::Shaky | Condition::New => {}
            Condition::Degraded(fault) => {
                (self.fault, self.failing) = (fault, within(6 * HOUR, 20 * HOUR));
            }
            Condition::Paused(fault) => {
                (self.fault, self.failing) = (fault, within(7 * HOUR, 40 * HOUR));
                self.paused = later(self.failing, 40 * MINUTE);
            }
            Condition::Full(fault) => {
                (self.fault, self.failing) = (fault, within(80 * HOUR, 90 * HOUR));
                self.paused = later(self.failing, 25 * MINUTE);
                self.full = later(self.paused, 36 * HOUR);
            }
            Condition::Throttled => {
                (self.fault, self.failing) = (Fault::Wait, within(4 * HOUR, 6 * HOUR));
            }
            Condition::Off => self.switch_off(within(DAY, 12 * DAY), None),
            Condition::Gone => {
                let off = within(10 * HOUR, 6 * DAY);
                self.fault = Fault::Gone;
                self.switch_off(off, Some("the receiver answered 410 Gone"));
            }
            Condition::GaveUp(fault) => {
                let off = within(10 * HOUR, 2 * DAY);
                (self.fault, self.failing) = (fault, ago(off, 5 * DAY + 4 * HOUR));
                self.paused = later(self.failing, 90 * MINUTE);
                self.switch_off(off, Some("every delivery failed for 5 days"));
            }
            Condition::Quiet => self.quiet = within(30 * HOUR, 90 * HOUR),
            Condition::Deleted => {
                let off = within(4 * DAY, 9 * DAY);
                self.off = off;
                self.quiet = off;
            }
        }
    }

    fn switch_off(&mut self, at: Timestamp, reason: Option<&str>) {
        self.off = at;
        self.hook.enabled = false;
        self.hook.off_reason = reason.map(str::to_owned);
        self.hook.updated_at = at;
        self.hook.version = 2;
    }

    /// The end of the time in which its receiver works and it is on.
    pub fn works_until(&self, now: Timestamp) -> Timestamp {
        self.failing.min(self.paused).min(self.off).min(now)
    }

    /// Remembers the attempts of a delivery. A test says nothing about its receiver, nor does a
    /// request to wait, nor a fault of this machine.
    pub fn note(&mut self, delivery: &Delivery, attempts: &[std::sync::Arc<Attempt>]) {
        let asks_to_wait = |attempt: &Attempt| {
            attempt.response_headers.iter().any(|(name, _)| name == "retry-after")
        };
        for attempt in attempts {
            if !delivery.is_test && !attempt.answer.is_ours() && !asks_to_wait(attempt) {
                self.attempts.push((attempt.started_at, (**attempt).clone()));
            }
        }
    }

    /// Its health: the failures since its last success, and what its condition adds.
    pub fn health(&mut self, rng: &mut Rng, now: Timestamp) -> Health {
        let policy = BreakerPolicy::default();
        self.attempts.sort_by_key(|(at, _)| *at);
        let failed: Vec<_> =
            self.attempts.iter().rev().take_while(|(_, one)| !one.answer.is_success()).collect();
        let mut health = Health {
            failures: u32::try_from(failed.len()).unwrap_or(u32::MAX),
            failing_since: failed.last().map(|(at, _)| *at),
            failed_at: failed.first().map(|(at, _)| *at),
            last_answer: failed.first().map(|(_, one)| one.answer),
            ..Health::default()
        };
        if let Some((since, last)) = health.failing_since.zip(health.failed_at) {
            health.failed_for = since.until(last);
        }
        if self.paused < now {
            if health.failures == 0 {
                // No event came between its first failure and the pause.
                let at = self.paused;
                let probe = attempt(rng, &self.hook.callback_url, 1, at, Some(self.fault));
                health.failing_since = Some(at);
                health.failed_at = Some(at);
                health.last_answer = Some(probe.answer);
            }
            let minutes = self.paused.until(self.off.min(now)).as_secs() / MINUTE;
            let probes = 4 + u32::try_from(minutes / 15).unwrap_or(u32::MAX);
            let probe_at = later(now, 2 * MINUTE + rng.between(0, 660).unsigned_abs());
            health.paused = Some(Pause { since: self.paused, probe_at, probes });
            health.failures = health.failures.max(policy.failures) + probes;
        }
        if self.part.condition == Condition::Throttled {
            health.waits_until = Some(later(now, 4 * HOUR + 40 * MINUTE));
        }
        health
    }
}
