//! Can the database be written? The writer's latest answer, kept in memory: showing it must not
//! need the database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{error::Error, reserve::Reserve};
use crate::domain::time::Timestamp;

/// Writes fail, or only those of new events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    pub since: Timestamp,
    /// The disk is the reason.
    pub is_full: bool,
    /// New events are refused; everything else is written, into the space that the [`Reserve`] gave
    /// back.
    pub has_reserve: bool,
}

#[derive(Default)]
struct State {
    failing: Option<Failing>,
    reserve: Option<Arc<Reserve>>,
    /// The disk became full and the reserve was released. Until it is restored, `failing` is set
    /// and says so.
    is_released: bool,
}

/// What the writer reports about its writes. Clones share one state.
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

    /// From now on this reserve is released when the disk is full.
    pub(super) fn keep(&self, reserve: Reserve) {
        self.lock().reserve = Some(Arc::new(reserve));
    }

    /// Something was certainly written. While the reserve is released that proves no more than that
    /// some of its space is left: the disk is still full, whatever failed last.
    pub(super) fn went_well(&self) {
        let mut state = self.lock();
        let is_released = state.is_released;
        let failing = state.failing.take().filter(|_| is_released);
        state.failing =
            failing.map(|failing| Failing { is_full: true, has_reserve: true, ..failing });
    }

    /// A write failed, and not because of the row that was written.
    pub(super) fn failed(&self, error: &Error, now: Timestamp) {
        let mut state = self.lock();
        let since = state.failing.map_or(now, |failing| failing.since);
        let is_full = error.is_disk_full();
        let mut has_reserve = false;
        if let (true, false, Some(reserve)) = (is_full, state.is_released, &state.reserve) {
            tracing::error!(
                "the disk is full: the reserve is released, and new events are refused"
            );
            reserve.release();
            (state.is_released, has_reserve) = (true, true);
        }
        state.failing = Some(Failing { since, is_full, has_reserve });
        drop(state);
        if is_full {
            self.wants_room.notify_waiters();
        }
    }

    /// The disk has no room for the reserve, at the start: events are refused before they take the
    /// last of it.
    pub(super) fn lack_reserve(&self, now: Timestamp) {
        tracing::error!("the disk has no room for the reserve: new events are refused");
        let mut state = self.lock();
        state.is_released = true;
        let since = state.failing.map_or(now, |failing| failing.since);
        state.failing = Some(Failing { since, is_full: true, has_reserve: true });
        drop(state);
        self.wants_room.notify_waiters();
    }

    /// Resolves when the disk is found full after this was called, even if it is awaited only
    /// later.
    pub(super) fn wants_room(&self) -> impl Future<Output = ()> {
        self.wants_room.notified()
    }

    /// The reserve, where this database has one. Its file may be missing: released, or never made
    /// for want of space.
    pub(super) fn reserve(&self) -> Option<Arc<Reserve>> {
        self.lock().reserve.clone()
    }

    /// The reserve's file is there again: new events are accepted.
    pub(super) fn restored(&self) {
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
        assert_eq!(
            writes.failing(),
            Some(Failing { since: Timestamp(1), is_full: true, has_reserve: false })
        );
        writes.went_well();
        assert_eq!(writes.failing(), None);
        assert!(!writes.refuses_events());
    }

    #[test]
    fn with_a_reserve_it_stays_full_until_that_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let writes = Writes::default();
        writes.keep(Reserve::beside(&folder.path().join("x.db"), 1000));
        let reserve = writes.reserve().unwrap();
        reserve.make(false).unwrap();
        writes.failed(&driver("disk I/O error"), Timestamp(1));
        assert!(
            !writes.refuses_events() && folder.path().join("x.db.reserve").exists(),
            "that has no remedy here"
        );
        writes.failed(&driver(FULL), Timestamp(2));
        assert!(writes.refuses_events() && !folder.path().join("x.db.reserve").exists());
        writes.failed(&driver(FULL), Timestamp(3));
        assert_eq!(
            writes.failing(),
            Some(Failing { since: Timestamp(1), is_full: true, has_reserve: false })
        );
        writes.went_well();
        assert_eq!(
            writes.failing(),
            Some(Failing { since: Timestamp(1), is_full: true, has_reserve: true })
        );
        writes.failed(&driver("disk I/O error"), Timestamp(4));
        writes.went_well();
        let failing = Failing { since: Timestamp(1), is_full: true, has_reserve: true };
        assert_eq!(writes.failing(), Some(failing), "refusing events, it must not seem well");
        writes.restored();
        assert_eq!((writes.failing(), writes.refuses_events()), (None, false));
        writes.lack_reserve(Timestamp(5));
        assert!(writes.refuses_events() && writes.failing().is_some_and(|failing| failing.is_full));
        writes.restored();
        assert_eq!((writes.failing(), writes.refuses_events()), (None, false));
    }
}
