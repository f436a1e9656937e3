//! What of a hook is in memory: queued or in flight. A load skips it, and brings none of it twice.

use std::collections::HashMap;

use super::Change;
use crate::{
    domain::id::{DeliveryId, EventId},
    engine::store::{open::Open, queue::Room},
};

/// One delivery in memory.
pub(super) struct Entry {
    /// Recorded attempts when it was read.
    pub(super) attempts: u32,
    /// A load found it with more attempts: it was recorded and became due again before the lane was
    /// told of the record.
    pub(super) is_outdated: bool,
    /// [`Known::changed`] when it was sent.
    changed_when_sent: u64,
    event: EventId,
    bytes: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Known {
    entries: HashMap<DeliveryId, Entry>,
    bytes: usize,
    /// How often the hook has changed.
    changed: u64,
    /// What came and went since this was asked last.
    changes: Vec<Change>,
}

impl Known {
    /// False when it is known already.
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
                changed_when_sent: 0,
                event,
                bytes,
            },
        );
        true
    }

    /// The hook changed.
    pub(super) fn hook_changed(&mut self) {
        self.changed += 1;
    }

    pub(super) fn note_sent(&mut self, id: DeliveryId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.changed_when_sent = self.changed;
        }
    }

    /// The hook has changed since this one was sent: the health that its record returned may be out
    /// of date.
    pub(super) fn was_sent_before_change(&self, entry: &Entry) -> bool {
        entry.changed_when_sent < self.changed
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

    /// What of it a load may meet again.
    pub(super) fn room(&self) -> Room {
        Room { rows: self.entries.len(), bytes: self.bytes }
    }

    pub(super) fn changes(&mut self) -> std::vec::Drain<'_, Change> {
        self.changes.drain(..)
    }

    /// Everything leaves memory.
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
