//! How long something that is due may wait for an attempt. Pure: what is configured comes in, a
//! time comes out.

use std::time::Duration;

use super::{
    id::{DeliveryId, HookId},
    time::Timestamp,
};

/// A hint that was lost, a load that failed and is repeated, a step that releases what was held:
/// each costs seconds.
const SLACK: Duration = Duration::from_secs(30);

/// What the bound follows from.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The longest that one attempt to this hook may take.
    pub timeout: Duration,
    /// Hooks that have something due, this one among them, and attempts that may be under way at
    /// once to all of them.
    pub hooks: usize,
    pub in_flight: usize,
}

impl Pace {
    /// A hook that is on, and not paused, and has something due makes an attempt at least once in
    /// this time. All of its places may be taken by attempts that run to their deadline; then it
    /// may have to wait for its turn, while all permits are taken by attempts of others that do the
    /// same, as often as it takes to go round; and then its own attempt takes as long. A rate, its
    /// own or learned from its receiver, allows one in five seconds at least, and an order always
    /// lets the first of a key go: neither adds to it. (A hook whose receiver asked to be left
    /// alone is not ready.)
    pub fn bound(&self) -> Duration {
        let turns = u32::try_from(self.hooks.div_ceil(self.in_flight.max(1))).unwrap_or(u32::MAX);
        self.timeout.saturating_mul(turns.saturating_add(2)).saturating_add(SLACK)
    }
}

/// A hook that is ready, has something due, and makes no attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    pub hook: HookId,
    pub name: String,
    pub delivery: DeliveryId,
    /// Since when it is due, and how long it may be.
    pub since: Timestamp,
    pub bound: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_grows_with_the_deadline_and_with_the_turns_it_takes_to_go_round() {
        let bound = |timeout, hooks| {
            Pace { timeout: Duration::from_secs(timeout), hooks, in_flight: 512 }.bound().as_secs()
        };
        assert_eq!((bound(15, 1), bound(15, 512), bound(15, 513), bound(1, 1)), (75, 75, 90, 33));
        let none = Pace { timeout: Duration::MAX, hooks: usize::MAX, in_flight: 0 };
        assert_eq!(none.bound(), Duration::MAX);
    }
}
