//! What strangers can cause at any rate is logged once a minute at most, with how often it happened.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::time::Timestamp, engine::clock::Clock};

const EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    logged: Option<Timestamp>,
    since: u64,
}

/// One kind of thing that happens.
pub struct Noise(Mutex<State>);

impl Noise {
    pub const fn none_yet() -> Self {
        Self(Mutex::new(State { logged: None, since: 0 }))
    }

    /// It happened. How often since it was last logged, if a line is due.
    pub fn note(&self) -> Option<u64> {
        self.note_at(Clock::System.now())
    }

    fn note_at(&self, now: Timestamp) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.since += 1;
        // A clock that is set back must not keep the log quiet for longer.
        if state.logged.is_some_and(|logged| logged <= now && now < logged.after(EVERY)) {
            return None;
        }
        state.logged = Some(now);
        Some(std::mem::take(&mut state.since))
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
