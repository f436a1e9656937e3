//! Sentences about a user's own password and sessions.

use crate::domain::words::count;

pub const CURRENT_REQUIRED: &str = "Enter your current password.";
pub const CURRENT_WRONG: &str = "This is not your current password.";
pub const PASSWORD_CHANGED: &str = "Password changed. All your other sessions have ended.";
pub const SESSION_ENDED: &str = "Session ended. That device has to sign in again.";

pub const TOKEN_REVOKED: &str = "Token revoked. Programs that use it are refused.";
pub const BEYOND_OWN: &str = "Choose only permissions that you have yourself.";

/// Lifetimes of a user's token, in days.
pub const LIFETIMES: &[u64] = &[7, 30, 90, 365];

/// The same as options of the form.
pub const LIFETIME_OPTIONS: &[(&str, &str)] =
    &[("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")];

pub fn too_many_tokens(most: i64) -> String {
    format!("You have {most} tokens. Revoke one first.")
}

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
