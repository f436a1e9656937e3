//! Whether the database accepts writes, as the writer last saw it. Kept in memory, so that
//! readiness and status pages work without the database. If the disk is full, it also releases the
//! [`Reserve`] and stops accepting new events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{error::Error, reserve::Reserve};
use crate::domain::time::Timestamp;

/// Writes fail, or (with `has_reserve`) only new events are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    pub since: Timestamp,
    /// The disk is full.
    pub is_full: bool,
    /// New events are rejected. All other writes succeed, in the space that the [`Reserve`]
    /// released.
    pub has_reserve: bool,
}

#[derive(Default)]
struct State {
    failing: Option<Failing>,
    reserve: Option<Arc<Reserve>>,
    /// The disk is full and the reserve was released. Invariant: while this is true, `failing` is
    /// set.
    is_released: bool,
}

/// The health of writes, as reported by the writer. Clones share one state.
#[derive(Clone, Default)]
pub(super) struct Writes {
    state: Arc<Mutex<State>>,
    disk_full: Arc<Notify>,
}

impl Writes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failing(&self) -> Option<Failing> {
        self.lock().failing
    }

    /// Are new events rejected because the disk is full?
    pub(super) fn refuses_events(&self) -> bool {
        self.lock().is_released
    }

    /// Sets the reserve to release when the disk is full.
    pub(super) fn set_reserve(&self, reserve: Reserve) {
        self.lock().reserve = Some(Arc::new(reserve));
    }

    /// A write certainly succeeded. While the reserve is released, this proves only that some of
    /// its space is left: the disk still counts as full.
    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        let is_released = state.is_released;
        let failing = state.failing.take().filter(|_| is_released);
        state.failing =
            failing.map(|failing| Failing { is_full: true, has_reserve: true, ..failing });
    }

    /// A write failed because of the database or the disk, not because of the row. If the disk is
    /// full, releases the reserve, once.
    pub(super) fn failed(&self, error: &Error, now: Timestamp) {
        let mut state = self.lock();
        let since = state.failing.map_or(now, |failing| failing.since);
        let is_full = error.is_disk_full();
        let mut has_reserve = false;
        if let (true, false, Some(reserve)) = (is_full, state.is_released, &state.reserve) {
            tracing::error!(
                "the disk is full: the reserve is released, and new events are rejected"
            );
            reserve.release();
            (state.is_released, has_reserve) = (true, true);
        }
        state.failing = Some(Failing { since, is_full, has_reserve });
        drop(state);
        if is_full {
            self.disk_full.notify_waiters();
        }
    }

    /// At start, the disk has no space for the reserve: rejects new events before they use up the
    /// remaining space.
    pub(super) fn no_space_for_reserve(&self, now: Timestamp) {
        tracing::error!("the disk has no space for the reserve: new events are rejected");
        let mut state = self.lock();
        state.is_released = true;
        let since = state.failing.map_or(now, |failing| failing.since);
        state.failing = Some(Failing { since, is_full: true, has_reserve: true });
        drop(state);
        self.disk_full.notify_waiters();
    }

    /// Resolves when a write finds the disk full. Counts from the call, even if the future is
    /// polled only later.
    pub(super) fn disk_became_full(&self) -> impl Future<Output = ()> {
        self.disk_full.notified()
    }

    /// The reserve; `None` on PostgreSQL or if it is disabled. Its file may be missing: released,
    /// or not created for lack of space.
    pub(super) fn reserve(&self) -> Option<Arc<Reserve>> {
        self.lock().reserve.clone()
    }

    /// The reserve file exists again: new events are accepted.
    pub(super) fn reserve_restored(&self) {
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

    fn driver(message: &str) -> Error {
        Error::Driver(Arc::new(sqlx::Error::Protocol(message.to_owned())))
    }

    const FULL: &str = "database or disk is full";

    #[test]
    fn writes_fail_from_the_first_failure_until_the_next_success() {
        let writes = Writes::default();
        assert_eq!(writes.failing(), None);
        writes.failed(&driver("disk I/O error"), Timestamp(1));
        writes.failed(&driver(FULL), Timestamp(2));
        assert_eq!(
            writes.failing(),
            Some(Failing { since: Timestamp(1), is_full: true, has_reserve: false })
        );
        writes.succeeded();
        assert_eq!(writes.failing(), None);
        assert!(!writes.refuses_events());
    }

    #[test]
    fn after_a_full_disk_events_are_rejected_until_the_reserve_is_restored() {
        let folder = tempfile::tempdir().unwrap();
        let writes = Writes::default();
        writes.set_reserve(Reserve::beside(&folder.path().join("x.db"), 1000));
        let reserve = writes.reserve().unwrap();
        reserve.make(false).unwrap();
        writes.failed(&driver("disk I/O error"), Timestamp(1));
        assert!(
            !writes.refuses_events() && folder.path().join("x.db.reserve").exists(),
            "an I/O error does not release the reserve"
        );
        writes.failed(&driver(FULL), Timestamp(2));
        assert!(writes.refuses_events() && !folder.path().join("x.db.reserve").exists());
        writes.failed(&driver(FULL), Timestamp(3));
        assert_eq!(
            writes.failing(),
            Some(Failing { since: Timestamp(1), is_full: true, has_reserve: false })
        );
        writes.succeeded();
        assert_eq!(
            writes.failing(),
            Some(Failing { since: Timestamp(1), is_full: true, has_reserve: true })
        );
        writes.failed(&driver("disk I/O error"), Timestamp(4));
        writes.succeeded();
        let failing = Failing { since: Timestamp(1), is_full: true, has_reserve: true };
        assert_eq!(writes.failing(), Some(failing), "still failing while events are rejected");
        writes.reserve_restored();
        assert_eq!((writes.failing(), writes.refuses_events()), (None, false));
        writes.no_space_for_reserve(Timestamp(5));
        assert!(writes.refuses_events() && writes.failing().is_some_and(|failing| failing.is_full));
        writes.reserve_restored();
        assert_eq!((writes.failing(), writes.refuses_events()), (None, false));
    }
}
