//! A bounded FIFO buffer of due deliveries of one kind (first attempts or retries), with the time
//! when more of that kind becomes due in the database. Refilled when it is at most half full.

use std::collections::VecDeque;

use crate::{
    domain::time::Timestamp,
    engine::store::{open::Open, queue::PageLimit},
};

/// The part of a page for one buffer.
#[derive(Default)]
pub struct PagePart {
    pub due: Vec<Open>,
    /// When the next delivery that is not in `due` becomes due; `None`: there is none.
    pub more_at: Option<Timestamp>,
}

/// A buffer of due deliveries.
#[derive(Default)]
pub(super) struct Buffer {
    queue: VecDeque<Open>,
    bytes: usize,
    /// When a load may find more; `None`: the database has no more of this kind.
    pub(super) more_at: Option<Timestamp>,
}

impl Buffer {
    /// Notes that a delivery which is only in the database becomes due at `at`.
    pub(super) fn note_more(&mut self, at: Timestamp) {
        self.more_at = Some(self.more_at.map_or(at, |known| known.min(at)));
    }

    /// Notes that a load begins, which covers everything noted so far.
    pub(super) fn begin_load(&mut self) {
        self.more_at = None;
    }

    /// Should a load refill the buffer? Not while it is more than half full.
    pub(super) fn wants_load(&self, window: PageLimit, now: Timestamp) -> bool {
        let has_room = self.queue.len() * 2 <= window.rows && self.bytes * 2 <= window.bytes;
        has_room && self.more_at.is_some_and(|at| at <= now)
    }

    pub(super) fn is_full(&self, window: PageLimit) -> bool {
        self.queue.len() >= window.rows || self.bytes >= window.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, open: Open) {
        self.bytes += open.body.len();
        self.queue.push_back(open);
    }

    pub(super) fn pop(&mut self) -> Option<Open> {
        let open = self.queue.pop_front()?;
        self.bytes -= open.body.len();
        Some(open)
    }
}
