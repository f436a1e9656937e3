//! Timestamps in milliseconds since 1970 (UTC), and their text forms. Only `engine::clock` reads
//! the current time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "engine", derive(sqlx::Type), sqlx(transparent))]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// RFC 3339 in UTC with milliseconds, for the API and `<time datetime>`.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => format!("{moment:.3}"),
            Err(_) => "out of range".to_owned(),
        }
    }

    /// `2026-11-22 14:03:11 UTC`
    pub fn readable(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Err(_) => "out of range".to_owned(),
        }
    }

    /// Parses RFC 3339 with any offset. Fractions of a millisecond are truncated.
    pub fn parse(text: &str) -> Option<Self> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        Some(Self(moment.as_millisecond()))
    }

    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn before(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `self` to `later`; zero if `later` is earlier.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// `3 minutes ago`, `in 30 seconds`, `just now`; `None` beyond a month, where pages show the
    /// date.
    pub fn relative_to(self, now: Self) -> Option<String> {
        let distance = now.0.saturating_sub(self.0);
        let seconds = distance.unsigned_abs() / 1000;
        let (amount, unit) = match seconds {
            0 => return Some("just now".to_owned()),
            1..60 => (seconds, "second"),
            60..3600 => (seconds / 60, "minute"),
            3600..86_400 => (seconds / 3600, "hour"),
            86_400..2_678_400 => (seconds / 86_400, "day"),
            _ => return None,
        };
        let plural = if amount == 1 { "" } else { "s" };
        let (before, after) = if distance > 0 { ("", " ago") } else { ("in ", "") };
        Some(format!("{before}{amount} {unit}{plural}{after}"))
    }
}

/// A duration as text: `5 s`, `2 min`, `12 h`, `5 days`.
pub fn readable_duration(wait: Duration) -> String {
    let seconds = wait.as_secs();
    match seconds {
        0 => format!("{} ms", wait.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_has_milliseconds_and_round_trips() {
        let moment = Timestamp(1_646_725_187_605);
        assert_eq!(moment.rfc3339(), "2022-03-08T07:39:47.605Z");
        assert_eq!(Timestamp::parse(&moment.rfc3339()), Some(moment));
        assert_eq!(Timestamp::parse("2022-03-08T08:39:47.6052457+01:00"), Some(moment));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn extreme_timestamps_do_not_panic() {
        for extreme in [i64::MIN, i64::MAX, -1, 0] {
            let moment = Timestamp(extreme);
            let _ = (moment.rfc3339(), moment.readable(), moment.relative_to(Timestamp(0)));
            let _ = (
                moment.after(Duration::MAX),
                moment.before(Duration::MAX),
                Timestamp(0).until(moment),
            );
        }
    }

    #[test]
    fn relative_times() {
        let now = Timestamp(10_000_000);
        let relative = |millis: i64| Timestamp(10_000_000 + millis).relative_to(now);
        assert_eq!(relative(-61_000).as_deref(), Some("1 minute ago"));
        assert_eq!(relative(30_000).as_deref(), Some("in 30 seconds"));
        assert_eq!(relative(0).as_deref(), Some("just now"));
        assert_eq!(relative(-32 * 86_400_000), None);
    }
}
