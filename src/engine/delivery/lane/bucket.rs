//! A rate limit as a token bucket: it fills with time and each attempt takes one token. The rate
//! may change from one attempt to the next.

use crate::domain::time::Timestamp;

/// How much of a second's worth may be taken at once after a quiet time.
const BURST: f64 = 0.1;

/// See the module. The first attempt finds it full.
#[derive(Default)]
pub(super) struct Bucket {
    level: f64,
    filled_at: Option<Timestamp>,
    /// When there will be one to take; `None` while nobody waits.
    pub(super) free_at: Option<Timestamp>,
}

impl Bucket {
    /// Takes one, or notes when there will be one.
    pub(super) fn take(&mut self, rate: f64, now: Timestamp) -> bool {
        let most = (rate * BURST).max(1.0);
        // A clock that was set back fills nothing, and takes nothing away.
        let filled = self.filled_at.map_or(most, |at| at.until(now).as_secs_f64() * rate);
        self.level = (self.level + filled).min(most);
        self.filled_at = Some(now);
        if self.level >= 1.0 {
            self.level -= 1.0;
            self.free_at = None;
            return true;
        }
        let wait = ((1.0 - self.level) / rate * 1000.0).ceil();
        self.free_at = Some(Timestamp(now.0.saturating_add(wait as i64)));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_rate_passes_over_ten_seconds_and_not_much_less() {
        for rate in [1u32, 3, 50, 700] {
            let mut bucket = Bucket::default();
            let mut now = Timestamp(5);
            let mut passed = 0;
            while now.0 < 10_005 {
                match bucket.take(f64::from(rate), now) {
                    true => passed += 1,
                    false => now = bucket.free_at.unwrap(),
                }
            }
            let fair = rate * 10;
            assert!(
                passed >= fair * 9 / 10 && passed <= fair + rate.div_ceil(10) + 1,
                "{rate}: {passed}"
            );
        }
    }

    #[test]
    fn a_clock_set_back_neither_opens_nor_blocks_it() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(1.0, Timestamp(1_000_000)));
        assert!(!bucket.take(1.0, Timestamp(10)));
        assert_eq!(bucket.free_at, Some(Timestamp(1010)));
    }
}
