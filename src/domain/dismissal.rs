//! A dismissal: a person's decision, with a reason, that undelivered events need not be sent. Their
//! deliveries are cancelled, and stay in the log with the reason.

use serde::{Deserialize, Serialize};

use super::{
    delivery::State,
    id::{DismissalId, HookId},
    invalid::Invalid,
    log::AnswerGroup,
    time::Timestamp,
};

/// The longest reason, in characters.
pub const MAX_REASON: usize = 200;
/// Most deliveries of one dismissal.
pub const MAX_DISMISSED: i64 = 10_000;
/// What the stored reason of a dismissed delivery begins with.
pub const DISMISSED: &str = "dismissed by ";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissal {
    pub id: DismissalId,
    pub hook: HookId,
    /// What its deliveries were before: failed, skipped or held.
    pub state: State,
    /// The last result. `None`: any.
    pub answer: Option<AnswerGroup>,
    pub reason: String,
    pub number: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub undone_by: Option<String>,
    pub undone_at: Option<Timestamp>,
}

impl Dismissal {
    /// What its deliveries say in the log.
    pub fn stored_reason(&self) -> String {
        format!("{DISMISSED}{}: {}", self.created_by, self.reason)
    }
}

/// Can deliveries in this state be dismissed? Pending and waiting ones are sent automatically, and
/// delivered ones have arrived.
pub fn is_dismissible(state: State) -> bool {
    matches!(state, State::Failed | State::Skipped | State::Held)
}

/// The states that [`is_dismissible`] accepts, for errors.
pub const DISMISSIBLE: &str = "failed, skipped or held";

/// Validates a reason: one line of plain text.
pub fn validate_reason(reason: &str) -> Result<String, Invalid> {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = if reason.is_empty() {
        "Enter a reason."
    } else if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        "Enter at most 200 characters."
    } else {
        return Ok(reason);
    };
    Err(Invalid::one("reason", "range", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_and_not_empty() {
        assert_eq!(validate_reason(" Sent \n by phone ").unwrap(), "Sent by phone");
        for wrong in ["", " \n", &"x".repeat(201), "a\u{0}b"] {
            assert!(validate_reason(wrong).is_err(), "{wrong:?}");
        }
        assert!(validate_reason(&"é".repeat(200)).is_ok());
    }
}
