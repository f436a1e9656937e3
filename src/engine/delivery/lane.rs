//! A lane: one hook's bounded in-memory window on its open deliveries. A pure state machine without
//! clock, task or database, so tests drive it with plain calls.
//!
//! The database holds all open deliveries, the window only some. First attempts and retries have a
//! [`Buffer`] each, so that a backlog of one kind cannot take the other's room. A buffer's
//! `more_at` is the earliest time at which a delivery that is only in the database becomes due: a
//! retry, the overflow of a full window, or the backlog after a restart. Loads read all three in
//! the same way. Ordered deliveries are in [`Lines`] instead, one FIFO queue per ordering key.
//!
//! When the hook is switched off, paused or deleted, steps of bounded size hold or cancel its open
//! deliveries in the database. When it is open again, steps release them. A paused hook (open
//! circuit breaker) is probed with one held delivery at a time.
//!
//! The parts: `loads` (loads and steps), `sending` (what is sent next), `outcomes` (ended
//! attempts), `pacing` and `bucket` (rate limits), `ordered` and `lines` (ordered deliveries).

mod bucket;
mod buffer;
mod known;
mod lines;
mod loads;
mod ordered;
mod outcomes;
mod pacing;
mod page;
mod recently_loaded;
mod sending;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bucket::Bucket;
use buffer::Buffer;
pub use buffer::PagePart;
use known::Known;
use lines::Lines;
pub use outcomes::Speed;
use pacing::Pacing;
pub use page::{Change, Limits, Outgoing, Page, Wanted};
use recently_loaded::RecentlyLoaded;

use super::attempt::Target;
use crate::{
    domain::{health::Health, id::DeliveryId, time::Timestamp},
    engine::store::{open::Open, queue::PageLimit},
};

/// The deliveries of one hook in memory, and the state that decides what to load and to send.
#[derive(Default)]
pub struct Lane {
    target: Option<Arc<Target>>,
    health: Health,
    /// First attempts, retries and tests are queued separately, so that no kind blocks another.
    first_attempts: Buffer,
    retries: Buffer,
    tests: VecDeque<Open>,
    probe: Option<Open>,
    /// Deliveries with an ordering key, of a hook with ordered deliveries.
    lines: Lines,
    lines_had_turn: bool,
    /// What the load under way, or else the last one, was started for.
    last_wanted: Wanted,
    /// All deliveries queued or in flight, so that a load does not queue one twice.
    known: Known,
    recently_loaded: RecentlyLoaded,
    /// Attempts whose request has not ended.
    sending: usize,
    /// `sending` plus the ended attempts that are not recorded yet. Each has a permit.
    in_flight: usize,
    /// Attempts that have ended, with any outcome, since the lane was created.
    /// [`Board`](super::board::Board) gives lanes whose attempts end more permits.
    pub(super) attempts_ended: usize,
    /// Gained by quick attempts, lost by slow ones: see [`Lane::speed`]. `None` before the first
    /// attempt has ended.
    credit: Option<usize>,
    /// Deliveries whose attempt was recorded while a load was under way, with the number of
    /// attempts before it. The load may have read them before that, and must not queue them again.
    recorded_during_load: HashMap<DeliveryId, u32>,
    loading: bool,
    /// The hook may have changed since it was read. The lane sends nothing until a load that began
    /// after the change has succeeded.
    is_stale: bool,
    /// The hook changed while a load was under way: the load may have read the old row, so its page
    /// is discarded.
    changed_during_load: bool,
    /// Backoff after a failed load: no load before this time.
    retry_load_at: Option<Timestamp>,
    /// Consecutive failed loads whose cause only a person can remove.
    lasting_failures: u32,
    /// A load found the hook deleted.
    is_deleted: bool,
    /// First attempts and retries take turns: the next one is a retry.
    retry_is_next: bool,
    /// A step is under way.
    stepping: bool,
    /// When the next step is due; `None`: there may be nothing to hold, release or cancel.
    step_at: Option<Timestamp>,
    /// A paused hook may have a held delivery that can serve as the next probe.
    may_probe: bool,
    /// A probe is in flight.
    is_probing: bool,
    bucket: Bucket,
    /// Learns from responses how fast the receiver may be called.
    pacing: Pacing,
    /// Slow start after a pause: a limit of concurrent attempts that grows by one with each success
    /// up to the normal limit. `None`: no slow start.
    ramp: Option<usize>,
}

impl Lane {
    /// A lane that is empty and stale: it sends nothing before its first load.
    pub fn new(now: Timestamp) -> Self {
        let mut lane = Self::default();
        lane.hook_changed(now);
        lane
    }

