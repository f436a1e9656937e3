//! The one clock of the harness. Load generator, relay and receiver are processes of one machine,
//! so its wall clock is what they share; a latency is a difference of two of its readings.

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

/// From `start` to now, in seconds.
pub fn seconds_since(start: u64) -> f64 {
    seconds(start, now())
}

/// The distance of two readings in seconds.
pub fn seconds(start: u64, end: u64) -> f64 {
    Duration::from_micros(end.saturating_sub(start)).as_secs_f64()
}

/// What is left until a reading, nothing when it has passed.
pub fn until(moment: u64) -> Duration {
    Duration::from_micros(moment.saturating_sub(now()))
}
