//! One hook's in-memory window on its open deliveries. A pure state machine: no clock, no task, no
//! database, so a test drives it with calls alone.
//!
//! The database holds every delivery, the window only some. First attempts and retries have a
//! [`Shelf`] each, so that a backlog of one kind never takes the other's room. A shelf's `more_at`
//! is the earliest time at which a delivery that is only in the database becomes due: a retry, the
//! overflow of a full window, the backlog after a restart. A load reads all three in the same way.
//!
//! When the hook is switched off, paused or deleted, steps of bounded size hold or cancel its open
//! deliveries in the database; when it is open again, steps release what they held. A paused hook
//! is probed with one delivery at a time.

mod bucket;
mod known;
mod lately;
mod lines;
mod loads;
mod ordered;
mod outcomes;
mod pacing;
mod page;
mod shelf;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bucket::Bucket;
use known::Known;
use lately::Lately;
use lines::Lines;
pub use outcomes::Speed;
use pacing::Pacing;
pub use page::{Change, Given, Limits, Page, Wanted};
pub use shelf::Found;
use shelf::Shelf;

use super::attempt::Target;
use crate::{
    domain::{
        health::{Health, Purpose},
        id::DeliveryId,
        time::Timestamp,
    },
    engine::store::{open::Open, queue::Room},
};

/// See the module.
#[derive(Default)]
pub struct Lane {
    target: Option<Arc<Target>>,
    health: Health,
    /// First attempts, retries and tests wait apart, so that none waits behind another kind.
    fresh: Shelf,
    again: Shelf,
    tests: VecDeque<Open>,
    probe: Option<Open>,
    /// Of a hook that keeps an order: all that has a key.
    lines: Lines,
    lines_had_turn: bool,
    /// What the load under way was begun for; between loads, the last one.
    last_wanted: Wanted,
    /// Everything queued or in flight, so that a load brings nothing twice.
    known: Known,
    loaded_lately: Lately,
    /// Attempts whose request is not answered yet.
    sending: usize,
    /// Those, and the answered ones that are not recorded yet: each keeps its permit until then.
    in_flight: usize,
    /// Attempts that ended, with any outcome. [`Board`](super::board::Board) gives a receiver that
    /// answers more permits.
    pub(super) attempts_ended: usize,
    /// Gained by quick attempts, lost by slow ones; `None` before the first has ended.
    credit: Option<usize>,
    /// Deliveries whose attempt was recorded while a load was under way, with their attempts before
    /// it: the load may have read them earlier and must not bring them back.
    recorded_during_load: HashMap<DeliveryId, u32>,
    loading: bool,
    /// The hook may have changed since it was read: the lane sends nothing until a load that began
    /// after the change has succeeded.
    is_stale: bool,
    /// The hook changed while a load was under way: the load may have read the old row, so its page
    /// is discarded.
    changed_during_load: bool,
    /// After a failed load: no other load before this.
    not_before: Option<Timestamp>,
    /// Consecutive loads that failed for a reason that only a person can remove.
    lasting_failures: u32,
    /// A load found the hook deleted.
    is_deleted: bool,
    retry_is_next: bool,
    stepping: bool,
    step_at: Option<Timestamp>,
    /// A paused hook may have a held delivery that can serve as the next probe.
    may_probe: bool,
    is_probing: bool,
    bucket: Bucket,
    /// Learns from the answers how fast the receiver may be called.
    pacing: Pacing,
    /// Slow start after a pause: the limit of concurrent attempts, one more with every success
    /// until the usual limit.
    ramp: Option<usize>,
}

impl Lane {
    /// A lane that knows nothing yet and has to load.
    pub fn new(now: Timestamp) -> Self {
        let mut lane = Self::default();
        lane.changed(now);
        lane
    }

    /// Takes a delivery that was just committed; a full shelf leaves it in the database.
    pub fn offer(&mut self, open: Open, limits: &Limits, now: Timestamp) {
        if self.loaded_lately.contains(open.id) {
            return;
        }
        if !open.is_test && !self.is_stale && self.keeps_order(&open) {
            self.offer_in_order(open, limits, now);
        } else if !open.is_test
            && (self.is_stale || !limits.has_memory || self.fresh.is_full(limits.window))
        {
            self.leave_in_database(now);
        } else if !open.is_test && !self.is_open() {
            // The event was accepted while the hook was open, and the offer arrived after the
            // pause: a step holds it.
            self.step_at.get_or_insert(now);
        } else {
            self.push(open);
        }
    }

