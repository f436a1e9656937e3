//! Back-pressure: above a high-water mark nothing more is accepted, and whoever asks is told when to come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use super::config::Limits;
use crate::domain::time::Timestamp;

/// Why nothing is accepted just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much is waiting to be delivered; come back in {} seconds", .retry_after.as_secs())]
pub struct TooMuch {
    pub retry_after: Duration,
}

/// What was found when it was last weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    pub deliveries: i64,
    pub bytes: i64,
    /// Since when the oldest waits for its first attempt.
    pub oldest: Option<Timestamp>,
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Pressure {
    limits: Limits,
    shared: Arc<Shared>,
}

struct Shared {
    /// Since when too much waits, in milliseconds; [`NEVER`] while it does not.
    too_much_since: AtomicI64,
    has_news: AtomicBool,
}

const NEVER: i64 = i64::MIN;

/// How long a producer is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(10);

impl Pressure {
    pub fn new(limits: Limits) -> Self {
        let shared = Shared { too_much_since: AtomicI64::new(NEVER), has_news: AtomicBool::new(true) };
        Self { limits, shared: Arc::new(shared) }
    }

    /// May another event be accepted?
    pub fn check(&self) -> Result<(), TooMuch> {
        if self.refusing_since().is_some() { Err(TooMuch { retry_after: RETRY_AFTER }) } else { Ok(()) }
    }

    /// Since when nothing is accepted, if nothing is.
    pub fn refusing_since(&self) -> Option<Timestamp> {
        let since = self.shared.too_much_since.load(Ordering::Relaxed);
        (since != NEVER).then_some(Timestamp(since))
    }

    /// Something was accepted: what waits has to be weighed again.
    pub fn note_activity(&self) {
        self.shared.has_news.store(true, Ordering::Relaxed);
    }

    /// Is there a reason to weigh? While too much waits, always: it may have become less.
    pub fn wants_weighing(&self) -> bool {
        self.shared.has_news.swap(false, Ordering::Relaxed) || self.refusing_since().is_some()
    }

    /// What waits now. Says whether that changed the answer.
    pub fn weighed(&self, weight: Weight, now: Timestamp) -> bool {
        let bytes = u64::try_from(weight.bytes).unwrap_or(0);
        let age = weight.oldest.map_or(Duration::ZERO, |oldest| oldest.until(now));
        let is_too_much = bytes > self.limits.queued_bytes || age > self.limits.queued_age;
        let was_too_much = self.refusing_since().is_some();
        if is_too_much != was_too_much {
            self.shared.too_much_since.store(if is_too_much { now.0 } else { NEVER }, Ordering::Relaxed);
        }
        is_too_much != was_too_much
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_either_mark_nothing_is_accepted_until_it_is_below_again() {
        let limits = Limits { queued_bytes: 100, queued_age: Duration::from_secs(60) };
        let pressure = Pressure::new(limits);
        let weigh = |bytes, oldest: Option<i64>| {
            let weight = Weight { deliveries: 1, bytes, oldest: oldest.map(Timestamp) };
            pressure.weighed(weight, Timestamp(100_000));
            pressure.check().is_ok()
        };
        assert!(pressure.check().is_ok());
        assert!(weigh(100, Some(40_000)));
        assert!(!weigh(101, None));
        assert!(pressure.wants_weighing() && pressure.wants_weighing(), "it may have become less");
        assert!(!weigh(1, Some(39_999)));
        assert!(weigh(0, None));
        assert!(!pressure.wants_weighing());
        pressure.weighed(Weight { bytes: 101, ..Weight::default() }, Timestamp(1));
        pressure.weighed(Weight { bytes: 102, ..Weight::default() }, Timestamp(2));
        assert_eq!(pressure.refusing_since(), Some(Timestamp(1)), "since the first time");
    }
}
