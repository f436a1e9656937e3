//! The section `retention`: how long settled data is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Counted from the time that an event was accepted. Open deliveries are never removed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Payloads and response bodies. They are removed first, because they hold personal data.
    #[serde(with = "humantime_serde")]
    pub payloads: Duration,
    /// Deliveries with their attempts, and their events.
    #[serde(with = "humantime_serde")]
    pub deliveries: Duration,
    /// Entries of the audit log.
    #[serde(with = "humantime_serde")]
    pub audit: Duration,
    /// How often expired data is removed.
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
        // Zero would make the cleanup task run without a pause.
        if self.every.is_zero() {
            Err("retention.every: must be greater than zero".to_owned())
        } else {
            Ok(())
        }
    }
}
