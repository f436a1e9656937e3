//! When a lane loads and steps, and what it does with the results. A load reads a page of open
//! deliveries from the database; a step holds, releases or cancels a bounded number of them.

use std::{sync::Arc, time::Duration};

use super::{Buffer, Lane, Limits, Page, Wanted};
use crate::{
    domain::time::Timestamp,
    engine::{
        delivery::attempt::Target,
        store::{open::Open, queue::STEP},
    },
};

/// Limits hold and cancel steps to 1,000 rows/s per hook. They are not urgent, and they share
/// commits with accepts.
const HOLD_PER_SECOND: u32 = 1000;

/// The backoff after a failed load. It doubles, up to the maximum, only for failures that a person
/// must fix.
const LOAD_BACKOFF: Duration = Duration::from_secs(1);
const MAX_LOAD_BACKOFF: Duration = Duration::from_secs(300);
/// Bounds the shift: after this many doublings the backoff exceeds the maximum.
const MAX_DOUBLINGS: u32 = 9;

impl Lane {
    /// What to load now, or `None`.
    pub fn wants_load(&self, limits: &Limits, now: Timestamp) -> Option<Wanted> {
        if self.loading || self.retry_load_at.is_some_and(|at| at > now) {
            return None;
        }
        let is_unread = self.is_stale && !self.is_ordered();
        // A changed hook is reloaded, but a full buffer takes no more rows.
        let wants = |buffer: &Buffer| {
            (is_unread && !buffer.is_full(limits.window)) || buffer.wants_load(limits.window, now)
        };
        let mut wanted = Wanted {
            first_attempts: wants(&self.first_attempts),
            retries: wants(&self.retries),
            lines: self.is_stale
                || self.is_ordered() && self.is_open() && self.lines.wants_load(limits.window, now),
            probe: self.probe_at().is_some_and(|at| at <= now),
        };
        // For a hook with ordered deliveries, loads of lines and of buffers take turns.
        if !self.is_stale && wanted.lines && (wanted.first_attempts || wanted.retries) {
            (wanted.first_attempts, wanted.retries) = (
                wanted.first_attempts && self.last_wanted.lines,
                wanted.retries && self.last_wanted.lines,
            );
            wanted.lines = !self.last_wanted.lines;
        }
        (wanted != Wanted::default()).then_some(wanted)
    }

    /// Notes that a load begins. Changes that are noted after this need another load.
    pub fn begin_load(&mut self, wanted: Wanted) {
        self.loading = true;
        self.changed_during_load = false;
        self.begin_wait_read();
        // The reload of a stale lane does not use up the lines' turn.
        self.last_wanted = Wanted { lines: wanted.lines && !self.is_stale, ..wanted };
        if wanted.first_attempts {
            self.first_attempts.begin_load();
        }
        if wanted.retries {
            self.retries.begin_load();
        }
        if wanted.probe {
            self.may_probe = false;
        }
    }

    /// Applies the page of a load. If the hook changed during the load, the page is discarded and
    /// another load follows.
    pub fn loaded(&mut self, mut page: Page, now: Timestamp) {
        self.loading = false;
        self.retry_load_at = None;
        self.lasting_failures = 0;
        let recorded = std::mem::take(&mut self.recorded_during_load);
        // A row that was read before the result of its attempt was recorded is out of date.
        let is_current =
            |open: &Open| recorded.get(&open.id).is_none_or(|attempts| open.attempts > *attempts);
        if self.changed_during_load {
            self.note_missing(now);
            return;
        }
        let (was_ordered, version) = (self.is_ordered(), self.version());
        let was_stale = std::mem::take(&mut self.is_stale);
        self.is_deleted = page.target.is_none();
        let url = |target: &Option<Arc<Target>>| {
            target.as_ref().map(|target| target.hook.callback_url.clone())
        };
        if self.target.is_some() && url(&self.target) != url(&page.target) {
            self.reset_pacing();
        }
        self.apply_loaded_wait(&page.health, was_stale, now);
        self.target = page.target.take();
        self.health = page.health;
        // When ordering was switched on or off, deliveries move between buffers and lines: drop and
        // reload them. If a version of the hook was skipped, ordering may have been switched twice,
        // and deliveries without a key may have been released in between.
        let missed_a_version = version.is_some_and(|version| self.version() > Some(version + 1));
        let order_changed = was_ordered != self.is_ordered() || missed_a_version;
        if !self.is_open() || order_changed {
            self.may_probe |= self.probe.is_some();
            self.drop_queued();
        }
        if self.is_open() && order_changed {
            self.first_attempts.note_more(now);
            self.retries.note_more(now);
        }
        self.apply_page_lines(&mut page, is_current, now);
        if page.needs_step {
            self.may_probe = true;
            self.step_at.get_or_insert(now);
        }
        let (first_attempts, retries) =
            (page.first_attempts.unwrap_or_default(), page.retries.unwrap_or_default());
        for open in first_attempts.due.into_iter().chain(retries.due).filter(is_current) {
            self.recently_loaded.note(open.id);
            self.push(open);
        }
        for (buffer, more_at) in [
            (&mut self.first_attempts, first_attempts.more_at),
            (&mut self.retries, retries.more_at),
        ] {
            if let Some(at) = more_at {
                buffer.note_more(at);
            }
        }
        self.accept_probe(page.probe.filter(is_current), now);
        self.reread_if_needed(now);
    }

