//! The liveness bound: how long a due delivery may wait for an attempt, computed from the settings.

use std::time::Duration;

use super::{
    id::{DeliveryId, HookId},
    time::Timestamp,
};

/// Allowance for delays of seconds: a lost hint, a failed load, the gradual release of held
/// deliveries.
const SLACK: Duration = Duration::from_secs(30);

/// The inputs of the bound.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Timeout of an attempt of this hook.
    pub timeout: Duration,
    /// Hooks with due deliveries, including this one.
    pub hooks: usize,
    /// Max concurrent attempts of all hooks.
    pub in_flight: usize,
}

impl Pace {
    /// A hook that is on, not paused, and has a due delivery makes at least one attempt in this
    /// time. The worst case: all of its own permits are held until their timeout (1), then it waits
    /// for its turn while all permits of the server are held by other hooks until their timeout
    /// (`rounds`), then its own attempt takes until its timeout (1).
    ///
    /// Rate limits add nothing: each allows at least one attempt in five seconds. Neither does an
    /// ordering key: the first delivery of a key is never blocked. A hook that waits because of
    /// `Retry-After` is not due.
    pub fn bound(&self) -> Duration {
        let rounds = u32::try_from(self.hooks.div_ceil(self.in_flight.max(1))).unwrap_or(u32::MAX);
        self.timeout.saturating_mul(rounds.saturating_add(2)).saturating_add(SLACK)
    }
}

/// A hook with a due delivery that makes no attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    pub hook: HookId,
    pub name: String,
    pub delivery: DeliveryId,
    /// Since when the delivery is due, and how long it may wait.
    pub since: Timestamp,
    pub bound: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_grows_with_the_timeout_and_the_number_of_rounds() {
        let bound = |timeout, hooks| {
            Pace { timeout: Duration::from_secs(timeout), hooks, in_flight: 512 }.bound().as_secs()
        };
        assert_eq!((bound(15, 1), bound(15, 512), bound(15, 513), bound(1, 1)), (75, 75, 90, 33));
        let none = Pace { timeout: Duration::MAX, hooks: usize::MAX, in_flight: 0 };
        assert_eq!(none.bound(), Duration::MAX);
    }
}
