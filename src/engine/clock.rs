//! The one place that asks what time it is, measures, draws random bytes and makes ids. Everything
//! else is handed a [`Clock`], so a test can hold time still and move it.

mod agreed;

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use agreed::Agreed;

use uuid::{ContextV7, Uuid};

use crate::domain::time::Timestamp;

/// Keeps ids of one millisecond in the order in which they were made.
static IDS: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// What time it is: the machine's, the one that servers of one database agree on, or a test's.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// The database's, as soon as it was asked; the machine's until then. See [`Clock::shared`].
    Agreed(Arc<Agreed>),
    /// Milliseconds since 1970, moved by the test that holds it.
    Test(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until it is moved.
    pub fn test(start: Timestamp) -> Self {
        Self::Test(Arc::new(AtomicI64::new(start.0)))
    }

    /// The clock of a machine that is wrong by so many milliseconds, for tests.
    /// [`Clock::set_wrong`] corrects it.
    pub fn wrong(by: i64) -> Self {
        let clock = Self::System.shared();
        clock.set_wrong(by);
        clock
    }

    /// Sets the clock of a machine that [`Clock::wrong`] made.
    pub fn set_wrong(&self, by: i64) {
        if let Self::Agreed(agreed) = self {
            agreed.set_wrong(by);
        }
    }

    /// A clock that can follow a database's. All clones of the answer are one clock; a test's clock
    /// stays what it is.
    pub fn shared(&self) -> Self {
        match self {
            Self::System => Self::Agreed(Arc::default()),
            other => other.clone(),
        }
    }

    /// The database was asked at `asked`, has just answered, and gave this time. From now on its
    /// time is this clock's.
    pub fn agree(&self, asked: Stopwatch, time: Timestamp) {
        if let Self::Agreed(agreed) = self {
            agreed.agree(monotonic_millis(asked.0), monotonic_millis(self.stopwatch().0), time.0);
        }
    }

    /// By how many milliseconds the machine's clock is ahead of the database's; `None` where there
    /// is only one clock.
    pub fn skew(&self) -> Option<i64> {
        let Self::Agreed(agreed) = self else { return None };
        Some(agreed.machine(system_millis()) - agreed.now(monotonic_millis(self.stopwatch().0))?)
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::Test(millis) => Timestamp(millis.load(Ordering::SeqCst)),
            Self::System => Timestamp(system_millis()),
            Self::Agreed(agreed) => {
                let agreed_on = agreed.now(monotonic_millis(self.stopwatch().0));
                Timestamp(agreed_on.unwrap_or_else(|| agreed.machine(system_millis())))
            }
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

/// Milliseconds of the clock that never goes back, since this program first asked it.
fn monotonic_millis(at: Instant) -> i64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let since = at.saturating_duration_since(*FIRST.get_or_init(|| at));
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
    fn a_shared_clock_is_the_machines_until_the_database_was_asked_and_then_the_databases() {
        let clock = Clock::wrong(3_600_000);
        assert!(clock.now().0 - Clock::System.now().0 > 3_599_000 && clock.skew().is_none());
        let time = Timestamp(1_700_000_000_000);
        clock.agree(clock.stopwatch(), time);
        assert!((0..1000).contains(&(clock.now().0 - time.0)), "{:?}", clock.now());
        let before = clock.now();
        clock.set_wrong(-3_600_000);
        assert!(
            (0..1000).contains(&(clock.now().0 - before.0)),
            "the machine's clock moves nothing any more"
        );
        assert!(clock.skew().unwrap() < Clock::System.now().0 - time.0 - 3_599_000);
        let test = Clock::test(time).shared();
        test.agree(test.stopwatch(), Timestamp(5));
        assert_eq!((test.now(), test.skew()), (time, None));
    }

    #[test]
    fn a_test_clock_moves_only_when_moved() {
        let clock = Clock::test(Timestamp(1000));
        let twin = clock.clone();
        twin.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(3000));
    }
}
