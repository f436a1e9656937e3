//! Which hooks have as much waiting as they may: what comes for them is recorded as skipped, and
//! producers do not notice. [`Pressure`](super::Pressure) decides it; the store's writer asks when
//! it plans what an event becomes.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::domain::id::HookId;

/// Why nothing more is put into a hook's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// More bytes wait for it than may.
    Bytes,
    /// Its oldest delivery has been due for longer than it may.
    Age,
}

impl Overflow {
    /// As it stands with a delivery that was skipped.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Bytes => "the hook's queue is full: too many bytes wait for its receiver",
            Self::Age => "the hook's queue is full: its oldest delivery has waited too long",
        }
    }
}

/// See the module. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Full(Arc<RwLock<HashMap<HookId, Overflow>>>);

impl Full {
    pub fn get(&self, hook: HookId) -> Option<Overflow> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&hook).copied()
    }

    pub(super) fn hooks(&self) -> Vec<HookId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// From now on these, and no others.
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
