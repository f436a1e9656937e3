//! How much may wait: rather a clear "come back later" than a disk that fills up or a promise that
//! is not kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// High-water marks of what is accepted and not yet settled: of each hook, and of all together.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of bodies, counted once for each delivery. Above it nothing more is accepted.
    #[serde(deserialize_with = "super::spelling::size")]
    pub queued_bytes: u64,
    /// Age of the oldest delivery that is due. Those of hooks that are off or paused do not count,
    /// nor those of hooks that are over their own limit.
    #[serde(with = "humantime_serde")]
    pub queued_age: Duration,
    /// The same for each hook by itself; a quarter of the mark for all unless set. What comes for a
    /// hook above it is recorded as skipped, and can be recovered.
    #[serde(deserialize_with = "super::spelling::optional_size")]
    pub hook_bytes: Option<u64>,
    #[serde(with = "humantime_serde")]
    pub hook_age: Option<Duration>,
    /// Disk space that SQLite keeps in reserve for when the disk is full; `engine::store::reserve`
    /// says why. 0: none.
    #[serde(deserialize_with = "super::spelling::size")]
    pub reserve_bytes: u64,
}

/// A hook may have one part in so many of what all may have.
const PART: u32 = 4;

impl Default for Limits {
    fn default() -> Self {
        Self {
            queued_bytes: 8 * 1024 * 1024 * 1024,
            queued_age: Duration::from_secs(3 * 24 * 3600),
            hook_bytes: None,
            hook_age: None,
            reserve_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Limits {
    pub fn hook_bytes(&self) -> u64 {
        self.hook_bytes.unwrap_or(self.queued_bytes / u64::from(PART))
    }

    pub fn hook_age(&self) -> Duration {
        self.hook_age.unwrap_or(self.queued_age / PART)
    }
}
