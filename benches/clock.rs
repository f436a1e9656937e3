//! The clock of the benchmarks. Load generator, relay and receiver are processes on one machine and
//! share its wall clock; a latency is the difference of two readings.

use std::time::{Duration, SystemTime};

/// Microseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the home of the harness's clock; it times processes, not the engine"
)]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Seconds from `start` to now.
pub fn seconds_since(start: u64) -> f64 {
    seconds(start, now())
}

/// Seconds between two readings.
pub fn seconds(start: u64, end: u64) -> f64 {
    Duration::from_micros(end.saturating_sub(start)).as_secs_f64()
}

/// The time from now to `time`; zero if it has passed.
pub fn until(time: u64) -> Duration {
    Duration::from_micros(time.saturating_sub(now()))
}
