//! How the engine delivers: when it tries again, how long it waits, how much it does at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::retry::RetryPolicy;

/// Durations are written `5s`, `2m`, `1h`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// The wait after each failed attempt; one attempt more than it has entries.
    #[serde(with = "durations")]
    pub retry_schedule: Vec<Duration>,
    /// One deadline for the whole attempt: resolve, connect, send, read.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Attempts under way at once, over all hooks.
    pub in_flight: usize,
    /// Attempts under way at once to one hook.
    pub in_flight_per_hook: usize,
    /// Deliveries of one hook kept in memory; the rest waits in the database.
    pub lane_window: usize,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            retry_schedule: RetryPolicy::default().schedule,
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(3),
            in_flight: 256,
            in_flight_per_hook: 16,
            lane_window: 1000,
        }
    }
}

impl Delivery {
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy { schedule: self.retry_schedule.clone(), ..RetryPolicy::default() }
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let limits = [
            ("delivery.timeout", self.timeout.is_zero()),
            ("delivery.connect_timeout", self.connect_timeout.is_zero()),
            ("delivery.in_flight", self.in_flight == 0),
            ("delivery.in_flight_per_hook", self.in_flight_per_hook == 0),
            ("delivery.lane_window", self.lane_window == 0),
        ];
        match limits.iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(format!("{name}: must be more than zero")),
            None => Ok(()),
        }
    }
}

/// A list of durations in the same spelling as a single one.
mod durations {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Spelled(#[serde(with = "humantime_serde")] Duration);

    pub fn serialize<S: Serializer>(list: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().copied().map(Spelled))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
        let spelled = Vec::<Spelled>::deserialize(deserializer)?;
        Ok(spelled.into_iter().map(|Spelled(wait)| wait).collect())
    }
}
