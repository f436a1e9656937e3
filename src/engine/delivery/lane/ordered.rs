//! What a lane does for a hook that keeps an order: see [`lines`](super::lines).

use super::{Lane, Limits, Page};
use crate::{
    domain::{id::DeliveryId, time::Timestamp},
    engine::store::{lines, open::Open, queue::Room},
};

/// A delivery of a key may be in flight outside its line, because it was sent before the hook kept
/// an order. The line is read again when that attempt ends, and after this time in any case.
const AGAIN_MS: i64 = 30_000;

impl Lane {
    /// Does it have a place among others of its key?
    pub(super) fn keeps_order(&self, open: &Open) -> bool {
        self.is_ordered() && self.is_open() && open.order_key.is_some()
    }

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
        self.lines_dropped();
    }

    /// Something was committed that stays in the database for now.
    pub(super) fn leave_in_database(&mut self, now: Timestamp) {
        self.fresh.note_more(now);
        self.lines.note_more(now);
    }

    /// What a load is to bring of the lines. To be called when it begins.
    pub fn ask(&mut self, limits: &Limits, room: Room, now: Timestamp) -> lines::Ask {
        self.lines.begin_load(limits.window, room, now)
    }

    pub(super) fn forget_lines(&mut self, now: Timestamp) {
        self.lines.forget(now);
        self.lines_dropped();
    }

    /// What is in no line any more is not in memory any more.
    pub(super) fn lines_dropped(&mut self) {
        for id in self.lines.dropped() {
            self.known.remove(id);
        }
    }

    /// The receiver has it, which is being recorded: what follows may be sent.
    pub fn delivered(&mut self, id: DeliveryId) {
        self.lines.delivered(id);
    }

    /// Says whether it was one of a line.
    pub(super) fn finish_in_line(&mut self, id: DeliveryId, due_at: Option<Timestamp>) -> bool {
        let is_in_line = self.lines.finished(id, due_at);
        self.lines_dropped();
        is_in_line
    }

    /// What a page has for the lines. Where they were read, the shelves come with the next load.
    pub(super) fn lines_of_page(
        &mut self,
        page: &mut Page,
        is_news: impl Fn(&Open) -> bool,
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
        for (is_asked, shelf, found) in [
            (self.last_wanted.fresh, &mut self.fresh, &page.fresh),
            (self.last_wanted.again, &mut self.again, &page.again),
        ] {
            if is_asked && found.is_none() {
                shelf.note_more(now);
            }
        }
        self.lines_loaded(lines, is_news, now);
    }

    /// Admits the deliveries of the lines that were read, except those whose attempt was recorded
    /// after the read.
    fn lines_loaded(
        &mut self,
        page: lines::Lines,
        is_news: impl Fn(&Open) -> bool,
        now: Timestamp,
    ) {
        let again = Timestamp(now.0 + AGAIN_MS);
        for line in page.lines {
            let (known, lately) = (&mut self.known, &mut self.loaded_lately);
            let admit = |open: &Open| {
                let is_let_in = is_news(open) && known.insert(open);
                if is_let_in {
                    lately.note(open.id);
                }
                is_let_in
            };
            self.lines.read(line, admit, again);
        }
        self.lines.passed(&page.heads, now);
        self.lines.loaded();
        self.lines_dropped();
        for test in page.tests.into_iter().filter(|test| is_news(test)) {
            self.loaded_lately.note(test.id);
            self.push(test);
        }
    }
}
