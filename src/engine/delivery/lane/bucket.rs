//! A token bucket as rate limit: it fills over time and each attempt takes one token. The rate may
//! change between attempts.

use crate::domain::time::Timestamp;

/// The burst after an idle time, as a fraction of one second's tokens; at least one token.
const BURST: f64 = 0.1;

/// The bucket of one hook. A new bucket is full.
#[derive(Default)]
pub(super) struct Bucket {
    level: f64,
    filled_at: Option<Timestamp>,
    /// When the next token is available; `None`: no attempt is waiting for one.
    pub(super) free_at: Option<Timestamp>,
}

impl Bucket {
    /// Takes a token, or notes when the next one is available. `rate`: tokens per second.
    pub(super) fn take(&mut self, rate: f64, now: Timestamp) -> bool {
        let capacity = (rate * BURST).max(1.0);
        // If the clock was set back, no time has passed: the level does not change.
        let filled = self.filled_at.map_or(capacity, |at| at.until(now).as_secs_f64() * rate);
        self.level = (self.level + filled).min(capacity);
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
    fn over_ten_seconds_the_configured_rate_is_used_and_not_exceeded() {
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
    fn a_clock_set_back_neither_fills_nor_blocks_the_bucket() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(1.0, Timestamp(1_000_000)));
        assert!(!bucket.take(1.0, Timestamp(10)));
        assert_eq!(bucket.free_at, Some(Timestamp(1010)));
    }
}
