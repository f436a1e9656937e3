//! The one place that asks what time it is, measures, draws random bytes and makes ids. Everything else is handed a
//! [`Clock`], so a test can hold time still and move it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use uuid::{ContextV7, Uuid};

use crate::domain::time::Timestamp;

/// Keeps ids of one millisecond in the order in which they were made.
static IDS: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// What time it is: the machine's, or a test's.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// Milliseconds since 1970, moved by the test that holds it.
    Test(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until it is moved.
    pub fn test(start: Timestamp) -> Self {
        Self::Test(Arc::new(AtomicI64::new(start.0)))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::Test(millis) => Timestamp(millis.load(Ordering::SeqCst)),
            Self::System => Timestamp(system_millis()),
        }
    }

    /// Moves a test's clock; the machine's cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Self::Test(millis) = self {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// A new UUID of version 7: sorts by the time it was made.
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

/// Measures by the monotonic clock: changes of the wall clock do not show.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// From its start until a moment that a library named; zero if that was before.
    pub fn until(self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.0)
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

/// Evenly in `0.0..1.0`, for jitter.
pub fn random_share() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "this file is the home of randomness")]
    rand::random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_in_the_order_they_were_made() {
        let clock = Clock::System;
        let ids: Vec<_> = (0..2000).map(|_| clock.id()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_test_clock_moves_only_when_moved() {
        let clock = Clock::test(Timestamp(1000));
        let twin = clock.clone();
        twin.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(3000));
    }
}
