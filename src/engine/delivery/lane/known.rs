//! What of a hook is in memory: queued or in flight. A load skips it, and brings none of it twice.

use std::collections::HashMap;

use crate::{
    domain::id::DeliveryId,
    engine::store::queue::{Open, Room},
};

/// How a delivery is known.
pub(super) struct Entry {
    /// Attempts that were on record when it was read.
    pub(super) attempts: u32,
    /// A load found it with an attempt more: it was settled and sent again before this side heard of the record.
    pub(super) is_outdated: bool,
    bytes: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Known {
    entries: HashMap<DeliveryId, Entry>,
    bytes: usize,
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
        self.entries.insert(open.id, Entry { attempts: open.attempts, is_outdated: false, bytes });
        true
    }

    pub(super) fn remove(&mut self, id: DeliveryId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// What of it a load may meet again.
    pub(super) fn room(&self) -> Room {
        Room { rows: self.entries.len(), bytes: self.bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