    /// Something is in the database that was not offered.
    pub fn more(&mut self, now: Timestamp) {
        self.note_more(now);
        self.held(now);
    }

    /// A delivery was committed as held, or may have been.
    pub fn held(&mut self, now: Timestamp) {
        self.may_probe = true;
        if self.is_open() {
            self.step_at.get_or_insert(now);
        }
    }

    /// The hook's row changed.
    pub fn changed(&mut self, now: Timestamp) {
        self.known.hook_changed();
        self.mark_stale(now);
    }

    /// A delivery is overdue, which must never happen: the lane reads everything anew.
    pub fn start_over(&mut self, now: Timestamp) {
        self.changed(now);
        self.not_before = None;
        self.fresh.note_more(now);
        self.again.note_more(now);
    }

    /// The lane sends nothing more until a load has read the hook and its health again.
    fn mark_stale(&mut self, now: Timestamp) {
        self.is_stale = true;
        self.changed_during_load = true;
        // The change may have removed the reason: the next load need not wait.
        if std::mem::take(&mut self.lasting_failures) > 0 {
            self.not_before = None;
        }
        // What was sent again by hand while the hook is paused is the next probe.
        self.may_probe = true;
        self.note_more_in_shelves(now);
        self.forget_lines(now);
    }

    /// Ends the waits that exist only in memory: set in the old time, they would last as long as
    /// the clock was set back. Waits in the database are the task of `rewind`.
    pub fn clock_set_back(&mut self, now: Timestamp) {
        self.not_before = None;
        self.bucket.free_at = None;
        self.forget_waits(now);
        self.step_at = self.step_at.map(|at| at.min(now));
        for shelf in [&mut self.fresh, &mut self.again] {
            shelf.more_at = shelf.more_at.map(|at| at.min(now));
        }
        self.more(now);
    }

    /// The next delivery to send, if the lane may send one.
    pub fn next(&mut self, limits: &Limits, now: Timestamp) -> Option<Given> {
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
        self.pacing.sends(self.sending, now);
        self.known.note_sent(open.id);
        self.sending += 1;
        self.in_flight += 1;
        Some(Given {
            target,
            open,
            purpose,
            was_well: self.health.is_well() && self.ramp.is_none(),
        })
    }

    /// What keeps an order and what does not take turns.
    fn next_in_turn(&mut self) -> Option<Open> {
        self.lines_had_turn = !self.lines_had_turn;
        if self.lines_had_turn {
            return self.lines.pop().or_else(|| self.next_from_shelves());
        }
        self.next_from_shelves().or_else(|| self.lines.pop())
    }

    /// First attempts and retries take turns, so that neither starves the other.
    fn next_from_shelves(&mut self) -> Option<Open> {
        let (first, second) = if self.retry_is_next {
            (&mut self.again, &mut self.fresh)
        } else {
            (&mut self.fresh, &mut self.again)
        };
        let open = first.pop().or_else(|| second.pop());
        self.retry_is_next = !self.retry_is_next;
        open
    }

    /// Whether [`Lane::next`] may have a delivery. It may still return none: only it can take from
    /// the rate limit.
    pub fn is_ready(&self, limits: &Limits, now: Timestamp) -> bool {
        let may_send = self.target.is_some() && !self.is_stale && self.sending < self.limit(limits);
        let is_free = self.bucket.free_at.is_none_or(|at| at <= now);
        // A person waits for a test: what was learned of the receiver does not hold it back.
        let has_test = !self.tests.is_empty() && (is_free || self.own_rate().is_none());
        may_send
            && (has_test
                || (self.has_queued() && is_free && self.pacing.lets_go(self.sending, now)))
    }

    fn has_queued(&self) -> bool {
        self.probe.is_some()
            || (self.is_open()
                && (!self.fresh.is_empty() || !self.again.is_empty() || self.lines.is_ready()))
    }

