//! One hook's window on its open deliveries. Pure bookkeeping: no clock, no task, no database, so that what it does can
//! be tested by telling it what happens.
//!
//! What is in memory is a window; the database holds everything. `more_at` is the earliest time at which something that
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
    pub due: Vec<Open>,
    /// When what was not brought becomes due.
    pub more_at: Option<Timestamp>,
}

/// See the module.
#[derive(Default)]
pub struct Lane {
    target: Option<Arc<Target>>,
    /// First attempts, retries and tests wait apart, so that none waits behind another kind.
    fresh: VecDeque<Open>,
    again: VecDeque<Open>,
    tests: VecDeque<Open>,
    /// Everything queued or in flight, so that a load brings nothing twice.
    known: HashSet<DeliveryId>,
    in_flight: usize,
    /// Recorded since the running load began: its page may be older than their records and must not bring them back.
    settled: HashSet<DeliveryId>,
    more_at: Option<Timestamp>,
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
        Self { more_at: Some(now), is_stale: true, ..Self::default() }
    }

    /// Takes a delivery that was just committed; a full window leaves it in the database.
    pub fn offer(&mut self, open: Open, window: usize, now: Timestamp) {
        if self.known.len() >= window && !open.is_test {
            self.note_more(now);
        } else {
            self.push(open);
        }
    }

    /// The hook's row changed.
    pub fn changed(&mut self, now: Timestamp) {
        self.is_stale = true;
        self.changed_again = true;
        self.note_more(now);
    }

    /// Is it time to read from the database? A window that is at least half full needs nothing yet.
    pub fn wants_load(&self, window: usize, now: Timestamp) -> bool {
        let is_due = self.more_at.is_some_and(|at| at <= now) && self.queued() * 2 <= window;
        let may = !self.loading && self.not_before.is_none_or(|at| at <= now);
        may && (self.is_stale || is_due)
    }

    /// A load begins; what is noted from here on is not covered by it.
    pub fn begin_load(&mut self) {
        self.loading = true;
        self.changed_again = false;
        self.more_at = None;
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
        for open in page.due {
            if !settled.contains(&open.id) {
                self.push(open);
            }
        }
        if let Some(at) = page.more_at {
            self.note_more(at);
        }
    }

    /// A load failed; it is tried again at `at`.
    pub fn load_failed(&mut self, at: Timestamp) {
        self.loading = false;
        self.settled.clear();
        self.not_before = Some(at);
        self.note_more(at);
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
        let open = first.pop_front().or_else(|| second.pop_front());
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
            self.note_more(at);
        }
    }

    /// Could [`Lane::next`] give something now?
    pub fn is_ready(&self, limit: usize) -> bool {
        let has_work = !self.tests.is_empty() || (self.is_open() && self.queued() > 0);
        !self.is_stale && self.target.is_some() && self.in_flight < limit && has_work
    }

    /// When the next load is due; `None` while there is nothing to wait for.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let at = if self.loading { None } else { self.more_at };
        at.map(|at| self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    /// Nothing in memory, nothing in flight, nothing to come: the lane can be forgotten.
    pub fn is_idle(&self) -> bool {
        self.known.is_empty() && self.in_flight == 0 && self.more_at.is_none() && !self.loading && !self.is_stale
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

    fn queued(&self) -> usize {
        self.fresh.len() + self.again.len() + self.tests.len()
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
            (false, 0) => &mut self.fresh,
            (false, _) => &mut self.again,
        };
        queue.push_back(open);
    }

    /// The hook is off or gone: what waited in memory stays in the database, where it was held or cancelled.
    fn drop_queued(&mut self) {
        let keeps_tests = self.target.is_some();
        for open in self.fresh.drain(..).chain(self.again.drain(..)) {
            self.known.remove(&open.id);
        }
        if !keeps_tests {
            for open in self.tests.drain(..) {
                self.known.remove(&open.id);
            }
        }
    }

    fn note_more(&mut self, at: Timestamp) {
        self.more_at = Some(self.more_at.map_or(at, |known| known.min(at)));
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
            is_test: false,
        }
    }

    fn ready(enabled: bool) -> Lane {
        let mut lane = Lane::new(NOW);
        assert!(lane.wants_load(WINDOW, NOW));
        lane.begin_load();
        lane.loaded(Page { target: Some(target(enabled)), due: Vec::new(), more_at: None });
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
        lane.begin_load();
        lane.loaded(Page { target: Some(target(true)), due: vec![open(1, 0), open(2, 0)], more_at: None });
        assert_eq!(sent(&mut lane, 9), [1, 2], "what was offered and loaded is sent once");
    }

    #[test]
    fn a_full_window_leaves_the_rest_in_the_database_and_fetches_it_later() {
        let mut lane = ready(true);
        for number in 1..=6 {
            lane.offer(open(number, 0), WINDOW, NOW);
        }
        assert_eq!((lane.known(), lane.wake_at()), (4, Some(NOW)));
        assert!(!lane.wants_load(WINDOW, NOW), "the window is still full");
        assert_eq!(sent(&mut lane, 2), [1, 2]);
        assert!(lane.wants_load(WINDOW, NOW), "half empty");
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
        assert!(!lane.wants_load(WINDOW, NOW) && lane.wants_load(WINDOW, due) && !lane.is_idle());
    }

    #[test]
    fn switched_off_it_sends_tests_only_and_keeps_nothing_else() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.changed(NOW);
        assert_eq!(sent(&mut lane, 9), [], "not before the change was read");
        lane.begin_load();
        lane.loaded(Page { target: Some(target(false)), due: Vec::new(), more_at: None });
        lane.offer(open(2, 0), WINDOW, NOW);
        lane.offer(Open { is_test: true, ..open(3, 0) }, WINDOW, NOW);
        assert_eq!(sent(&mut lane, 9), [3]);
    }

    #[test]
    fn a_change_during_a_load_makes_the_load_worthless() {
        let mut lane = Lane::new(NOW);
        lane.begin_load();
        lane.changed(NOW);
        lane.loaded(Page { target: Some(target(true)), due: vec![open(1, 0)], more_at: None });
        assert_eq!(sent(&mut lane, 9), []);
        assert!(lane.wants_load(WINDOW, NOW));
    }

    #[test]
    fn a_load_that_is_older_than_a_result_does_not_bring_the_delivery_back() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        assert_eq!(sent(&mut lane, 9), [1]);
        lane.note_more(NOW);
        lane.begin_load();
        lane.finished(DeliveryId(Uuid::from_u128(1)), None);
        lane.loaded(Page { target: Some(target(true)), due: vec![open(1, 0), open(2, 0)], more_at: None });
        assert_eq!(sent(&mut lane, 9), [2]);
    }

    #[test]
    fn nothing_is_sent_with_the_old_target_while_the_new_one_is_read() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.changed(NOW);
        lane.begin_load();
        assert_eq!(sent(&mut lane, 9), [], "not while the load runs");
        assert!(!lane.is_ready(9));
        lane.load_failed(Timestamp(NOW.0 + 1000));
        assert_eq!(sent(&mut lane, 9), [], "nor after it failed");
        assert!(!lane.wants_load(WINDOW, NOW), "a failed load is not repeated at once");
        assert_eq!(lane.wake_at(), Some(Timestamp(NOW.0 + 1000)));
        assert!(lane.wants_load(WINDOW, Timestamp(NOW.0 + 1000)));
        lane.begin_load();
        lane.loaded(Page { target: Some(target(true)), due: Vec::new(), more_at: None });
        assert_eq!(sent(&mut lane, 9), [1]);
    }

    #[test]
    fn what_is_offered_while_a_hook_is_being_switched_on_is_kept() {
        let mut lane = ready(false);
        lane.changed(NOW);
        lane.begin_load();
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.loaded(Page { target: Some(target(true)), due: Vec::new(), more_at: None });
        assert_eq!(sent(&mut lane, 9), [1]);
    }

    #[test]
    fn a_deleted_hook_leaves_an_idle_lane() {
        let mut lane = ready(true);
        lane.offer(open(1, 0), WINDOW, NOW);
        lane.changed(NOW);
        lane.begin_load();
        lane.loaded(Page { target: None, due: Vec::new(), more_at: None });
        assert!(lane.is_idle());
        lane.offer(Open { is_test: true, ..open(2, 0) }, WINDOW, NOW);
        assert!(lane.is_idle(), "nothing waits for a hook that is gone");
    }
}
