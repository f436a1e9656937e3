//! Rate limit for log lines that strangers can cause: one a minute at most, with how often it
//! happened.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::time::Timestamp, engine::clock::Clock};

const EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    logged_at: Option<Timestamp>,
    /// How often it happened since then.
    unlogged: u64,
}

/// One kind of log line.
pub struct Noise(Mutex<State>);

impl Noise {
    pub const fn none_yet() -> Self {
        Self(Mutex::new(State { logged_at: None, unlogged: 0 }))
    }

    /// Counts one. If a line is due: how many it stands for.
    pub fn note(&self) -> Option<u64> {
        self.note_at(Clock::System.now())
    }

    fn note_at(&self, now: Timestamp) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unlogged += 1;
        // A clock that is set back must not keep the log quiet for longer.
        if state.logged_at.is_some_and(|logged| logged <= now && now < logged.after(EVERY)) {
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
    fn a_minute_has_one_line_that_counts_the_rest() {
        let (noise, now) = (Noise::none_yet(), Timestamp(1_000_000));
        assert_eq!(noise.note_at(now), Some(1));
        for _ in 0..500 {
            assert_eq!(noise.note_at(now.after(EVERY / 2)), None);
        }
        assert_eq!(noise.note_at(now.after(EVERY)), Some(501));
        assert_eq!(noise.note_at(now), Some(1), "the clock was set back");
    }
}
