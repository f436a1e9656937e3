//! One hook's window on its open deliveries. Pure bookkeeping: no clock, no task, no database, so that what it does can
//! be tested by telling it what happens.
//!
//! What is in memory is a window; the database holds everything. First attempts and retries have a [`Shelf`] each, so that
//! a backlog of one kind never fills the other's place. A shelf's `more_at` is the earliest time at which something that
//! is only in the database becomes due: a retry, the overflow of a full window, the backlog of a restart. All three are
//! brought in the same way, by a load.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use super::attempt::Target;
use crate::{
    domain::{id::DeliveryId, time::Timestamp},
    engine::store::deliveries::Open,
};

/// What a load brought.
pub struct Page {
    /// `None`: the hook was deleted.
    pub target: Option<Arc<Target>>,
    /// For each shelf that was asked for: what is due, and when what was not brought becomes due.
    pub fresh: Option<Found>,
    pub again: Option<Found>,
}

/// One shelf's part of a page.
#[derive(Default)]
pub struct Found {
    pub due: Vec<Open>,
    pub more_at: Option<Timestamp>,
}

/// Which shelves a load is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub fresh: bool,
    pub again: bool,
}

/// Deliveries of one kind that wait for their turn, and when there is more of them.
#[derive(Default)]
struct Shelf {
    queue: VecDeque<Open>,
    more_at: Option<Timestamp>,
}

impl Shelf {
    /// Something becomes due at `at` that is only in the database.
    fn note_more(&mut self, at: Timestamp) {
        self.more_at = Some(self.more_at.map_or(at, |known| known.min(at)));
    }

    /// Is it time to read? A shelf that is more than half full needs nothing yet.
    fn wants_load(&self, window: usize, now: Timestamp) -> bool {
        self.more_at.is_some_and(|at| at <= now) && self.queue.len() * 2 <= window
    }
}

/// See the module.
#[derive(Default)]
pub struct Lane {
    target: Option<Arc<Target>>,
    /// First attempts, retries and tests wait apart, so that none waits behind another kind.
    fresh: Shelf,
    again: Shelf,
    tests: VecDeque<Open>,
    /// Everything queued or in flight, so that a load brings nothing twice.
    known: HashSet<DeliveryId>,
    in_flight: usize,
    /// Recorded since the running load began: its page may be older than their records and must not bring them back.
    settled: HashSet<DeliveryId>,
    loading: bool,
    /// What is known of the hook may be wrong: nothing is sent until a load has succeeded that began after the change.
    is_stale: bool,
    /// The hook changed while a load was under way, which may have read it as it was before.
    changed_again: bool,
    /// A load failed: no other before this.
    not_before: Option<Timestamp>,
    /// A load found that the hook is gone.
    is_deleted: bool,
    again_is_next: bool,
}

impl Lane {
    /// A lane that knows nothing yet and has to load.
    pub fn new(now: Timestamp) -> Self {
        let mut lane = Self::default();
        lane.changed(now);
        lane
    }

    /// Takes a delivery that was just committed; a full shelf leaves it in the database.
    pub fn offer(&mut self, open: Open, window: usize, now: Timestamp) {
        if self.fresh.queue.len() >= window && !open.is_test {
            self.fresh.note_more(now);
        } else {
            self.push(open);
        }
    }

    /// The hook's row changed.
    pub fn changed(&mut self, now: Timestamp) {
        self.is_stale = true;
        self.changed_again = true;
        self.fresh.note_more(now);
        self.again.note_more(now);
    }

    /// Is it time to read from the database, and for which shelves?
    pub fn wants_load(&self, window: usize, now: Timestamp) -> Option<Wanted> {
        if self.loading || self.not_before.is_some_and(|at| at > now) {
            return None;
        }
        let wants = |shelf: &Shelf| self.is_stale || shelf.wants_load(window, now);
        let wanted = Wanted { fresh: wants(&self.fresh), again: wants(&self.again) };
        (wanted.fresh || wanted.again).then_some(wanted)
    }

    /// A load begins; what is noted from here on is not covered by it.
    pub fn begin_load(&mut self, wanted: Wanted) {
        self.loading = true;
        self.changed_again = false;
        if wanted.fresh {
            self.fresh.more_at = None;
        }
        if wanted.again {
            self.again.more_at = None;
        }
    }

