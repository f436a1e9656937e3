//! The section `delivery`: retries, timeouts, concurrency, memory limits, circuit breaker.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{health::BreakerPolicy, retry::RetryPolicy};

/// Durations are written like `5s`, `2m`, `1h`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// The delay before each retry. A delivery has at most one attempt more than this has entries.
    #[serde(with = "super::spelling::durations")]
    pub retry_schedule: Vec<Duration>,
    /// Deadline of a whole attempt: DNS lookup, connect, TLS, send, read.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Time limit for TCP and TLS.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Maximum attempts that are sent and not yet recorded, over all hooks. A crash repeats at most
    /// these.
    pub in_flight: usize,
    /// Maximum concurrent attempts to one hook's receiver.
    pub in_flight_per_hook: usize,
    /// Maximum deliveries of one hook in memory. Further ones stay in the database.
    pub lane_window: usize,
    /// Maximum payload bytes of these deliveries.
    #[serde(deserialize_with = "super::spelling::size")]
    pub lane_window_bytes: usize,
    /// Maximum bytes of deliveries in memory over all hooks, queued and in flight. Further ones
    /// stay in the database. Each hook may always have one delivery in memory.
    #[serde(deserialize_with = "super::spelling::size")]
    pub memory_bytes: usize,
    /// Held deliveries of a hook that are released per second after the hook recovered.
    pub drain_per_second: u32,
    /// Consecutive failures that pause a hook (open its circuit breaker).
    pub pause_after: u32,
    /// Delay before a paused hook's first probe. It doubles with each further probe, up to
    /// `longest_probe`.
    #[serde(with = "humantime_serde")]
    pub first_probe: Duration,
    #[serde(with = "humantime_serde")]
    pub longest_probe: Duration,
    /// A hook is switched off when all attempts failed for this long.
    #[serde(with = "humantime_serde")]
    pub give_up_after: Duration,
}

impl Default for Delivery {
    fn default() -> Self {
        let breaker = BreakerPolicy::default();
        Self {
            retry_schedule: RetryPolicy::default().schedule,
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(3),
            in_flight: 512,
            in_flight_per_hook: 16,
            lane_window: 1000,
            lane_window_bytes: 4 * 1024 * 1024,
            memory_bytes: 64 * 1024 * 1024,
            drain_per_second: 250,
            pause_after: breaker.failures,
            first_probe: breaker.first_probe,
            longest_probe: breaker.longest_probe,
            give_up_after: breaker.give_up_after,
        }
    }
}

impl Delivery {
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy { schedule: self.retry_schedule.clone(), ..RetryPolicy::default() }
    }

    pub fn breaker(&self) -> BreakerPolicy {
        BreakerPolicy {
            failures: self.pause_after,
            first_probe: self.first_probe,
            longest_probe: self.longest_probe,
            give_up_after: self.give_up_after,
        }
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let limits = [
            ("delivery.timeout", self.timeout.is_zero()),
            ("delivery.connect_timeout", self.connect_timeout.is_zero()),
            ("delivery.in_flight", self.in_flight == 0),
            ("delivery.in_flight_per_hook", self.in_flight_per_hook == 0),
            ("delivery.lane_window", self.lane_window == 0),
            ("delivery.lane_window_bytes", self.lane_window_bytes == 0),
            ("delivery.memory_bytes", self.memory_bytes == 0),
            ("delivery.drain_per_second", self.drain_per_second == 0),
            ("delivery.pause_after", self.pause_after == 0),
            ("delivery.first_probe", self.first_probe.is_zero()),
            ("delivery.give_up_after", self.give_up_after.is_zero()),
        ];
        match limits.iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(format!("{name}: must be greater than zero")),
            None => Ok(()),
        }
    }
}
