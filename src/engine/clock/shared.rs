//! The time that all servers of one database share. It is the database's time, extrapolated between
//! two synchronisations with the machine's monotonic clock. So a server's wall clock can be wrong,
//! or be changed, without any effect on stored times. Pure: `clock` passes the readings in.

use std::sync::atomic::{AtomicI64, Ordering};

/// Value of `offset` before the first synchronisation.
const UNSET: i64 = i64::MIN;

/// The synchronised state. All numbers are milliseconds.
#[derive(Debug)]
pub struct SharedTime {
    /// Added to the monotonic clock to get the shared time.
    offset: AtomicI64,
    /// Simulated error of the machine's wall clock. Zero outside of tests.
    skew: AtomicI64,
}

impl Default for SharedTime {
    fn default() -> Self {
        Self { offset: AtomicI64::new(UNSET), skew: AtomicI64::new(0) }
    }
}

impl SharedTime {
    /// The shared time at the monotonic reading `monotonic`. `None` before the first
    /// synchronisation.
    pub(super) fn now(&self, monotonic: i64) -> Option<i64> {
        let offset = self.offset.load(Ordering::Relaxed);
        (offset != UNSET).then(|| monotonic.saturating_add(offset))
    }

    /// The reading of the wall clock, with the error that a test simulates.
    pub(super) fn wall_clock(&self, system: i64) -> i64 {
        system.saturating_add(self.skew.load(Ordering::Relaxed))
    }

    pub(super) fn set_skew(&self, skew_ms: i64) {
        self.skew.store(skew_ms, Ordering::Relaxed);
    }

    /// The database's clock read `time` at some point between the monotonic readings `asked` and
    /// `answered`. The offset is moved only as far as needed to fit into this interval, so a slow
    /// answer, whose interval is wide, changes little.
    pub(super) fn synchronise(&self, asked: i64, answered: i64, time: i64) {
        let (min, max) = (time - answered, time - asked);
        let offset = match self.offset.load(Ordering::Relaxed) {
            UNSET => min + (max - min) / 2,
            offset => offset.clamp(min.min(max), max),
        };
        self.offset.store(offset, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_moves_the_offset_only_as_far_as_needed() {
        let shared = SharedTime::default();
        assert_eq!(shared.now(500), None);
        shared.synchronise(100, 120, 1_000_110);
        assert_eq!(shared.now(500), Some(1_000_500), "the middle of the round trip");
        shared.synchronise(1000, 9000, 1_003_000);
        assert_eq!(shared.now(9000), Some(1_009_000), "an answer that took eight seconds fits");
        shared.synchronise(10_000, 10_002, 1_011_001);
        assert_eq!(
            shared.now(10_002),
            Some(1_011_001),
            "moved forward to the edge of the interval"
        );
        shared.synchronise(20_000, 20_002, 1_020_001);
        assert_eq!(shared.now(20_002), Some(1_020_003), "moved back to the edge");
    }
}
