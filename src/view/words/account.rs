//! Sentences about a user's own password and sessions.

use crate::domain::words::count;

pub const CURRENT_REQUIRED: &str = "Enter your current password.";
pub const CURRENT_WRONG: &str = "This is not your current password.";
pub const PASSWORD_CHANGED: &str = "Password changed. All your other sessions have ended.";
pub const SESSION_ENDED: &str = "Session ended. That device has to sign in again.";

/// How many sessions a user or a change has ended.
pub fn sessions_ended(number: u64) -> String {
    format!("{} ended", count(i64::try_from(number).unwrap_or(i64::MAX), "session"))
}

/// The notice after ending all others.
pub fn others_ended(number: u64) -> String {
    match number {
        0 => "You had no other sessions.".to_owned(),
        more => format!("{}.", sessions_ended(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::others_ended;

    #[test]
    fn ended_sessions_are_counted() {
        assert_eq!(others_ended(0), "You had no other sessions.");
        assert_eq!(others_ended(1), "1 session ended.");
        assert_eq!(others_ended(12), "12 sessions ended.");
    }
}
