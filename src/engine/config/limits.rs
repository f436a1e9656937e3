//! The section `limits`: high-water marks of the backlog. Above them new events are refused,
//! instead of filling the disk or accepting events that cannot be delivered in time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// High-water marks of accepted and unsettled deliveries, in total and per hook.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Payload bytes, counted once per delivery. Above it new events are refused.
    #[serde(deserialize_with = "super::spelling::size")]
    pub queued_bytes: u64,
    /// Age of the oldest due delivery. Above it new events are refused. Deliveries of hooks that
    /// are switched off, paused or over their own limit do not count.
    #[serde(with = "humantime_serde")]
    pub queued_age: Duration,
    /// The marks for each single hook. Default: a quarter of the total. New deliveries for a hook
    /// above its mark are recorded as skipped, and can be recovered later.
    #[serde(deserialize_with = "super::spelling::optional_size")]
    pub hook_bytes: Option<u64>,
    #[serde(with = "humantime_serde")]
    pub hook_age: Option<Duration>,
    /// Disk space that is reserved next to an SQLite database for a full disk; see
    /// `engine::store::reserve`. 0 reserves none.
    #[serde(deserialize_with = "super::spelling::size")]
    pub reserve_bytes: u64,
}

/// The default share of one hook is the total divided by this.
const HOOK_SHARE_DIVISOR: u32 = 4;

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
        self.hook_bytes.unwrap_or(self.queued_bytes / u64::from(HOOK_SHARE_DIVISOR))
    }

    pub fn hook_age(&self) -> Duration {
        self.hook_age.unwrap_or(self.queued_age / HOOK_SHARE_DIVISOR)
    }
}
