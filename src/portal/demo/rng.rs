//! Reproducible random numbers and ids: the same seed gives the same installation.

use uuid::Uuid;

use crate::domain::time::Timestamp;

/// Splitmix64.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// In the range `from..to`; `from` if the range is empty.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to.saturating_sub(from)).unwrap_or(0).max(1);
        from.saturating_add(i64::try_from(self.next() % width).unwrap_or(0))
    }

    /// True with this probability.
    pub fn percent(&mut self, percent: i64) -> bool {
        self.between(0, 100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let end = i64::try_from(from.len()).unwrap_or(i64::MAX);
        from[usize::try_from(self.between(0, end)).unwrap_or(0)]
    }

    /// Short usually, long sometimes: two uniform numbers multiplied.
    pub fn skewed(&mut self, from: i64, to: i64) -> i64 {
        let width = to - from;
        from + self.between(0, width + 1) * self.between(0, width + 1) / width.max(1)
    }

    /// A UUID of version 7 with this time.
    pub fn id(&mut self, at: Timestamp) -> Uuid {
        let millis = u64::try_from(at.0).unwrap_or(0);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.next().to_be_bytes());
        random[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// `length` hexadecimal digits, at most 32.
    pub fn hex(&mut self, length: usize) -> String {
        let mut digits = format!("{:016x}{:016x}", self.next(), self.next());
        digits.truncate(length);
        digits
    }
}
