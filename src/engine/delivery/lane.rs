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
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{
            event::EventType,
            hook::Hook,
            id::{EventId, HookId},
        },
        engine::store::hooks::Secrets,
    };

    const NOW: Timestamp = Timestamp(1_000_000);
    const WINDOW: usize = 4;
    const BOTH: Wanted = Wanted { fresh: true, again: true };

    fn page(target: Option<Arc<Target>>, due: Vec<Open>) -> Page {
        Page { target, fresh: Some(Found { due, more_at: None }), again: Some(Found::default()) }
    }

    fn target(enabled: bool) -> Arc<Target> {
        let hook = Hook {
            id: HookId(Uuid::nil()),
            name: "a".into(),
            event_type: EventType::WorkItemClosed,
            callback_url: "https://example.com/".into(),
            enabled,
            off_reason: None,
            api_key_hint: String::new(),
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        };
        let secrets = Secrets { api_key: "k".into(), signing_secret: super::super::signing::new_secret() };
        Arc::new(Target::new(hook, &secrets).unwrap())
    }

    fn open(number: u128, attempts: u32) -> Open {
        Open {
            id: DeliveryId(Uuid::from_u128(number)),
            event: EventId(Uuid::from_u128(number)),
            hook: HookId(Uuid::nil()),
            event_type: EventType::WorkItemClosed,
            body: bytes::Bytes::from_static(b"{}"),
            attempts,
            tries_before: 0,
            is_test: false,
        }
    }

    fn ready(enabled: bool) -> Lane {
        let mut lane = Lane::new(NOW);
        assert_eq!(lane.wants_load(WINDOW, NOW), Some(BOTH));
        lane.begin_load(BOTH);
        lane.loaded(page(Some(target(enabled)), Vec::new()));
        lane
    }

    fn sent(lane: &mut Lane, limit: usize) -> Vec<u128> {
        std::iter::from_fn(|| lane.next(limit)).map(|(_, open)| open.id.0.as_u128()).collect()
    }

    #[test]
    fn nothing_is_sent_before_the_hook_is_known_and_nothing_offered_is_lost() {
        let mut lane = Lane::new(NOW);
        lane.offer(open(1, 0), WINDOW, NOW);
        assert_eq!(sent(&mut lane, 9), []);
        lane.begin_load(BOTH);
        lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]));
        assert_eq!(sent(&mut lane, 9), [1, 2], "what was offered and loaded is sent once");
    }

    #[test]
    fn a_full_window_leaves_the_rest_in_the_database_and_fetches_it_later() {
        let mut lane = ready(true);
        for number in 1..=6 {
            lane.offer(open(number, 0), WINDOW, NOW);
        }
        assert_eq!((lane.known(), lane.wake_at()), (4, Some(NOW)));
        assert_eq!(lane.wants_load(WINDOW, NOW), None, "the window is still full");
        assert_eq!(sent(&mut lane, 2), [1, 2]);
        assert_eq!(lane.wants_load(WINDOW, NOW), Some(Wanted { fresh: true, again: false }), "half empty");
    }

    #[test]
    fn a_backlog_of_retries_leaves_first_attempts_their_place() {
        let mut lane = ready(true);
        for number in 1..=4 {
            lane.push(open(number, 3));
        }
        for number in 11..=14 {
            lane.offer(open(number, 0), WINDOW, NOW);
        }
        assert_eq!(lane.wake_at(), None, "nothing was left in the database");
        assert_eq!(sent(&mut lane, 4), [11, 1, 12, 2]);
    }

    #[test]
    fn the_in_flight_limit_holds_and_a_finish_frees_a_place() {
        let mut lane = ready(true);
        for number in 1..=3 {
            lane.offer(open(number, 0), WINDOW, NOW);
        }
        assert_eq!(sent(&mut lane, 2), [1, 2]);
        lane.finished(DeliveryId(Uuid::from_u128(1)), None);
        assert_eq!(sent(&mut lane, 2), [3]);
    }

    #[test]
    fn first_attempts_and_retries_take_turns() {
        let mut lane = ready(true);
        for (number, attempts) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
            lane.offer(open(number, attempts), WINDOW, NOW);
        }
        assert_eq!(sent(&mut lane, 9), [3, 1, 4, 2]);
    }

    #[test]
    fn a_retry_waits_in_the_database_until_it_is_due() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        assert_eq!(sent(&mut lane, 9), [1]);
        let due = Timestamp(NOW.0 + 5000);
        lane.finished(DeliveryId(Uuid::from_u128(1)), Some(due));
        assert_eq!(lane.wake_at(), Some(due));
        assert_eq!(lane.wants_load(WINDOW, NOW), None);
        assert_eq!(lane.wants_load(WINDOW, due), Some(Wanted { fresh: false, again: true }));
        assert!(!lane.is_idle());
    }

    #[test]
    fn switched_off_it_sends_tests_only_and_keeps_nothing_else() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.changed(NOW);
        assert_eq!(sent(&mut lane, 9), [], "not before the change was read");
        lane.begin_load(BOTH);
        lane.loaded(page(Some(target(false)), Vec::new()));
        lane.offer(open(2, 0), WINDOW, NOW);
        lane.offer(Open { is_test: true, ..open(3, 0) }, WINDOW, NOW);
        assert_eq!(sent(&mut lane, 9), [3]);
    }

    #[test]
    fn a_change_during_a_load_makes_the_load_worthless() {
        let mut lane = Lane::new(NOW);
        lane.begin_load(BOTH);
        lane.changed(NOW);
        lane.loaded(page(Some(target(true)), vec![open(1, 0)]));
        assert_eq!(sent(&mut lane, 9), []);
        assert_eq!(lane.wants_load(WINDOW, NOW), Some(BOTH));
    }

    #[test]
    fn a_load_that_is_older_than_a_result_does_not_bring_the_delivery_back() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        assert_eq!(sent(&mut lane, 9), [1]);
        lane.fresh.note_more(NOW);
        lane.begin_load(BOTH);
        lane.finished(DeliveryId(Uuid::from_u128(1)), None);
        lane.loaded(page(Some(target(true)), vec![open(1, 0), open(2, 0)]));
        assert_eq!(sent(&mut lane, 9), [2]);
    }

    #[test]
    fn nothing_is_sent_with_the_old_target_while_the_new_one_is_read() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.changed(NOW);
        lane.begin_load(BOTH);
        assert_eq!(sent(&mut lane, 9), [], "not while the load runs");
        assert!(!lane.is_ready(9));
        lane.load_failed(Timestamp(NOW.0 + 1000));
        assert_eq!(sent(&mut lane, 9), [], "nor after it failed");
        assert_eq!(lane.wants_load(WINDOW, NOW), None, "a failed load is not repeated at once");
        assert_eq!(lane.wake_at(), Some(Timestamp(NOW.0 + 1000)));
        assert_eq!(lane.wants_load(WINDOW, Timestamp(NOW.0 + 1000)), Some(BOTH));
        lane.begin_load(BOTH);
        lane.loaded(page(Some(target(true)), Vec::new()));
        assert_eq!(sent(&mut lane, 9), [1]);
    }

    #[test]
    fn what_is_offered_while_a_hook_is_being_switched_on_is_kept() {
        let mut lane = ready(false);
        lane.changed(NOW);
        lane.begin_load(BOTH);
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.loaded(page(Some(target(true)), Vec::new()));
        assert_eq!(sent(&mut lane, 9), [1]);
    }

    #[test]
    fn a_deleted_hook_leaves_an_idle_lane() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.changed(NOW);
        lane.begin_load(BOTH);
        lane.loaded(page(None, Vec::new()));
        assert!(lane.is_idle());
        lane.offer(Open { is_test: true, ..open(2, 0) }, WINDOW, NOW);
        assert!(lane.is_idle(), "nothing waits for a hook that is gone");
    }
}
