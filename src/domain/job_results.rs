//! What became of the deliveries that a job redelivered. A job only makes deliveries due: whether
//! they arrived is decided later, and may still change when the job is done.

use serde::{Deserialize, Serialize};

use super::{delivery::State, job::Job, words::MANY};

/// The job's deliveries by their state now. Each is counted up to [`MANY`] and one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResults {
    pub delivered: i64,
    pub failed: i64,
    /// Their next attempt is due, or will be.
    pub waiting: i64,
    /// Held until their hook is turned on.
    pub held_off: i64,
    /// Held until their hook recovers from a pause.
    pub held_paused: i64,
    pub cancelled: i64,
    /// Redelivered again by a later job, or removed after the retention period.
    pub gone: i64,
    /// A number is incomplete: counting stopped at a limit.
    pub is_more: bool,
}

impl JobResults {
    /// Counts deliveries in a state. `is_off`: the switch of the hook that holds them.
    pub fn add(&mut self, state: State, is_off: bool, count: i64) {
        let slot = match state {
            State::Delivered => &mut self.delivered,
            State::Failed => &mut self.failed,
            State::Pending | State::Waiting => &mut self.waiting,
            State::Held if is_off => &mut self.held_off,
            State::Held => &mut self.held_paused,
            State::Skipped | State::Cancelled => &mut self.cancelled,
        };
        *slot += count;
        self.is_more |= count > MANY;
    }

    /// Completes the numbers with what the job knows: how many it redelivered. If only delivered
    /// ones are too many to count, they are the rest.
    #[must_use]
    pub fn of(self, job: &Job) -> Self {
        let known = self.failed + self.waiting + self.held() + self.cancelled;
        let others = [self.failed, self.waiting, self.held_off, self.held_paused, self.cancelled];
        if self.is_more && others.iter().all(|count| *count <= MANY) {
            return Self { delivered: (job.done - known).max(0), is_more: false, ..self };
        }
        let gone = (job.done - known - self.delivered).max(0);
        Self { gone: if self.is_more { 0 } else { gone }, ..self }
    }

    pub fn held(&self) -> i64 {
        self.held_off + self.held_paused
    }

    /// Nothing changes any more, unless a user redelivers one.
    pub fn is_settled(&self) -> bool {
        self.waiting == 0 && self.held() == 0
    }
}
