//! Does the database take what is written? As the writer last saw it, and in memory: whoever shows it asks no database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{error::Error, reserve::Reserve};
use crate::domain::time::Timestamp;

/// Since when nothing could be written, and whether the disk is why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    pub since: Timestamp,
    pub is_full: bool,
    /// Only new events find no room: everything else is written to what was held in reserve.
    pub has_reserve: bool,
}

#[derive(Default)]
struct State {
    failing: Option<Failing>,
    reserve: Option<Arc<Reserve>>,
    /// The reserve was given back for want of room.
    is_released: bool,
}

/// What the writer notes. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(super) struct Writes {
    state: Arc<Mutex<State>>,
    wants_room: Arc<Notify>,
}

impl Writes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failing(&self) -> Option<Failing> {
        self.lock().failing
    }

    /// Is there no room for new events?
    pub(super) fn refuses_events(&self) -> bool {
        self.lock().is_released
    }

    /// From now on this is given back when the disk is full.
    pub(super) fn keep(&self, reserve: Reserve) {
        self.lock().reserve = Some(Arc::new(reserve));
    }

    /// Something was written for sure. As long as that takes from the reserve, the disk is as full as before.
    pub(super) fn went_well(&self) {
        let mut state = self.lock();
        let is_released = state.is_released;
        state.failing = state.failing.filter(|failing| failing.is_full && is_released);
        if let Some(failing) = &mut state.failing {
            failing.has_reserve = true;
        }
    }

    /// Nothing was, and it was nobody's row that was at fault.
    pub(super) fn failed(&self, error: &Error, now: Timestamp) {
        let mut state = self.lock();
        let since = state.failing.map_or(now, |failing| failing.since);
        let is_full = error.is_disk_full();
        let mut has_reserve = false;
        if let (true, false, Some(reserve)) = (is_full, state.is_released, &state.reserve) {
            tracing::error!("the disk is full: its reserve is given back, and new events are refused");
            reserve.release();
            (state.is_released, has_reserve) = (true, true);
        }
        state.failing = Some(Failing { since, is_full, has_reserve });
        drop(state);
        if is_full {
            self.wants_room.notify_waiters();
        }
    }

    /// Resolves when the disk is full.
    pub(super) async fn wants_room(&self) {
        self.wants_room.notified().await;
    }

    /// The reserve, if its file is to be made: it was given back, or there was never room for it.
    pub(super) fn reserve(&self) -> Option<Arc<Reserve>> {
        self.lock().reserve.clone()
    }

    /// There is room again, with the reserve in its place.
    pub(super) fn is_restored(&self) {
        let mut state = self.lock();
        if std::mem::take(&mut state.is_released) {
            state.failing = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn driver(words: &str) -> Error {
        Error::Driver(Arc::new(sqlx::Error::Protocol(words.to_owned())))
    }

    const FULL: &str = "database or disk is full";

    #[test]
    fn it_fails_since_the_first_time_and_until_something_is_written() {
        let writes = Writes::default();
        assert_eq!(writes.failing(), None);
        writes.failed(&driver("disk I/O error"), Timestamp(1));
        writes.failed(&driver(FULL), Timestamp(2));
        assert_eq!(writes.failing(), Some(Failing { since: Timestamp(1), is_full: true, has_reserve: false }));
        writes.went_well();
        assert_eq!(writes.failing(), None);
        assert!(!writes.refuses_events());
    }

    #[test]
    fn with_a_reserve_it_stays_full_until_that_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let writes = Writes::default();
        writes.keep(Reserve::beside(&folder.path().join("x.db"), 1000).unwrap());
        let reserve = writes.reserve().unwrap();
        reserve.make().unwrap();
        writes.failed(&driver("disk I/O error"), Timestamp(1));
        assert!(!writes.refuses_events() && folder.path().join("x.db.reserve").exists(), "that has no remedy here");
        writes.failed(&driver(FULL), Timestamp(2));
        assert!(writes.refuses_events() && !folder.path().join("x.db.reserve").exists());
        writes.failed(&driver(FULL), Timestamp(3));
        assert_eq!(writes.failing(), Some(Failing { since: Timestamp(1), is_full: true, has_reserve: false }));
        writes.went_well();
        assert_eq!(writes.failing(), Some(Failing { since: Timestamp(1), is_full: true, has_reserve: true }));
        writes.is_restored();
        assert_eq!((writes.failing(), writes.refuses_events()), (None, false));
    }
}
