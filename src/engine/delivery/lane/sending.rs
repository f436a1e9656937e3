//! Which delivery a lane sends next, and whether it may send one now.

use super::{Lane, Limits, Outgoing};
use crate::{
    domain::{health::Purpose, time::Timestamp},
    engine::store::open::Open,
};

impl Lane {
    /// Takes the next delivery to send, if the lane may send one now. Tests go first, then the
    /// probe.
    pub fn next(&mut self, limits: &Limits, now: Timestamp) -> Option<Outgoing> {
        if !self.is_ready(limits, now) {
            return None;
        }
        let target = self.target.clone()?;
        if let Some(rate) = self.rate(!self.tests.is_empty())
            && !self.bucket.take(rate, now)
        {
            return None;
        }
        let (open, purpose) = if let Some(test) = self.tests.pop_front() {
            (test, Purpose::Test)
        } else if let Some(probe) = self.probe.take() {
            self.is_probing = true;
            (probe, Purpose::Probe)
        } else {
            (self.next_in_turn()?, Purpose::Delivery)
        };
        self.pacing.note_sent(self.sending, now);
        self.known.note_sent(open.id);
        self.sending += 1;
        self.in_flight += 1;
        Some(Outgoing {
            target,
            open,
            purpose,
            was_healthy: self.health.is_healthy() && self.ramp.is_none(),
        })
    }

    /// Ordered and unordered deliveries take turns.
    fn next_in_turn(&mut self) -> Option<Open> {
        self.lines_had_turn = !self.lines_had_turn;
        if self.lines_had_turn {
            return self.lines.pop().or_else(|| self.next_from_buffers());
        }
        self.next_from_buffers().or_else(|| self.lines.pop())
    }

    /// First attempts and retries take turns, so that neither starves the other.
    fn next_from_buffers(&mut self) -> Option<Open> {
        let (first, second) = if self.retry_is_next {
            (&mut self.retries, &mut self.first_attempts)
        } else {
            (&mut self.first_attempts, &mut self.retries)
        };
        let open = first.pop().or_else(|| second.pop());
        self.retry_is_next = !self.retry_is_next;
        open
    }

    /// Can [`Lane::next`] return a delivery? It may still return `None`, because only `next` takes
    /// a token from the rate limit.
    pub fn is_ready(&self, limits: &Limits, now: Timestamp) -> bool {
        let may_send = self.target.is_some() && !self.is_stale && self.sending < self.limit(limits);
        let is_free = self.bucket.free_at.is_none_or(|at| at <= now);
        // A person waits for the result of a test, so only the hook's own rate limit delays it, not
        // the learned pacing.
        let has_test = !self.tests.is_empty() && (is_free || self.own_rate().is_none());
        may_send
            && (has_test
                || (self.has_queued() && is_free && self.pacing.may_send(self.sending, now)))
    }

    pub(super) fn has_queued(&self) -> bool {
        self.probe.is_some()
            || (self.is_open()
                && (!self.first_attempts.is_empty()
                    || !self.retries.is_empty()
                    || self.lines.is_ready()))
    }

    /// The limit of concurrent attempts: the hook's own or the server's, and less in slow start.
    fn limit(&self, limits: &Limits) -> usize {
        let own = self.target.as_ref().and_then(|target| target.hook.tuning.in_flight);
        let limit = own.map_or(limits.in_flight, |own| own as usize);
        self.ramp.map_or(limit, |ramp| ramp.min(limit))
    }
}
