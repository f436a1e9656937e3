//! Guessing passwords gets slower: ten wrong ones for an address within ten minutes, and the next must wait. Counted in
//! memory, by address: whoever knows an address can keep its owner waiting, and the log says that somebody does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::domain::{time::Timestamp, user::folded_email};

const TRIES: usize = 10;
const WITHIN: Duration = Duration::from_secs(600);
/// Addresses that are remembered at most; beyond it those that have cooled down are forgotten.
const ADDRESSES: usize = 10_000;

/// Wrong passwords, by address.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<String, Vec<Timestamp>>>>);

impl Throttle {
    /// How long this address must wait before it may try again; `None`: now.
    pub fn wait(&self, email: &str, now: Timestamp) -> Option<Duration> {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent: Vec<_> = tries.get(&folded_email(email))?.iter().filter(|at| is_recent(**at, now)).collect();
        let oldest = recent.first()?;
        (recent.len() >= TRIES).then(|| now.until(oldest.after(WITHIN)))
    }

    pub fn failed(&self, email: &str, now: Timestamp) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= ADDRESSES {
            tries.retain(|_, moments| moments.iter().any(|at| is_recent(*at, now)));
        }
        let moments = tries.entry(folded_email(email)).or_default();
        moments.retain(|at| is_recent(*at, now));
        moments.push(now);
    }

    pub fn succeeded(&self, email: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&folded_email(email));
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at.after(WITHIN) > now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_guess_waits_and_others_do_not() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for _ in 0..TRIES {
            assert_eq!(throttle.wait("Ann@example.org", now), None);
            throttle.failed("ann@EXAMPLE.org", now);
        }
        assert_eq!(throttle.wait("ann@example.org", now), Some(WITHIN));
        assert_eq!(throttle.wait("bob@example.org", now), None);
        assert_eq!(throttle.wait("ann@example.org", now.after(WITHIN)), None);
        throttle.succeeded("ann@example.org");
        assert_eq!(throttle.wait("ann@example.org", now), None);
    }
}