    fn accept_probe(&mut self, probe: Option<Open>, now: Timestamp) {
        // The page's pause may be newer than the one for which the load was started. Then it is too
        // early for this probe.
        let is_probe_due = self.health.paused.is_some_and(|pause| pause.probe_at <= now);
        match probe {
            Some(_) if !is_probe_due => self.may_probe = true,
            Some(probe) if self.known.insert(&probe) => {
                self.probe = Some(probe);
                self.may_probe = true;
            }
            // The delivery is in flight already: its outcome counts as the probe's.
            Some(_) | None => {}
        }
    }

    /// Counts a failed load and returns when to retry it. An unreachable database may be back
    /// within a second, so its retry interval is constant. A cause that a person must fix (say, a
    /// secret that the master key does not decrypt) is retried with exponential backoff until the
    /// hook changes.
    pub fn count_load_failure(&mut self, is_lasting: bool, now: Timestamp) -> Timestamp {
        self.lasting_failures =
            if is_lasting { self.lasting_failures.saturating_add(1) } else { 0 };
        let doubled = 1 << self.lasting_failures.saturating_sub(1).min(MAX_DOUBLINGS);
        now.after(LOAD_BACKOFF.saturating_mul(doubled).min(MAX_LOAD_BACKOFF))
    }

    /// Notes that a load failed and is retried at `at`.
    pub fn load_failed(&mut self, at: Timestamp) {
        self.loading = false;
        self.lines.load_failed(at);
        self.recorded_during_load.clear();
        self.retry_load_at = Some(at);
        self.may_probe = true;
        self.note_missing(at);
    }

    /// The last load failed or was discarded: its deliveries must be loaded again.
    fn note_missing(&mut self, at: Timestamp) {
        let is_ordered = self.is_ordered();
        if self.last_wanted.first_attempts || !is_ordered {
            self.first_attempts.note_more(at);
        }
        if self.last_wanted.retries || !is_ordered {
            self.retries.note_more(at);
        }
    }

    pub fn wants_step(&self, now: Timestamp) -> bool {
        !self.stepping && !self.is_stale && self.step_at.is_some_and(|at| at <= now)
    }

    pub fn begin_step(&mut self) {
        self.stepping = true;
        self.step_at = None;
    }

    /// Notes that a step succeeded; `is_more`: there may be more rows to move.
    pub fn stepped(&mut self, is_more: bool, limits: &Limits, now: Timestamp) {
        self.stepping = false;
        if self.is_open() {
            self.note_more(now);
        }
        if is_more {
            // Released deliveries reach the receiver, so they follow the configured drain rate.
            // Held and cancelled ones do not.
            let pace =
                if self.is_open() { limits.drain_per_second.max(1) } else { HOLD_PER_SECOND };
            self.step_at = Some(now.after(Duration::from_secs_f64(STEP as f64 / f64::from(pace))));
        }
        self.may_probe = true;
    }

    /// Notes that the database may have more deliveries for lines and buffers.
    pub(super) fn note_more(&mut self, now: Timestamp) {
        self.lines.note_more(now);
        self.note_more_in_buffers(now);
    }

    /// Notes that the database may have more first attempts and retries. For an open hook with
    /// ordered deliveries, a query for more would usually scan every row with a key and find
    /// nothing: only deliveries that were accepted before ordering was switched on have no key.
    /// [`Lane::loaded`] noted those when ordering was switched on.
    pub(super) fn note_more_in_buffers(&mut self, now: Timestamp) {
        let has_lines = self.is_ordered() && self.is_open();
        if !has_lines {
            self.first_attempts.note_more(now);
        }
        if !has_lines || self.retries.more_at.is_some() {
            self.retries.note_more(now);
        }
    }

    pub fn step_failed(&mut self, at: Timestamp) {
        self.stepping = false;
        self.step_at = Some(at);
    }
}
