//! A lane's work in the database: loads read a page of its open deliveries, steps hold, release or
//! cancel them.

use std::{sync::Arc, time::Duration};

use super::{Lane, Limits, Page, Shelf, Wanted};
use crate::{
    domain::time::Timestamp,
    engine::{
        delivery::attempt::Target,
        store::{open::Open, queue::STEP},
    },
};

/// Limit hold and cancel steps to 1,000 rows/s per hook: nobody waits for them, and they share the
/// commits of accepts.
const PUT_AWAY_PER_SECOND: u32 = 1000;

/// The wait after a failed load; it doubles up to the longest while the reason lasts.
const LOAD_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_LOAD_AGAIN: Duration = Duration::from_secs(300);
/// After so many doublings the wait exceeds the longest: bounds the shift.
const LONGEST_SHIFT: u32 = 9;

impl Lane {
    /// Is it time to read from the database, and for what?
    pub fn wants_load(&self, limits: &Limits, now: Timestamp) -> Option<Wanted> {
        if self.loading || self.not_before.is_some_and(|at| at > now) {
            return None;
        }
        let is_unread = self.is_stale && !self.is_ordered();
        // Each change has the hook read again; a shelf that is full must not grow with each.
        let wants = |shelf: &Shelf| {
            (is_unread && !shelf.is_full(limits.window)) || shelf.wants_load(limits.window, now)
        };
        let mut wanted = Wanted {
            fresh: wants(&self.fresh),
            again: wants(&self.again),
            lines: self.is_stale
                || self.is_ordered() && self.is_open() && self.lines.wants_load(limits.window, now),
            probe: self.probe_at().is_some_and(|at| at <= now),
        };
        // The lines and the shelves of a hook that keeps an order are read in turn.
        if !self.is_stale && wanted.lines && (wanted.fresh || wanted.again) {
            (wanted.fresh, wanted.again) =
                (wanted.fresh && self.last_wanted.lines, wanted.again && self.last_wanted.lines);
            wanted.lines = !self.last_wanted.lines;
        }
        (wanted != Wanted::default()).then_some(wanted)
    }

    /// A load begins; what is noted from here on is not covered by it.
    pub fn begin_load(&mut self, wanted: Wanted) {
        self.loading = true;
        self.changed_during_load = false;
        self.begin_wait_read();
        // A load of a stale lane does not count as the lines' turn.
        self.last_wanted = Wanted { lines: wanted.lines && !self.is_stale, ..wanted };
        if wanted.fresh {
            self.fresh.begin_load();
        }
        if wanted.again {
            self.again.begin_load();
        }
        if wanted.probe {
            self.may_probe = false;
        }
    }

    /// A load brought a page. If the hook changed meanwhile, the page is of no use and another load
    /// follows.
    pub fn loaded(&mut self, mut page: Page, now: Timestamp) {
        self.loading = false;
        self.not_before = None;
        self.lasting_failures = 0;
        let recorded = std::mem::take(&mut self.recorded_during_load);
        let is_news =
            |open: &Open| recorded.get(&open.id).is_none_or(|attempts| open.attempts > *attempts);
        if self.changed_during_load {
            self.ask_again(now);
            return;
        }
        let (was_ordered, version) = (self.is_ordered(), self.version());
        let was_stale = std::mem::take(&mut self.is_stale);
        self.is_deleted = page.target.is_none();
        let url = |target: &Option<Arc<Target>>| {
            target.as_ref().map(|target| target.hook.callback_url.clone())
        };
        if self.target.is_some() && url(&self.target) != url(&page.target) {
            self.forget_pace();
        }
        self.take_wait(&page.health, was_stale, now);
        self.target = page.target.take();
        self.health = page.health;
        // A hook that keeps an order from now on has its shelves read anew, and so has one that
        // does no more. Of two changes at once one was not seen: meanwhile the hook may have done
        // either, and let go what has no key.
        let missed_one = version.is_some_and(|version| self.version() > Some(version + 1));
        let is_another = was_ordered != self.is_ordered() || missed_one;
        if !self.is_open() || is_another {
            self.may_probe |= self.probe.is_some();
            self.drop_queued();
        }
        if self.is_open() && is_another {
            self.fresh.note_more(now);
            self.again.note_more(now);
        }
        self.lines_of_page(&mut page, is_news, now);
        if page.needs_step {
            self.may_probe = true;
            self.step_at.get_or_insert(now);
        }
        let (fresh, again) = (page.fresh.unwrap_or_default(), page.again.unwrap_or_default());
        for open in fresh.due.into_iter().chain(again.due).filter(is_news) {
            self.loaded_lately.note(open.id);
            self.push(open);
        }
        for (shelf, more_at) in [(&mut self.fresh, fresh.more_at), (&mut self.again, again.more_at)]
        {
            if let Some(at) = more_at {
                shelf.note_more(at);
            }
        }
        self.take_probe(page.probe.filter(is_news), now);
        self.reread_if_unsure(now);
    }

