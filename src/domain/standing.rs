//! How a hook stands, in one word: what follows from its slider, its health and what its attempts
//! came to lately. The slider is what a person wants; this is what is.

use serde::{Deserialize, Serialize};

use super::{health::Health, hook::Hook, measured::Outcomes};

/// Attempts of a day below which a share of failures says nothing.
const FEW: i64 = 20;
/// Of a hundred attempts so many have to succeed for a hook to count as healthy.
const HEALTHY_PERCENT: i64 = 95;

macro_rules! standings {
    ($($variant:ident = $key:literal, $word:literal;)+) => {
        /// See the module.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Standing { $($variant),+ }

        impl Standing {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As an address says it.
            pub fn key(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            /// As people read it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

// The worst first: that is how a list is sorted by it.
standings! {
    SwitchedOff = "switched-off", "Switched off by the portal";
    Paused = "paused", "Paused";
    Degraded = "degraded", "Degraded";
    Healthy = "healthy", "Healthy";
    Quiet = "quiet", "No traffic";
    Off = "off", "Off";
}

impl Standing {
    /// `day` is what its attempts of the last 24 hours came to.
    pub fn of(hook: &Hook, health: &Health, day: &Outcomes) -> Self {
        match (hook.enabled, &hook.off_reason) {
            (false, Some(_)) => Self::SwitchedOff,
            (false, None) => Self::Off,
            (true, _) => Self::when_on(health, day),
        }
    }

    /// How it stands, or would if it were on.
    pub fn when_on(health: &Health, day: &Outcomes) -> Self {
        if health.paused.is_some() {
            return Self::Paused;
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

    /// Something is wrong that a person should look at.
    pub fn is_failing(self) -> bool {
        matches!(self, Self::SwitchedOff | Self::Paused | Self::Degraded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(failures: u32, succeeded: i64, failed: i64) -> Standing {
        Standing::when_on(
            &Health { failures, ..Health::default() },
            &Outcomes { succeeded, failed },
        )
    }

    #[test]
    fn what_failed_last_and_what_fails_often_is_degraded() {
        assert_eq!(on(0, 0, 0), Standing::Quiet);
        assert_eq!(on(0, 100, 0), Standing::Healthy);
        assert_eq!(on(1, 100, 1), Standing::Degraded);
        assert_eq!(
            on(0, 5, 5),
            Standing::Healthy,
            "ten attempts say little, and the last one succeeded"
        );
        assert_eq!(on(0, 90, 10), Standing::Degraded);
        assert_eq!(on(0, 95, 5), Standing::Healthy);
    }

    #[test]
    fn the_worst_sorts_first() {
        assert!(Standing::SwitchedOff < Standing::Paused && Standing::Paused < Standing::Degraded);
        assert!(Standing::Degraded < Standing::Healthy && Standing::Quiet < Standing::Off);
        assert!(Standing::ALL.is_sorted());
    }
}
