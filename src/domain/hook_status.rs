//! The status of a hook in one word, from its switch, its health and its recent attempts. The
//! switch is the intended state; this is the actual one.

use serde::{Deserialize, Serialize};

use super::{health::Health, hook::Hook, measured::Outcomes, time::Timestamp};

/// With fewer attempts in a day, the success rate is ignored.
const FEW: i64 = 20;
/// The minimum success rate of a healthy hook.
const HEALTHY_PERCENT: i64 = 95;

macro_rules! statuses {
    ($($variant:ident = $key:literal, $word:literal;)+) => {
        /// The status of a hook.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum HookStatus { $($variant),+ }

        impl HookStatus {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in URLs.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// The name on pages.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

// Worst first: lists are sorted by this order.
statuses! {
    SwitchedOff = "switched-off", "Turned off automatically";
    Paused = "paused", "Paused";
    Degraded = "degraded", "Degraded";
    Throttled = "throttled", "Throttled";
    Healthy = "healthy", "Healthy";
    Quiet = "quiet", "No traffic";
    Off = "off", "Off";
}

impl HookStatus {
    /// `day`: the attempts of the last 24 hours.
    pub fn of(hook: &Hook, health: &Health, day: &Outcomes, now: Timestamp) -> Self {
        match (hook.enabled, &hook.off_reason) {
            (false, Some(_)) => Self::SwitchedOff,
            (false, None) => Self::Off,
            (true, _) => Self::when_on(health, day, now),
        }
    }

    /// The status, ignoring the switch.
    pub fn when_on(health: &Health, day: &Outcomes, now: Timestamp) -> Self {
        if health.paused.is_some() {
            return Self::Paused;
        }
        // Nothing is sent until then, whatever the last attempts returned.
        if health.waits_until.is_some_and(|until| until > now) {
            return Self::Throttled;
        }
        let fails_often =
            day.total() >= FEW && day.percent().is_some_and(|percent| percent < HEALTHY_PERCENT);
        match (health.failures, day.total()) {
            (1.., _) => Self::Degraded,
            _ if fails_often => Self::Degraded,
            (_, 0) => Self::Quiet,
            _ => Self::Healthy,
        }
    }

    /// It needs attention.
    pub fn is_failing(self) -> bool {
        matches!(self, Self::SwitchedOff | Self::Paused | Self::Degraded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(failures: u32, succeeded: i64, failed: i64) -> HookStatus {
        HookStatus::when_on(
            &Health { failures, ..Health::default() },
            &Outcomes { succeeded, failed },
            Timestamp(0),
        )
    }

    #[test]
    fn a_hook_is_degraded_after_a_failure_or_with_a_low_success_rate() {
        assert_eq!(on(0, 0, 0), HookStatus::Quiet);
        assert_eq!(on(0, 100, 0), HookStatus::Healthy);
        assert_eq!(on(1, 100, 1), HookStatus::Degraded);
        assert_eq!(
            on(0, 5, 5),
            HookStatus::Healthy,
            "too few attempts for a rate, and the last one succeeded"
        );
        assert_eq!(on(0, 90, 10), HookStatus::Degraded);
        assert_eq!(on(0, 95, 5), HookStatus::Healthy);
    }

    #[test]
    fn a_hook_is_throttled_while_its_receiver_wants_no_requests() {
        let health = Health { waits_until: Some(Timestamp(10)), failures: 1, ..Health::default() };
        let at = |now| HookStatus::when_on(&health, &Outcomes::default(), Timestamp(now));
        assert_eq!((at(9), at(10)), (HookStatus::Throttled, HookStatus::Degraded));
    }

    #[test]
    fn the_worst_status_sorts_first() {
        assert!(
            HookStatus::SwitchedOff < HookStatus::Paused
                && HookStatus::Paused < HookStatus::Degraded
        );
        assert!(HookStatus::Degraded < HookStatus::Healthy && HookStatus::Quiet < HookStatus::Off);
        assert!(HookStatus::ALL.is_sorted());
    }
}
