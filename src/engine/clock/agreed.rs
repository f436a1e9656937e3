//! The time that all servers of one database go by: the database's, carried on from each answer to
//! the next by the machine's monotonic clock. So the wall clock of a server may be wrong, or be
//! set, and nothing that is written changes.

use std::sync::atomic::{AtomicI64, Ordering};

/// Nothing was agreed on yet.
const NONE: i64 = i64::MIN;

/// See the module. All numbers are milliseconds.
#[derive(Debug)]
pub struct Agreed {
    /// What is to be added to the monotonic clock.
    offset: AtomicI64,
    /// By how much a test has put the machine's clock wrong.
    wrong: AtomicI64,
}

impl Default for Agreed {
    fn default() -> Self {
        Self { offset: AtomicI64::new(NONE), wrong: AtomicI64::new(0) }
    }
}

impl Agreed {
    /// What time it is, when the monotonic clock says `monotonic`.
    pub(super) fn now(&self, monotonic: i64) -> Option<i64> {
        let offset = self.offset.load(Ordering::Relaxed);
        (offset != NONE).then(|| monotonic.saturating_add(offset))
    }

    /// What the machine's wall clock says, when it says `system` outside of tests.
    pub(super) fn machine(&self, system: i64) -> i64 {
        system.saturating_add(self.wrong.load(Ordering::Relaxed))
    }

    pub(super) fn set_wrong(&self, by: i64) {
        self.wrong.store(by, Ordering::Relaxed);
    }

    /// At some moment between `asked` and `answered` it was `time`. An answer that took long says
    /// little, and changes little: the clock moves only as far as it must to agree with it.
    pub(super) fn agree(&self, asked: i64, answered: i64, time: i64) {
        let (least, most) = (time - answered, time - asked);
        let offset = match self.offset.load(Ordering::Relaxed) {
            NONE => least + (most - least) / 2,
            offset => offset.clamp(least.min(most), most),
        };
        self.offset.store(offset, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_move_it_as_far_as_they_must() {
        let agreed = Agreed::default();
        assert_eq!(agreed.now(500), None);
        agreed.agree(100, 120, 1_000_110);
        assert_eq!(agreed.now(500), Some(1_000_500), "the middle of the way there and back");
        agreed.agree(1000, 9000, 1_003_000);
        assert_eq!(agreed.now(9000), Some(1_009_000), "an answer that took eight seconds fits");
        agreed.agree(10_000, 10_002, 1_011_001);
        assert_eq!(agreed.now(10_002), Some(1_011_001), "no further than this answer demands");
        agreed.agree(20_000, 20_002, 1_020_001);
        assert_eq!(agreed.now(20_002), Some(1_020_003), "and back");
    }
}
