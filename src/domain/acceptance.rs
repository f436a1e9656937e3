//! What becomes of a new event at a hook, as its slider and its breaker stand. Imports nothing.

/// Whether a hook takes new events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is sent at once.
    Open,
    /// The circuit breaker waits for the receiver: it is held.
    Paused,
    /// A person or the portal switched the hook off: it is skipped.
    Off,
}

/// Why a paused hook keeps its deliveries.
pub const PAUSED: &str = "the hook is paused: its receiver keeps failing";

impl Acceptance {
    /// Why a hook keeps its deliveries; `None`: it does not.
    pub fn why_held(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Paused => Some(PAUSED),
            Self::Off => Some("the hook is off"),
        }
    }
}