    /// Queues a delivery that was just committed, or leaves it in the database if the window is
    /// full.
    pub fn offer(&mut self, open: Open, limits: &Limits, now: Timestamp) {
        if self.recently_loaded.contains(open.id) {
            return;
        }
        if !open.is_test && !self.is_stale && self.keeps_order(&open) {
            self.offer_in_order(open, limits, now);
        } else if !open.is_test
            && (self.is_stale || !limits.has_memory || self.first_attempts.is_full(limits.window))
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

    /// The database may have open deliveries that were not offered: load and step.
    pub fn recheck_database(&mut self, now: Timestamp) {
        self.note_more(now);
        self.note_held(now);
    }

    /// The database may have a new held delivery.
    pub fn note_held(&mut self, now: Timestamp) {
        self.may_probe = true;
        if self.is_open() {
            self.step_at.get_or_insert(now);
        }
    }

    /// The hook's row changed: reload it.
    pub fn hook_changed(&mut self, now: Timestamp) {
        self.known.hook_changed();
        self.mark_stale(now);
    }

    /// A delivery is overdue, so the lane's state may be wrong: reload the hook and all kinds of
    /// deliveries without backoff.
    pub fn start_over(&mut self, now: Timestamp) {
        self.hook_changed(now);
        self.retry_load_at = None;
        self.first_attempts.note_more(now);
        self.retries.note_more(now);
    }

    /// Stops sending until a load has read the hook and its health again.
    fn mark_stale(&mut self, now: Timestamp) {
        self.is_stale = true;
        self.changed_during_load = true;
        // The change may have removed the cause of the failed loads: end their backoff.
        if std::mem::take(&mut self.lasting_failures) > 0 {
            self.retry_load_at = None;
        }
        // A delivery that a person redelivered while the hook is paused becomes the next probe.
        self.may_probe = true;
        self.note_more_in_buffers(now);
        self.forget_lines(now);
    }

    /// Ends waits that exist only in memory: they would be prolonged by as much as the clock was
    /// set back. `rewind` corrects due times in the database.
    pub fn clock_set_back(&mut self, now: Timestamp) {
        self.retry_load_at = None;
        self.bucket.free_at = None;
        self.pacing_clock_set_back(now);
        self.step_at = self.step_at.map(|at| at.min(now));
        for buffer in [&mut self.first_attempts, &mut self.retries] {
            buffer.more_at = buffer.more_at.map(|at| at.min(now));
        }
        self.recheck_database(now);
    }

    /// The lane's next timer. Times in the past do not count: work that was due then waits for
    /// another event (room in the window, a load, a permit) and must not hide a later timer.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let lines = self.lines.wake_at().filter(|_| self.is_ordered() && self.is_open());
        let loads = [self.first_attempts.more_at, self.retries.more_at, self.probe_at(), lines]
            .into_iter()
            .flatten();
        let loads =
            loads.map(|at| self.retry_load_at.map_or(at, |retry_load_at| at.max(retry_load_at)));
        // The lines of a failed load have no timer of their own.
        let loads = loads.chain(self.retry_load_at);
        let loads = loads.filter(|_| !self.loading);
        let step = self.step_at.filter(|_| !self.stepping);
        let pace = if self.has_queued() { self.pacing.wake_at(self.sending, now) } else { None };
        loads.chain(step).chain(self.bucket.free_at).chain(pace).filter(|at| *at > now).min()
    }

    /// When the next probe may be loaded.
    fn probe_at(&self) -> Option<Timestamp> {
        // The probe is the oldest held delivery, which is known only after the steps have held all
        // open deliveries.
        let is_stepping = self.stepping || self.step_at.is_some();
        let is_wanted = self.may_probe && self.probe.is_none() && !self.is_probing && !is_stepping;
        let is_on = self.target.as_ref().is_some_and(|target| target.hook.enabled);
        self.health.paused.filter(|_| is_wanted && is_on).map(|pause| pause.probe_at)
    }

    /// The hook is deleted and the lane has no work left.
    pub fn can_be_removed(&self) -> bool {
        let is_busy = self.loading || self.is_stale || self.stepping || self.in_flight > 0;
        let is_awaited =
            self.step_at.or(self.first_attempts.more_at).or(self.retries.more_at).is_some();
        self.is_deleted && self.known.is_empty() && !is_busy && !is_awaited
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// What is in memory already: a load meets it again and must skip it.
    pub fn known(&self) -> PageLimit {
        self.known.room()
    }

    /// Is a test queued?
    pub fn has_test(&self) -> bool {
        !self.tests.is_empty()
    }

    /// Deliveries in memory that wait for their attempts.
    pub fn queued(&self) -> usize {
        self.known.room().rows.saturating_sub(self.in_flight)
    }

    /// What came into memory or left it since the last call.
    pub fn changes(&mut self) -> impl Iterator<Item = Change> + '_ {
        self.known.changes()
    }

    /// Releases all memory, before the lane is dropped.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// The lane sends nothing before its hook is reloaded.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    fn is_paused(&self) -> bool {
        self.health.paused.is_some()
    }

    fn is_open(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.hook.enabled) && !self.is_paused()
    }

    /// The version of the hook's row at the last load.
    fn version(&self) -> Option<i64> {
        self.target.as_ref().map(|target| target.hook.version)
    }

    fn is_ordered(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.hook.tuning.order_by.is_some())
    }

    /// Queues a delivery, unless it is in memory already or the hook may not send it.
    fn push(&mut self, open: Open) {
        let is_unwanted = (!self.is_open() && !open.is_test) || self.is_deleted;
        if is_unwanted || !self.known.insert(&open) {
            return;
        }
        match (open.is_test, open.attempts) {
            (true, _) => self.tests.push_back(open),
            (false, 0) => self.first_attempts.push(open),
            (false, _) => self.retries.push(open),
        }
    }

    /// Drops queued deliveries from memory. They stay open in the database, where a step holds or
    /// cancels them or the next load finds them. Tests stay queued unless the hook is deleted.
    fn drop_queued(&mut self) {
        let (first_attempts, retries) = (&mut self.first_attempts, &mut self.retries);
        for open in std::iter::from_fn(|| first_attempts.pop().or_else(|| retries.pop())) {
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
