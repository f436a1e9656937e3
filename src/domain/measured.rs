//! Statistics of attempts for the charts: counts per hour, and a histogram of durations.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

const HOUR_MS: i64 = 3_600_000;

/// Hours since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "engine", derive(sqlx::Type), sqlx(transparent))]
#[serde(transparent)]
pub struct Hour(pub i64);

impl Hour {
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.0.div_euclid(HOUR_MS))
    }

    pub fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(HOUR_MS))
    }

    #[must_use]
    pub fn back(self, hours: i64) -> Self {
        Self(self.0 - hours)
    }
}

/// The class of attempts that the receiver postponed with `Retry-After`.
pub const POSTPONED: &str = "put_off";

/// The number of succeeded and failed attempts in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    pub succeeded: i64,
    pub failed: i64,
}

impl Outcomes {
    pub fn total(&self) -> i64 {
        self.succeeded + self.failed
    }

    /// The success rate in percent, rounded down: 100 means that no attempt failed. `None` without
    /// attempts.
    pub fn percent(&self) -> Option<i64> {
        (self.total() > 0).then(|| self.succeeded * 100 / self.total())
    }

    pub fn add(&mut self, class: &str, count: i64) {
        match class {
            "success" => self.succeeded += count,
            POSTPONED => {}
            _ => self.failed += count,
        }
    }
}

/// The time range of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    #[default]
    Day,
    Week,
    Month,
}

impl Range {
    pub const ALL: &[Self] = &[Self::Day, Self::Week, Self::Month];

    pub fn key(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|range| range.key() == key)
    }

    /// Continues "in the last".
    pub fn words(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    pub fn hours(self) -> i64 {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        }
    }

    /// Hours per column.
    pub fn step(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Week => 6,
            Self::Month => 24,
        }
    }
}

/// The histogram bucket of a duration. Two buckets for each doubling: a quantile is off by at most
/// a fifth, and 15 seconds take 30 buckets.
pub fn bucket_of(millis: i64) -> i64 {
    let millis = millis.max(0);
    match millis.checked_ilog2() {
        None => 0,
        Some(log) => {
            let half = if log > 0 { (millis >> (log - 1)) & 1 } else { 0 };
            1 + 2 * i64::from(log) + half
        }
    }
}

/// The lower bound of a bucket, in milliseconds.
fn lower_bound(bucket: i64) -> f64 {
    if bucket <= 0 {
        return 0.0;
    }
    let (log, half) = ((bucket - 1) / 2, (bucket - 1) % 2);
    #[expect(clippy::cast_precision_loss, reason = "buckets are small numbers")]
    let base = 2f64.powi(i32::try_from(log).unwrap_or(62)) * (1.0 + half as f64 / 2.0);
    base
}

/// A histogram: pairs of bucket and count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations(pub Vec<(i64, i64)>);

impl Durations {
    pub fn add(&mut self, bucket: i64, count: i64) {
        match self.0.iter_mut().find(|(known, _)| *known == bucket) {
            Some((_, sum)) => *sum += count,
            None => self.0.push((bucket, count)),
        }
    }

    /// A quantile in milliseconds, interpolated between the bounds of its bucket.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "counts and durations are far below 2^52"
    )]
    pub fn quantile(&self, share: f64) -> Option<i64> {
        let mut buckets = self.0.clone();
        buckets.sort_unstable();
        let total: i64 = buckets.iter().map(|(_, count)| count).sum();
        let rank = share * total as f64;
        let mut below = 0.0;
        for (bucket, count) in buckets {
            let count = count as f64;
            if below + count >= rank && count > 0.0 {
                // The first buckets can be empty intervals: their next bound may be lower.
                let from = lower_bound(bucket);
                let to = lower_bound(bucket + 1).max(from);
                return Some((from + (to - from) * ((rank - below) / count)).round() as i64);
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_ordered_and_adjacent() {
        let mut last = -1;
        for millis in 0..100_000 {
            let bucket = bucket_of(millis);
            assert!(bucket >= last, "{millis}");
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let exact = millis as f64;
            assert!(
                lower_bound(bucket) <= exact
                    && exact < lower_bound(bucket + 1).max(lower_bound(bucket) + 0.6),
                "{millis}"
            );
            last = bucket;
        }
        assert_eq!(bucket_of(-5), 0);
        assert!(bucket_of(15_000) < 30);
    }

    #[test]
    fn quantiles_are_within_a_fifth() {
        let mut durations = Durations::default();
        for millis in 1..=1000 {
            durations.add(bucket_of(millis), 1);
        }
        for (share, exact) in [(0.5, 500), (0.95, 950), (0.99, 990)] {
            let read = durations.quantile(share).unwrap();
            assert!((read - exact).abs() * 5 <= exact, "{share}: {read}");
        }
        assert_eq!(Durations::default().quantile(0.5), None);
    }

    #[test]
    fn a_time_is_within_its_hour() {
        let moment = Timestamp(1_700_000_000_123);
        let hour = Hour::of(moment);
        assert!(hour.start() <= moment && moment < Hour(hour.0 + 1).start());
        assert_eq!(Hour::of(Timestamp(-1)), Hour(-1));
    }

    #[test]
    fn a_postponed_attempt_is_neither_success_nor_failure() {
        let mut outcomes = Outcomes::default();
        for (class, count) in
            [("success", 3), (POSTPONED, 40), ("throttled", 1), ("server_error", 2)]
        {
            outcomes.add(class, count);
        }
        assert_eq!(outcomes, Outcomes { succeeded: 3, failed: 3 });
    }

    #[test]
    fn the_rate_is_100_only_without_failures() {
        assert_eq!(Outcomes { succeeded: 999_999, failed: 1 }.percent(), Some(99));
        assert_eq!(Outcomes { succeeded: 3, failed: 0 }.percent(), Some(100));
        assert_eq!(Outcomes::default().percent(), None);
    }
}
