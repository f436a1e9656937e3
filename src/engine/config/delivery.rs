//! How the engine delivers: when it tries again, how long it waits, how much it does at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{health::BreakerPolicy, retry::RetryPolicy};

/// Durations are written `5s`, `2m`, `1h`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// The wait after each failed attempt; one attempt more than it has entries.
    #[serde(with = "super::spelling::durations")]
    pub retry_schedule: Vec<Duration>,
    /// One deadline for the whole attempt: resolve, connect, send, read.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Attempts that are sent and not yet on record, over all hooks. A crash repeats at most these.
    pub in_flight: usize,
    /// Attempts that one hook's receiver has to answer at once.
    pub in_flight_per_hook: usize,
    /// Deliveries of one hook kept in memory; the rest waits in the database.
    pub lane_window: usize,
    /// And bytes of bodies among them.
    #[serde(deserialize_with = "super::spelling::size")]
    pub lane_window_bytes: usize,
    /// Bytes that the deliveries in memory take at most, over all hooks: queued and in flight. The
    /// rest waits in the database. A hook may always have one delivery in memory.
    #[serde(deserialize_with = "super::spelling::size")]
    pub memory_bytes: usize,
    /// Held deliveries of a hook that are let go in a second, once it is open again.
    pub drain_per_second: u32,
    /// Failures in a row that pause a hook.
    pub pause_after: u32,
    /// The wait before a paused hook's first probe; each later one doubles it, up to
    /// `longest_probe`.
    #[serde(with = "humantime_serde")]
    pub first_probe: Duration,
    #[serde(with = "humantime_serde")]
    pub longest_probe: Duration,
    /// Nothing but failures for this long switches a hook off.
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
            Some((name, _)) => Err(format!("{name}: must be more than zero")),
            None => Ok(()),
        }
    }
}
