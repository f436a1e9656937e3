//! Deduplicates event bodies in memory. One event may go to many hooks, and each hook's lane reads
//! the body from the database separately. Here all lanes get reference-counted handles of one copy,
//! which is freed when the last handle is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use bytes::Bytes;

use crate::domain::id::EventId;

type Map = Mutex<HashMap<EventId, Weak<Body>>>;

/// The map of bodies in use. Cheap to clone; clones share it.
#[derive(Clone, Default)]
pub struct Bodies(Arc<Map>);

/// One body. Removes its entry from the map when it is dropped.
struct Body {
    bytes: Vec<u8>,
    event: EventId,
    bodies: Weak<Map>,
}

/// The owner of the memory behind a [`Bytes`].
struct Shared(Arc<Body>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let Some(bodies) = self.bodies.upgrade() else { return };
        let mut bodies = bodies.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have inserted a new copy since the last handle of this one was
        // dropped: keep that entry.
        if bodies.get(&self.event).is_some_and(|entry| entry.strong_count() == 0) {
            bodies.remove(&self.event);
        }
    }
}

impl Bodies {
    /// Returns a handle to the body of an event that was just read from the database: to the copy
    /// in memory if there is one, else to `read`.
    pub(super) fn share(&self, event: EventId, read: Vec<u8>) -> Bytes {
        let mut bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let existing = bodies.get(&event).and_then(Weak::upgrade);
        // Compare lengths: a body that retention removed meanwhile is read as empty.
        if let Some(existing) = existing.as_ref().filter(|body| body.bytes.len() == read.len()) {
            return Bytes::from_owner(Shared(existing.clone()));
        }
        let body = Arc::new(Body { bytes: read, event, bodies: Arc::downgrade(&self.0) });
        bodies.insert(event, Arc::downgrade(&body));
        // Release the lock first: `existing` may be the last handle of the other copy, and its drop
        // takes the lock.
        drop(bodies);
        drop(existing);
        Bytes::from_owner(Shared(body))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_body_has_one_copy_while_it_is_in_use_and_is_freed_afterwards() {
        let bodies = Bodies::default();
        let event = |number| EventId(Uuid::from_u128(number));
        let first = bodies.share(event(1), b"abc".to_vec());
        let second = bodies.share(event(1), b"abc".to_vec());
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert_ne!(first.as_ptr(), bodies.share(event(2), b"abc".to_vec()).as_ptr());
        assert_eq!(bodies.0.lock().unwrap().len(), 1, "the body of the second event is freed");
        drop(first);
        assert_eq!(second, "abc");
        drop(second);
        assert!(bodies.0.lock().unwrap().is_empty());
    }

    #[test]
    fn the_empty_body_of_a_pruned_event_does_not_replace_the_copy_in_memory() {
        let bodies = Bodies::default();
        let event = EventId(Uuid::from_u128(1));
        let kept = bodies.share(event, b"abc".to_vec());
        assert_eq!(bodies.share(event, Vec::new()), "");
        assert_eq!(kept, "abc");
        assert_eq!(bodies.share(event, b"abc".to_vec()), "abc");
    }
}
