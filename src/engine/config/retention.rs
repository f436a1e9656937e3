//! For how long what is settled is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Counted from when an event was accepted. What is still open is kept however old it is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Bodies of events and of answers: personal data goes first.
    #[serde(with = "humantime_serde")]
    pub payloads: Duration,
    /// Deliveries with their attempts, and then their events.
    #[serde(with = "humantime_serde")]
    pub deliveries: Duration,
    /// Lines of the audit log.
    #[serde(with = "humantime_serde")]
    pub audit: Duration,
    /// How often it is looked for what is too old.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Self {
            payloads: days(30),
            deliveries: days(90),
            audit: days(400),
            every: Duration::from_secs(300),
        }
    }
}

impl Retention {
    pub(super) fn validate(&self) -> Result<(), String> {
        // It would look without a pause.
        if self.every.is_zero() {
            Err("retention.every: must be more than zero".to_owned())
        } else {
            Ok(())
        }
    }
}
