//! The bar chart above the list of deliveries: how many deliveries of each result were accepted in
//! each part of a time range.

use serde::{Deserialize, Serialize};

use super::{delivery::State, time::Timestamp};

/// Most bars of a chart.
const MAX_BARS: i64 = 48;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// Widths of a bar in seconds.
const STEPS: &[i64] = &[
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    364 * DAY,
    3640 * DAY,
    36_400 * DAY,
];

/// The deliveries of one bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    pub delivered: i64,
    pub failed: i64,
    /// Pending, waiting or held.
    pub open: i64,
    /// Skipped or cancelled.
    pub dropped: i64,
}

impl Bar {
    pub fn add(&mut self, state: State, count: i64) {
        match state {
            State::Delivered => self.delivered += count,
            State::Failed => self.failed += count,
            State::Pending | State::Waiting | State::Held => self.open += count,
            State::Skipped | State::Cancelled => self.dropped += count,
        }
    }

    pub fn total(&self) -> i64 {
        self.delivered + self.failed + self.open + self.dropped
    }

    /// The bar as it would be if `part` of its range had been counted.
    #[must_use]
    pub fn scaled(self, part: i64, whole: i64) -> Self {
        let scale = |count: i64| count.saturating_mul(whole.max(1)) / part.max(1);
        Self {
            delivered: scale(self.delivered),
            failed: scale(self.failed),
            open: scale(self.open),
            dropped: scale(self.dropped),
        }
    }
}

/// How many deliveries match a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Total {
    Exactly(i64),
    MoreThan(i64),
    /// Estimated from samples.
    About(i64),
}

/// Bars over a time range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Where the bars begin, and where the last one ends: one more than bars.
    pub bounds: Vec<Timestamp>,
    pub bars: Vec<Bar>,
    pub total: Total,
    /// The bars are estimated from samples.
    pub is_sampled: bool,
}

/// The bounds of the bars for a range: at most 48 bars whose inner bounds are full minutes, hours
/// or days of a clock that is `offset_ms` ahead of UTC.
pub fn bounds(from: Timestamp, to: Timestamp, offset_ms: i64) -> Vec<Timestamp> {
    let to = Timestamp(to.0.max(from.0.saturating_add(1)));
    let range = to.0.saturating_sub(from.0);
    let step = STEPS.iter().map(|step| step * 1000).find(|step| range / step < MAX_BARS - 1);
    let step = step.unwrap_or(i64::MAX / 4);
    let mut bounds = vec![from];
    let mut next = (from.0.saturating_add(offset_ms)).div_euclid(step).saturating_add(1) * step;
    while next - offset_ms < to.0 {
        bounds.push(Timestamp(next - offset_ms));
        next += step;
    }
    bounds.push(to);
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn bars_begin_at_full_hours_of_the_readers_clock() {
        let (from, to) = (at("2026-11-28T09:10:00Z"), at("2026-11-29T09:10:00Z"));
        let utc = bounds(from, to, 0);
        assert_eq!((utc[0], *utc.last().unwrap()), (from, to));
        assert_eq!(utc[1], at("2026-11-28T10:00:00Z"));
        assert_eq!(utc[2], at("2026-11-28T11:00:00Z"));
        let kathmandu = bounds(from, to, (5 * HOUR + 45 * MINUTE) * 1000);
        assert_eq!(kathmandu[1], at("2026-11-28T09:15:00Z"));
    }

    #[test]
    fn any_range_has_a_few_bars_in_order() {
        for length in [0, 1, 999, 60_000, 3_600_000, 86_400_000, 90 * 86_400_000, i64::MAX / 8] {
            for from in [0, 1, 1_700_000_000_123] {
                let bounds = bounds(Timestamp(from), Timestamp(from + length), 0);
                assert!((2..=49).contains(&bounds.len()), "{length}: {}", bounds.len());
                assert!(bounds.is_sorted() && bounds[0] < bounds[1], "{length}");
            }
        }
    }

    #[test]
    fn a_sample_is_scaled_to_its_range() {
        let bar = Bar { delivered: 150, failed: 50, ..Bar::default() };
        assert_eq!(bar.scaled(10, 100).total(), 2000);
        assert_eq!(bar.scaled(0, 0), bar);
    }
}
