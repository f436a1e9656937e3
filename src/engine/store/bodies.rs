//! Shares event bodies in memory: an event goes to many hooks and each hook's lane reads it
//! separately, but all of them hold one copy. It is dropped with its last use.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use bytes::Bytes;

use crate::domain::id::EventId;

type Map = Mutex<HashMap<EventId, Weak<Body>>>;

/// See the module. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Bodies(Arc<Map>);

struct Body {
    bytes: Vec<u8>,
    event: EventId,
    bodies: Weak<Map>,
}

/// What a [`Bytes`] holds on to.
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
        // The same body may have been read again since the last use of this copy ended.
        if bodies.get(&self.event).is_some_and(|known| known.strong_count() == 0) {
            bodies.remove(&self.event);
        }
    }
}

impl Bodies {
    /// The body of an event that was just read: the copy that is in memory already, where there is
    /// one.
    pub(super) fn share(&self, event: EventId, read: Vec<u8>) -> Bytes {
        let mut bodies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = bodies.get(&event).and_then(Weak::upgrade);
        // A body that retention removed reads as empty: that is not the one in memory.
        if let Some(known) = known.as_ref().filter(|known| known.bytes.len() == read.len()) {
            return Bytes::from_owner(Shared(known.clone()));
        }
        let body = Arc::new(Body { bytes: read, event, bodies: Arc::downgrade(&self.0) });
        bodies.insert(event, Arc::downgrade(&body));
        // Dropping the other copy, if this was its last use, takes the lock.
        drop(bodies);
        drop(known);
        Bytes::from_owner(Shared(body))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_event_has_one_copy_for_as_long_as_it_is_used() {
        let bodies = Bodies::default();
        let event = |number| EventId(Uuid::from_u128(number));
        let one = bodies.share(event(1), b"abc".to_vec());
        let again = bodies.share(event(1), b"abc".to_vec());
        assert_eq!(one.as_ptr(), again.as_ptr());
        assert_ne!(one.as_ptr(), bodies.share(event(2), b"abc".to_vec()).as_ptr());
        assert_eq!(bodies.0.lock().unwrap().len(), 1, "the second event's is gone");
        drop(one);
        assert_eq!(again, "abc");
        drop(again);
        assert!(bodies.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_body_that_was_removed_meanwhile_does_not_become_the_one_in_memory() {
        let bodies = Bodies::default();
        let event = EventId(Uuid::from_u128(1));
        let one = bodies.share(event, b"abc".to_vec());
        assert_eq!(bodies.share(event, Vec::new()), "");
        assert_eq!(one, "abc");
        assert_eq!(bodies.share(event, b"abc".to_vec()), "abc");
    }
}
