//! Deliveries of one kind that wait for their turn in memory, and when there is more of them in the
//! database.

use std::collections::VecDeque;

use crate::{
    domain::time::Timestamp,
    engine::store::{open::Open, queue::Room},
};

/// One shelf's part of a page.
#[derive(Default)]
pub struct Found {
    pub due: Vec<Open>,
    pub more_at: Option<Timestamp>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Shelf {
    queue: VecDeque<Open>,
    bytes: usize,
    pub(super) more_at: Option<Timestamp>,
}

impl Shelf {
    /// Something becomes due at `at` that is only in the database.
    pub(super) fn note_more(&mut self, at: Timestamp) {
        self.more_at = Some(self.more_at.map_or(at, |known| known.min(at)));
    }

    /// A load covers everything that was noted.
    pub(super) fn begin_load(&mut self) {
        self.more_at = None;
    }

    /// Is it time to read? A shelf that is more than half full needs nothing yet.
    pub(super) fn wants_load(&self, window: Room, now: Timestamp) -> bool {
        let has_room = self.queue.len() * 2 <= window.rows && self.bytes * 2 <= window.bytes;
        has_room && self.more_at.is_some_and(|at| at <= now)
    }

    pub(super) fn is_full(&self, window: Room) -> bool {
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
