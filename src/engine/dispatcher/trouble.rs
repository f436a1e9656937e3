//! Problems of the whole server, for the banner in the portal. Every page asks for them, so they
//! are answered from memory; only free disk space is read, at most once every [`DISK_CHECK_TTL`].

use std::{
    sync::{Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use super::Dispatcher;
use crate::{
    domain::time::Timestamp,
    engine::{
        clock::Stopwatch,
        store::{failing::Failing, fit},
    },
};

/// How long the result of a disk check is reused.
const DISK_CHECK_TTL: Duration = Duration::from_secs(5);
/// A disk with less free space than this percentage is nearly full.
pub const NEARLY_FULL_PERCENT: u64 = 2;

/// A problem of the whole server, the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The database cannot be written: events are refused, and attempts stop because their results
    /// cannot be recorded.
    Unwritable(Failing),
    /// The scheduler or the writer has ended. Nothing is delivered until the process is restarted.
    Stopped,
    /// The master key does not decrypt the secrets of hooks, so nothing can be sent.
    WrongKey,
    /// New events are refused, because the backlog is above its high-water mark.
    Refusing { since: Timestamp },
    /// The disk with the data is nearly full. In bytes.
    DiskNearlyFull { free: u64, total: u64 },
    /// Expired data has not been removed since this time.
    CleanupOverdue { since: Timestamp },
}

/// Free and total bytes of a disk; `None` if unknown.
type Space = Option<(u64, u64)>;

/// The result of the last disk check, and its time.
#[derive(Default)]
pub(super) struct DiskCheck(Mutex<Option<(Stopwatch, Space)>>);

impl Dispatcher {
    /// All current problems.
    pub fn troubles(&self) -> Vec<Trouble> {
        let now = self.clock.now();
        let late = self.last_cleanup.late_since(now, &self.settings.retention);
        let found = [
            self.store.failing().map(Trouble::Unwritable),
            (self.scheduler.has_ended() || self.store.writer_has_ended())
                .then_some(Trouble::Stopped),
            self.has_wrong_key.load(Ordering::Relaxed).then_some(Trouble::WrongKey),
            self.pressure.refusing_since().map(|since| Trouble::Refusing { since }),
            self.disk_space().and_then(nearly_full),
            late.map(|since| Trouble::CleanupOverdue { since }),
        ];
        found.into_iter().flatten().collect()
    }

    /// The disk with the data. `None` with PostgreSQL, whose disk is not visible from here.
    fn disk_space(&self) -> Space {
        if self.store.db().is_postgres() {
            return None;
        }
        let mut last = self.disk_check.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((checked, space)) if checked.elapsed() < DISK_CHECK_TTL => *space,
            _ => {
                let space = fit::space(&self.settings.data_dir);
                *last = Some((self.clock.stopwatch(), space));
                space
            }
        }
    }
}

fn nearly_full((free, total): (u64, u64)) -> Option<Trouble> {
    (percent(free, total) < NEARLY_FULL_PERCENT).then_some(Trouble::DiskNearlyFull { free, total })
}

/// Free space as a percentage, rounded down.
pub fn percent(free: u64, total: u64) -> u64 {
    free.saturating_mul(100) / total.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_two_percent() {
        assert_eq!(nearly_full((2, 100)), None);
        assert_eq!(
            nearly_full((199, 10_000)),
            Some(Trouble::DiskNearlyFull { free: 199, total: 10_000 })
        );
        assert_eq!(nearly_full((0, 0)), Some(Trouble::DiskNearlyFull { free: 0, total: 0 }));
    }
}
