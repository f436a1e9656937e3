//! When no more is accepted: rather a clear "come back later" than a disk that fills up or a promise that is not kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// High-water marks of what is accepted and not yet settled.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of bodies, counted once for each delivery.
    pub queued_bytes: u64,
    /// Age of the oldest delivery whose first attempt is due. Those of hooks that are off or paused do not count.
    #[serde(with = "humantime_serde")]
    pub queued_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queued_bytes: 8 * 1024 * 1024 * 1024, queued_age: Duration::from_secs(3 * 24 * 3600) }
    }
}