    /// A load brought a page. If the hook changed meanwhile, the page is of no use and another load follows.
    pub fn loaded(&mut self, page: Page) {
        self.loading = false;
        self.not_before = None;
        let settled = std::mem::take(&mut self.settled);
        if self.changed_again {
            return;
        }
        self.is_stale = false;
        self.is_deleted = page.target.is_none();
        self.target = page.target;
        if !self.is_open() {
            self.drop_queued();
        }
        let (fresh, again) = (page.fresh.unwrap_or_default(), page.again.unwrap_or_default());
        for open in fresh.due.into_iter().chain(again.due) {
            if !settled.contains(&open.id) {
                self.push(open);
            }
        }
        for (shelf, more_at) in [(&mut self.fresh, fresh.more_at), (&mut self.again, again.more_at)] {
            if let Some(at) = more_at {
                shelf.note_more(at);
            }
        }
    }

    /// A load failed; it is tried again at `at`.
    pub fn load_failed(&mut self, at: Timestamp) {
        self.loading = false;
        self.settled.clear();
        self.not_before = Some(at);
        self.fresh.note_more(at);
        self.again.note_more(at);
    }

    /// The next delivery to send, if the lane may send one.
    pub fn next(&mut self, limit: usize) -> Option<(Arc<Target>, Open)> {
        if self.is_stale || self.in_flight >= limit {
            return None;
        }
        let target = self.target.clone()?;
        let open = self.tests.pop_front().or_else(|| self.next_of_two())?;
        self.in_flight += 1;
        Some((target, open))
    }

    /// First attempts and retries take turns, so that neither starves the other.
    fn next_of_two(&mut self) -> Option<Open> {
        if !self.is_open() {
            return None;
        }
        let (first, second) =
            if self.again_is_next { (&mut self.again, &mut self.fresh) } else { (&mut self.fresh, &mut self.again) };
        let open = first.queue.pop_front().or_else(|| second.queue.pop_front());
        self.again_is_next = !self.again_is_next;
        open
    }

    /// An attempt was recorded; `due_at` is its retry, which waits in the database.
    pub fn finished(&mut self, id: DeliveryId, due_at: Option<Timestamp>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.known.remove(&id);
        if self.loading {
            self.settled.insert(id);
        }
        if let Some(at) = due_at {
            self.again.note_more(at);
        }
    }

    /// Could [`Lane::next`] give something now?
    pub fn is_ready(&self, limit: usize) -> bool {
        let is_queued = !self.fresh.queue.is_empty() || !self.again.queue.is_empty();
        let has_work = !self.tests.is_empty() || (self.is_open() && is_queued);
        !self.is_stale && self.target.is_some() && self.in_flight < limit && has_work
    }

    /// When the next load is due; `None` while there is nothing to wait for.
    pub fn wake_at(&self) -> Option<Timestamp> {
        if self.loading {
            return None;
        }
        let at = [self.fresh.more_at, self.again.more_at].into_iter().flatten().min();
        at.map(|at| self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    /// Nothing in memory, nothing in flight, nothing to come: the lane can be forgotten.
    pub fn is_idle(&self) -> bool {
        let is_awaited = self.loading || self.is_stale || self.wake_at().is_some();
        self.known.is_empty() && self.in_flight == 0 && !is_awaited
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many rows a load must skip because they are here already.
    pub fn known(&self) -> usize {
        self.known.len()
    }

    fn is_open(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.hook.enabled)
    }

    fn push(&mut self, open: Open) {
        // While it is not known whether the hook is on, everything is kept until a load tells.
        let is_off = !self.is_stale && !self.is_open();
        let is_unwanted = (is_off && !open.is_test) || (self.is_deleted && !self.is_stale);
        if is_unwanted || !self.known.insert(open.id) {
            return;
        }
        let queue = match (open.is_test, open.attempts) {
            (true, _) => &mut self.tests,
            (false, 0) => &mut self.fresh.queue,
            (false, _) => &mut self.again.queue,
        };
        queue.push_back(open);
    }

    /// The hook is off or gone: what waited in memory stays in the database, where it was held or cancelled.
    fn drop_queued(&mut self) {
        let keeps_tests = self.target.is_some();
        for open in self.fresh.queue.drain(..).chain(self.again.queue.drain(..)) {
            self.known.remove(&open.id);
        }
        if !keeps_tests {
            for open in self.tests.drain(..) {
                self.known.remove(&open.id);
            }
        }
    }
}

#[cfg(test)]
mod tests;
