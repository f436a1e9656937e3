//! What is wrong with the engine as a whole. Pages ask each time they are shown, so it is answered
//! from memory; only the disk is looked at, and that every few seconds at most.

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

/// How long a look at the disk is good for.
const FRESH: Duration = Duration::from_secs(5);
/// A disk with fewer free bytes of a hundred is nearly full.
pub const NEARLY_FULL_PERCENT: u64 = 2;

/// Something that is wrong with all of it, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing can be written: nothing is accepted, and nothing more is sent than can be recorded.
    Unwritable(Failing),
    /// Nothing is delivered any more until the program is started again.
    Stopped,
    /// The master key does not open the keys and secrets of hooks: nothing can be sent.
    WrongKey,
    /// Nothing more is accepted: too much waits.
    Refusing {
        since: Timestamp,
    },
    NearlyFull {
        free: u64,
        all: u64,
    },
    /// What is too old is not removed.
    Untidy {
        since: Timestamp,
    },
}

/// Free and all bytes of a disk, where that can be asked.
type Space = Option<(u64, u64)>;

/// The last look at the disk, and when that was.
#[derive(Default)]
pub(super) struct Look(Mutex<Option<(Stopwatch, Space)>>);

impl Dispatcher {
    /// Everything that is wrong at this moment; nearly always nothing.
    pub fn troubles(&self) -> Vec<Trouble> {
        let now = self.clock.now();
        let late = self.tidied.late_since(now, &self.settings.retention);
        let found = [
            self.store.failing().map(Trouble::Unwritable),
            (self.scheduler.has_ended() || self.store.writer_has_ended())
                .then_some(Trouble::Stopped),
            self.has_wrong_key.load(Ordering::Relaxed).then_some(Trouble::WrongKey),
            self.pressure.refusing_since().map(|since| Trouble::Refusing { since }),
            self.disk().and_then(nearly_full),
            late.map(|since| Trouble::Untidy { since }),
        ];
        found.into_iter().flatten().collect()
    }

    /// Free and all bytes of the disk that the data is on. A PostgreSQL has its own.
    fn disk(&self) -> Space {
        if self.store.db().is_postgres() {
            return None;
        }
        let mut look = self.look.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*look {
            Some((at, disk)) if at.elapsed() < FRESH => *disk,
            _ => {
                let disk = fit::space(&self.settings.data_dir);
                *look = Some((self.clock.stopwatch(), disk));
                disk
            }
        }
    }
}

fn nearly_full((free, all): (u64, u64)) -> Option<Trouble> {
    (percent(free, all) < NEARLY_FULL_PERCENT).then_some(Trouble::NearlyFull { free, all })
}

/// How many of a hundred bytes are free.
pub fn percent(free: u64, all: u64) -> u64 {
    free.saturating_mul(100) / all.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_two_percent() {
        assert_eq!(nearly_full((2, 100)), None);
        assert_eq!(
            nearly_full((199, 10_000)),
            Some(Trouble::NearlyFull { free: 199, all: 10_000 })
        );
        assert_eq!(nearly_full((0, 0)), Some(Trouble::NearlyFull { free: 0, all: 0 }));
    }
}
