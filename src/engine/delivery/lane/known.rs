//! The deliveries of a hook that are in memory, queued or in flight, so that loads and offers never
//! add one twice. Also records changes for the memory budget.

use std::collections::HashMap;

use super::Change;
use crate::{
    domain::id::{DeliveryId, EventId},
    engine::store::{open::Open, queue::PageLimit},
};

/// One delivery in memory.
pub(super) struct Entry {
    /// Recorded attempts when the delivery was read.
    pub(super) attempts: u32,
    /// A load found the delivery with more attempts: its attempt was recorded and it became due
    /// again before that outcome reached the lane.
    pub(super) is_outdated: bool,
    /// [`Known::hook_changes`] when the delivery was sent.
    hook_changes_when_sent: u64,
    event: EventId,
    bytes: usize,
}

/// The set of deliveries in memory.
#[derive(Default)]
pub(super) struct Known {
    entries: HashMap<DeliveryId, Entry>,
    bytes: usize,
    /// How often the hook has changed.
    hook_changes: u64,
    /// What came into memory or left it since the last [`Known::changes`].
    changes: Vec<Change>,
}

impl Known {
    /// Adds a delivery. `false`: it is in memory already.
    pub(super) fn insert(&mut self, open: &Open) -> bool {
        if let Some(entry) = self.entries.get_mut(&open.id) {
            entry.is_outdated |= open.attempts > entry.attempts;
            return false;
        }
        let bytes = open.body.len();
        self.bytes += bytes;
        self.changes.push(Change { event: open.event, bytes, is_gain: true });
        let event = open.event;
        self.entries.insert(
            open.id,
            Entry {
                attempts: open.attempts,
                is_outdated: false,
                hook_changes_when_sent: 0,
                event,
                bytes,
            },
        );
        true
    }

    /// Notes that the hook changed.
    pub(super) fn hook_changed(&mut self) {
        self.hook_changes += 1;
    }

    pub(super) fn note_sent(&mut self, id: DeliveryId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.hook_changes_when_sent = self.hook_changes;
        }
    }

    /// Has the hook changed since this delivery was sent? Then the health that came with its
    /// outcome may be out of date.
    pub(super) fn was_sent_before_change(&self, entry: &Entry) -> bool {
        entry.hook_changes_when_sent < self.hook_changes
    }

    pub(super) fn contains(&self, id: DeliveryId) -> bool {
        self.entries.contains_key(&id)
    }

    pub(super) fn remove(&mut self, id: DeliveryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.bytes -= entry.bytes;
        self.changes.push(Change { event: entry.event, bytes: entry.bytes, is_gain: false });
        Some(entry)
    }

    /// How much is in memory. A load meets these deliveries again.
    pub(super) fn room(&self) -> PageLimit {
        PageLimit { rows: self.entries.len(), bytes: self.bytes }
    }

    pub(super) fn changes(&mut self) -> std::vec::Drain<'_, Change> {
        self.changes.drain(..)
    }

    /// Removes all deliveries, and records that they left memory.
    pub(super) fn clear(&mut self) {
        for (_, entry) in self.entries.drain() {
            self.changes.push(Change { event: entry.event, bytes: entry.bytes, is_gain: false });
        }
        self.bytes = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
