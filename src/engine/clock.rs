//! The only place that reads the time, measures durations, generates random bytes and creates ids.
//! All other code is given a [`Clock`], so that tests control the time. May import domain.

mod shared;

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use shared::SharedTime;
use uuid::{ContextV7, Uuid};

use crate::domain::time::Timestamp;

/// Keeps ids that are created within one millisecond in their order of creation.
static IDS: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A source of time: the machine, the database, or a test.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The wall clock of the machine.
    #[default]
    System,
    /// The time of the database, so that all servers agree; before the first [`Clock::synchronise`]
    /// that of the machine.
    Shared(Arc<SharedTime>),
    /// Milliseconds since 1970, advanced by a test.
    Test(Arc<AtomicI64>),
}

impl Clock {
    /// A test clock that stands still until [`Clock::advance`].
    pub fn test(start: Timestamp) -> Self {
        Self::Test(Arc::new(AtomicI64::new(start.0)))
    }

    /// For tests: a shared clock on a machine whose wall clock is off by `skew_ms`.
    pub fn skewed(skew_ms: i64) -> Self {
        let clock = Self::System.shared();
        clock.set_skew(skew_ms);
        clock
    }

    /// Changes the error of the wall clock that [`Clock::skewed`] simulates.
    pub fn set_skew(&self, skew_ms: i64) {
        if let Self::Shared(shared) = self {
            shared.set_skew(skew_ms);
        }
    }

    /// A clock that can be synchronised with the database. All clones of the result share one
    /// state. A test clock is returned unchanged.
    pub fn shared(&self) -> Self {
        match self {
            Self::System => Self::Shared(Arc::default()),
            other => other.clone(),
        }
    }

    /// Synchronises with the database: it was asked for its time at `asked`, and has just answered
    /// `time`.
    pub fn synchronise(&self, asked: Stopwatch, time: Timestamp) {
        if let Self::Shared(shared) = self {
            shared.synchronise(
                monotonic_millis(asked.0),
                monotonic_millis(self.stopwatch().0),
                time.0,
            );
        }
    }

    /// Milliseconds that the machine's clock is ahead of the database's. `None` if this clock is
    /// not shared, or not yet synchronised.
    pub fn skew(&self) -> Option<i64> {
        let Self::Shared(shared) = self else { return None };
        Some(
            shared.wall_clock(system_millis())
                - shared.now(monotonic_millis(self.stopwatch().0))?,
        )
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::Test(millis) => Timestamp(millis.load(Ordering::SeqCst)),
            Self::System => Timestamp(system_millis()),
            Self::Shared(shared) => {
                let synchronised = shared.now(monotonic_millis(self.stopwatch().0));
                Timestamp(synchronised.unwrap_or_else(|| shared.wall_clock(system_millis())))
            }
        }
    }

    /// Advances a test clock. Has no effect on other clocks.
    pub fn advance(&self, by: Duration) {
        if let Self::Test(millis) = self {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// A new UUID of version 7. Ids sort by their time of creation.
    pub fn id(&self) -> Uuid {
        let millis = u64::try_from(self.now().0).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        let context = IDS.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, millis / 1000, nanos))
    }

    pub fn stopwatch(&self) -> Stopwatch {
        #[expect(clippy::disallowed_methods, reason = "this file is the home of time")]
        Stopwatch(Instant::now())
    }
}

fn system_millis() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of time")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds of the monotonic clock since its first use in this process.
fn monotonic_millis(at: Instant) -> i64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let since = at.saturating_duration_since(*FIRST.get_or_init(|| at));
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Measures durations with the monotonic clock, so changes of the wall clock have no effect.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// The time from the start until an instant from a library; zero if it is earlier.
    pub fn until(self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.0)
    }

    pub fn millis(self) -> i64 {
        i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// `N` bytes from the operating system's generator, for keys, tokens and secrets.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of randomness")]
    rand::random()
}

/// A uniform random number in `0.0..1.0`, for jitter.
pub fn random_unit() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of randomness")]
    rand::random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_in_their_order_of_creation() {
        let clock = Clock::System;
        let ids: Vec<_> = (0..2000).map(|_| clock.id()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_shared_clock_follows_the_machine_until_it_is_synchronised_with_the_database() {
        let clock = Clock::skewed(3_600_000);
        assert!(clock.now().0 - Clock::System.now().0 > 3_599_000 && clock.skew().is_none());
        let time = Timestamp(1_700_000_000_000);
        clock.synchronise(clock.stopwatch(), time);
        assert!((0..1000).contains(&(clock.now().0 - time.0)), "{:?}", clock.now());
        let before = clock.now();
        clock.set_skew(-3_600_000);
        assert!(
            (0..1000).contains(&(clock.now().0 - before.0)),
            "the machine's clock has no effect any more"
        );
        assert!(clock.skew().unwrap() < Clock::System.now().0 - time.0 - 3_599_000);
        let test = Clock::test(time).shared();
        test.synchronise(test.stopwatch(), Timestamp(5));
        assert_eq!((test.now(), test.skew()), (time, None));
    }

    #[test]
    fn a_test_clock_moves_only_when_it_is_advanced() {
        let clock = Clock::test(Timestamp(1000));
        clock.clone().advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(3000));
    }
}
