//! The hooks with a full queue: new deliveries for them are recorded as skipped, which producers do
//! not notice. [`Pressure`](super::Pressure) decides it; the writer of the store reads it when it
//! plans an accept.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::domain::id::HookId;

/// Why the queue of a hook is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Its backlog has more bytes than its limit.
    Bytes,
    /// Its oldest delivery has been due for longer than its limit.
    Age,
}

impl Overflow {
    /// The reason stored with a skipped delivery.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Bytes => "the hook's queue is full: too many bytes wait for its receiver",
            Self::Age => "the hook's queue is full: its oldest delivery has waited too long",
        }
    }
}

/// The hooks with a full queue. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Full(Arc<RwLock<HashMap<HookId, Overflow>>>);

impl Full {
    pub fn get(&self, hook: HookId) -> Option<Overflow> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&hook).copied()
    }

    pub(super) fn hooks(&self) -> Vec<HookId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Replaces the set of full hooks.
    pub(super) fn set(&self, full: HashMap<HookId, Overflow>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = full;
    }

    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
