//! What happens to a new event of a hook, by its switch and its circuit breaker. Imports nothing.

/// Whether a hook accepts new events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// The event is sent.
    Open,
    /// The circuit breaker is open: the event is held.
    Paused,
    /// A user or the portal turned the hook off: the event is skipped.
    Off,
}

/// Why a paused hook holds its deliveries.
pub const PAUSED: &str = "the hook is paused: its receiver keeps failing";

impl Acceptance {
    /// Why a hook holds its pending deliveries; `None` if it doesn't.
    pub fn hold_reason(self) -> Option<&'static str> {
        match self {
            Self::Open => None,
            Self::Paused => Some(PAUSED),
            Self::Off => Some("the hook is off"),
        }
    }
}
