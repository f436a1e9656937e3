//! The lane's side of ordered deliveries: passes offers, pages and outcomes to the
//! [`lines`](super::lines), and keeps the list of deliveries in memory in step with them.

use super::{Lane, Limits, Page};
use crate::{
    domain::{id::DeliveryId, time::Timestamp},
    engine::store::{lines, open::Open, queue::PageLimit},
};

/// A delivery with a key may be in flight outside its line, if it was sent before ordering was
/// switched on. Its line is reread when that attempt ends, and after this time at the latest.
const REREAD_MS: i64 = 30_000;

impl Lane {
    /// Does this delivery belong to a line?
    pub(super) fn keeps_order(&self, open: &Open) -> bool {
        self.is_ordered() && self.is_open() && open.order_key.is_some()
    }

    /// Offers a delivery to its line, or leaves it in the database.
    pub(super) fn offer_in_order(&mut self, open: Open, limits: &Limits, now: Timestamp) {
        let room = self.known.room();
        let is_free = limits.has_memory && !limits.is_shared;
        let has_room =
            is_free && room.rows < limits.window.rows && room.bytes < limits.window.bytes;
        if self.known.contains(open.id) {
            return;
        }
        if self.lines.offer(&open, has_room, limits.window, now) {
            self.known.insert(&open);
        }
        self.remove_dropped();
    }

    /// Notes that an offered delivery stays in the database for now.
    pub(super) fn leave_in_database(&mut self, now: Timestamp) {
        self.first_attempts.note_more(now);
        self.lines.note_more(now);
    }

    /// Which lines a load has to read. Must be called once, when a load of lines begins.
    pub fn ask_lines(
        &mut self,
        limits: &Limits,
        room: PageLimit,
        now: Timestamp,
    ) -> lines::ReadRequest {
        self.lines.begin_load(limits.window, room, now)
    }

    pub(super) fn forget_lines(&mut self, now: Timestamp) {
        self.lines.reset(now);
        self.remove_dropped();
    }

    /// Forgets deliveries that left their line unsent.
    pub(super) fn remove_dropped(&mut self) {
        for id in self.lines.dropped() {
            self.known.remove(id);
        }
    }

    /// The receiver accepted the delivery and the outcome is being recorded: the next delivery of
    /// its key may be sent.
    pub fn delivered(&mut self, id: DeliveryId) {
        self.lines.delivered(id);
    }

    /// Notes that an attempt finished. Returns whether its delivery belongs to a line.
    pub(super) fn finish_in_line(&mut self, id: DeliveryId, due_at: Option<Timestamp>) -> bool {
        let is_in_line = self.lines.finished(id, due_at);
        self.remove_dropped();
        is_in_line
    }

    /// Applies a page's lines. If lines were read, the buffers that the load was also wanted for
    /// are read by the next load.
    pub(super) fn apply_page_lines(
        &mut self,
        page: &mut Page,
        is_newer: impl Fn(&Open) -> bool,
        now: Timestamp,
    ) {
        if !self.is_open() {
            self.forget_lines(now);
            return;
        }
        let Some(lines) = page.lines.take() else {
            self.lines.load_failed(now);
            return;
        };
        for (is_asked, buffer, found) in [
            (self.last_wanted.first_attempts, &mut self.first_attempts, &page.first_attempts),
            (self.last_wanted.retries, &mut self.retries, &page.retries),
        ] {
            if is_asked && found.is_none() {
                buffer.note_more(now);
            }
        }
        self.lines_loaded(lines, is_newer, now);
    }

    /// Queues the deliveries of the lines that were read, except those whose attempt was recorded
    /// after the read.
    fn lines_loaded(
        &mut self,
        page: lines::Lines,
        is_newer: impl Fn(&Open) -> bool,
        now: Timestamp,
    ) {
        let reread_at = Timestamp(now.0 + REREAD_MS);
        for line in page.lines {
            let (known, recently_loaded) = (&mut self.known, &mut self.recently_loaded);
            let admit = |open: &Open| {
                let is_admitted = is_newer(open) && known.insert(open);
                if is_admitted {
                    recently_loaded.note(open.id);
                }
                is_admitted
            };
            self.lines.apply_line(line, admit, reread_at);
        }
        self.lines.apply_heads(&page.heads, now);
        self.lines.loaded();
        self.remove_dropped();
        for test in page.tests.into_iter().filter(|test| is_newer(test)) {
            self.recently_loaded.note(test.id);
            self.push(test);
        }
    }
}
