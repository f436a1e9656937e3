//! The command that records a finished attempt, and its answer. [`outcomes`](super::outcomes) and
//! the bulk write of [`commit`](super::commit) execute it. May import domain and engine::clock.

use std::{sync::Arc, time::Duration};

use super::claim;
use crate::{
    domain::{
        delivery::{Attempt, State},
        health::{BreakerPolicy, Health, Purpose, Signal},
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// The result of an attempt, and what follows for its delivery.
#[derive(Clone)]
pub struct Finished {
    pub delivery: DeliveryId,
    pub hook: HookId,
    pub attempt: Arc<Attempt>,
    pub purpose: Purpose,
    /// The new state of the delivery: `Delivered`, `Failed`, or `Waiting` (then with `retry_in`).
    pub state: State,
    /// The wait before the next attempt. A duration that starts when it is recorded, not a time:
    /// the clock may be set in between.
    pub retry_in: Option<Duration>,
    /// The attempt does not count against the retry schedule.
    pub is_extra: bool,
    /// The receiver asked for no requests for this long (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// The hook was healthy when this was sent.
    pub was_healthy: bool,
    /// The receiver answered 410 Gone.
    pub is_gone: bool,
    /// The fencing token of the lane when this was sent; `None` on SQLite. See [`claim`].
    pub fence: Option<claim::Fence>,
    pub policy: BreakerPolicy,
    pub clock: Clock,
}

impl Finished {
    /// Can this be written in bulk, without reading the health of the hook? True for a success at a
    /// hook that was healthy when it was sent. (If the hook failed meanwhile, the next success
    /// resets its health.) False for a test or a probe, whose success brings retries forward.
    pub(super) fn leaves_health_unchanged(&self) -> bool {
        self.was_healthy
            && self.attempt.answer.is_success()
            && !self.is_gone
            && !self.proves_recovery()
    }

    /// A test or a probe succeeded: the receiver is reachable again.
    pub fn proves_recovery(&self) -> bool {
        self.attempt.answer.is_success() && self.purpose != Purpose::Delivery
    }

    /// What the attempt says about the health of the hook.
    pub(super) fn signal(&self, now: Timestamp) -> Signal {
        match self.retry_after {
            _ if self.attempt.answer.is_success() => Signal::Success,
            _ if self.attempt.answer.is_ours() => Signal::LocalFailure,
            Some(wait) => Signal::Wait(now.after(wait)),
            None => Signal::Failure,
        }
    }
}

/// The answer to a [`Finished`].
#[derive(Clone, Copy, Debug)]
pub enum Recorded {
    /// It was recorded. `health` is the new health of the hook; `None` if it did not change.
    /// `is_off`: the hook was switched off automatically.
    Stored { health: Option<Health>, is_off: bool },
    /// The fencing token is stale: another node owns the lane now, and nothing was written.
    Fenced,
}

impl Recorded {
    /// The hook was switched off automatically.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Stored { is_off: true, .. })
    }
}