    fn take_probe(&mut self, probe: Option<Open>, now: Timestamp) {
        // The page's pause may be newer than the one for which the load was begun: then it is too
        // early for this probe.
        let is_time = self.health.paused.is_some_and(|pause| pause.probe_at <= now);
        match probe {
            Some(_) if !is_time => self.may_probe = true,
            Some(probe) if self.known.insert(&probe) => {
                self.probe = Some(probe);
                self.may_probe = true;
            }
            // What is under way already says how it went.
            Some(_) | None => {}
        }
    }

    /// When to load again after a failed load. An unreachable database may be back within a second.
    /// What a person has to repair (say, a secret that the master key does not decrypt) is tried
    /// less and less often, until the hook changes.
    pub fn load_again_at(&mut self, is_lasting: bool, now: Timestamp) -> Timestamp {
        self.lasting_failures =
            if is_lasting { self.lasting_failures.saturating_add(1) } else { 0 };
        let doubled = 1 << self.lasting_failures.saturating_sub(1).min(LONGEST_SHIFT);
        now.after(LOAD_AGAIN.saturating_mul(doubled).min(LONGEST_LOAD_AGAIN))
    }

    /// A load failed; it is tried again at `at`.
    pub fn load_failed(&mut self, at: Timestamp) {
        self.loading = false;
        self.lines.load_failed(at);
        self.recorded_during_load.clear();
        self.not_before = Some(at);
        self.may_probe = true;
        self.ask_again(at);
    }

    /// What was asked for did not come.
    fn ask_again(&mut self, at: Timestamp) {
        let is_ordered = self.is_ordered();
        if self.last_wanted.fresh || !is_ordered {
            self.fresh.note_more(at);
        }
        if self.last_wanted.again || !is_ordered {
            self.again.note_more(at);
        }
    }

    /// Should rows be moved to where they belong now?
    pub fn wants_step(&self, now: Timestamp) -> bool {
        !self.stepping && !self.is_stale && self.step_at.is_some_and(|at| at <= now)
    }

    pub fn begin_step(&mut self) {
        self.stepping = true;
        self.step_at = None;
    }

    /// A step was made; `is_more`: it was not enough.
    pub fn stepped(&mut self, is_more: bool, limits: &Limits, now: Timestamp) {
        self.stepping = false;
        if self.is_open() {
            self.note_more(now);
        }
        if is_more {
            // Released deliveries reach the receiver, so they follow its drain rate; holding and
            // cancelling does not.
            let pace =
                if self.is_open() { limits.drain_per_second.max(1) } else { PUT_AWAY_PER_SECOND };
            self.step_at = Some(now.after(Duration::from_secs_f64(STEP as f64 / f64::from(pace))));
        }
        self.may_probe = true;
    }

    pub(super) fn note_more(&mut self, now: Timestamp) {
        self.lines.note_more(now);
        self.note_more_in_shelves(now);
    }

    /// Notes that the shelves' kinds may have more in the database. For an open hook that keeps an
    /// order this leaves out what has nothing to find: there every delivery has a key and belongs
    /// to a line, except those that were accepted before the hook kept an order. [`Lane::loaded`]
    /// noted these when the order began, and a query for more of them would read past every row
    /// that has a key.
    pub(super) fn note_more_in_shelves(&mut self, now: Timestamp) {
        let has_lines = self.is_ordered() && self.is_open();
        if !has_lines {
            self.fresh.note_more(now);
        }
        if !has_lines || self.again.more_at.is_some() {
            self.again.note_more(now);
        }
    }

    pub fn step_failed(&mut self, at: Timestamp) {
        self.stepping = false;
        self.step_at = Some(at);
    }
}
