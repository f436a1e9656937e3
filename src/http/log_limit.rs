//! Rate limit for log lines that clients can cause: at most one line per minute and kind, with the
//! number of occurrences since the last line.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::time::Timestamp, engine::clock::Clock};

const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    logged_at: Option<Timestamp>,
    /// Occurrences since the last line.
    unlogged: u64,
}

/// The limiter of one kind of log line.
#[derive(Default)]
pub struct LogLimit(Mutex<State>);

impl LogLimit {
    pub const fn new() -> Self {
        Self(Mutex::new(State { logged_at: None, unlogged: 0 }))
    }

    /// Counts an occurrence. If a line is due, returns the number of occurrences it stands for.
    pub fn record(&self) -> Option<u64> {
        self.record_at(Clock::System.now())
    }

    fn record_at(&self, now: Timestamp) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unlogged += 1;
        // A clock that was set back must not extend the pause.
        if state.logged_at.is_some_and(|logged| logged <= now && now < logged.after(INTERVAL)) {
            return None;
        }
        state.logged_at = Some(now);
        Some(std::mem::take(&mut state.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_minute_counts_all_occurrences() {
        let (limit, now) = (LogLimit::new(), Timestamp(1_000_000));
        assert_eq!(limit.record_at(now), Some(1));
        for _ in 0..500 {
            assert_eq!(limit.record_at(now.after(INTERVAL / 2)), None);
        }
        assert_eq!(limit.record_at(now.after(INTERVAL)), Some(501));
        assert_eq!(limit.record_at(now), Some(1), "the clock was set back");
    }
}