    fn limit(&self, limits: &Limits) -> usize {
        let own = self.target.as_ref().and_then(|target| target.hook.tuning.in_flight);
        let limit = own.map_or(limits.in_flight, |own| own as usize);
        self.ramp.map_or(limit, |ramp| ramp.min(limit))
    }

    /// When to look at this lane again although nothing happens to it. Times that have passed do
    /// not count: what was due then waits for something else (room in the window, a load, a permit)
    /// and must not hide what comes later.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let lines = self.lines.wake_at().filter(|_| self.is_ordered() && self.is_open());
        let loads =
            [self.fresh.more_at, self.again.more_at, self.probe_at(), lines].into_iter().flatten();
        let loads = loads.map(|at| self.not_before.map_or(at, |not_before| at.max(not_before)));
        // Lines that the failed load was for wait for nothing else.
        let loads = loads.chain(self.not_before);
        let loads = loads.filter(|_| !self.loading);
        let step = self.step_at.filter(|_| !self.stepping);
        let pace = if self.has_queued() { self.pacing.wake_at(self.sending, now) } else { None };
        loads.chain(step).chain(self.bucket.free_at).chain(pace).filter(|at| *at > now).min()
    }

    /// When the next probe may be looked for.
    fn probe_at(&self) -> Option<Timestamp> {
        // The probe is the oldest held delivery: that is known only once the steps have held all of
        // them.
        let is_stepping = self.stepping || self.step_at.is_some();
        let is_wanted = self.may_probe && self.probe.is_none() && !self.is_probing && !is_stepping;
        let is_on = self.target.as_ref().is_some_and(|target| target.hook.enabled);
        self.health.paused.filter(|_| is_wanted && is_on).map(|pause| pause.probe_at)
    }

    /// The hook is gone and so is everything of it: the lane can be forgotten.
    pub fn is_over(&self) -> bool {
        let is_busy = self.loading || self.is_stale || self.stepping || self.in_flight > 0;
        let is_awaited = self.step_at.or(self.fresh.more_at).or(self.again.more_at).is_some();
        self.is_deleted && self.known.is_empty() && !is_busy && !is_awaited
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How much a load must skip because it is here already.
    pub fn known(&self) -> Room {
        self.known.room()
    }

    /// Does a person wait for a test of it?
    pub fn has_test(&self) -> bool {
        !self.tests.is_empty()
    }

    /// Deliveries in memory that wait for their attempts.
    pub fn queued(&self) -> usize {
        self.known.room().rows.saturating_sub(self.in_flight)
    }

    /// What came into memory and left it since this was asked last.
    pub fn changes(&mut self) -> impl Iterator<Item = Change> + '_ {
        self.known.changes()
    }

    /// Nothing of it is in memory any more: it is another node's, or its hook is gone.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// Before it is read again nothing is sent.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    fn is_paused(&self) -> bool {
        self.health.paused.is_some()
    }

    fn is_open(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.hook.enabled) && !self.is_paused()
    }

    /// Of the hook's row, when it was read last.
    fn version(&self) -> Option<i64> {
        self.target.as_ref().map(|target| target.hook.version)
    }

    fn is_ordered(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.hook.tuning.order_by.is_some())
    }

    fn push(&mut self, open: Open) {
        let is_unwanted = (!self.is_open() && !open.is_test) || self.is_deleted;
        if is_unwanted || !self.known.insert(&open) {
            return;
        }
        match (open.is_test, open.attempts) {
            (true, _) => self.tests.push_back(open),
            (false, 0) => self.fresh.push(open),
            (false, _) => self.again.push(open),
        }
    }

    /// Forgets what is queued but not sent. The deliveries stay open in the database, where a step
    /// holds or cancels them or the next load finds them. Tests stay queued unless the hook is
    /// deleted.
    fn drop_queued(&mut self) {
        let (fresh, again) = (&mut self.fresh, &mut self.again);
        for open in std::iter::from_fn(|| fresh.pop().or_else(|| again.pop())) {
            self.known.remove(open.id);
        }
        let keeps_tests = self.target.is_some();
        let dropped = if keeps_tests { VecDeque::new() } else { std::mem::take(&mut self.tests) };
        for open in dropped.into_iter().chain(self.probe.take()) {
            self.known.remove(open.id);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
