//! Why a request was refused or failed: the API's problem documents and the error pages.

use crate::domain::{busy::Busy, id::JobId, words::count};

/// Nothing was stored, because the server's disk is full.
pub const DISK_FULL: &str = "The server's disk is full. Nothing was stored.";

/// The same on a page, with the next step.
pub const DISK_FULL_RETRY: &str = "The server's disk is full. Your changes weren't saved. Try \
                                   again when the operator has freed disk space.";

/// Not signed in, or no longer.
pub const SESSION_ENDED: &str =
    "Your session has ended. Sign in again to return to the page you were on.";

/// Optimistic locking: someone else saved first.
pub const STALE: &str = "Someone else changed this in the meantime, so your changes were not \
                         saved. Go back, reload the page and check the current values.";

/// The role lacks a permission. `action` completes "can't": `send tests`.
pub fn no_access(action: &str, permission: &str) -> String {
    format!(
        "Your role can't {action}. Ask an administrator for a role with the permission \
         {permission}."
    )
}

/// Nothing has this address or id.
pub fn not_found(what: &str) -> String {
    format!("We can't find this {what}. It may have been deleted, or the link is incomplete.")
}

/// A hook that was deleted, by its name.
pub fn deleted_hook(name: &str) -> String {
    format!(
        "\"{name}\" no longer sends events. Its past deliveries stay in the log until the \
         retention period ends."
    )
}

/// The server failed; the log has the cause under the reference.
pub fn internal(reference: &str) -> String {
    format!(
        "Something went wrong on the server. Try again. If the problem persists, give the \
         operator this reference: {reference}."
    )
}

/// The request could not be parsed; `message` is the reason.
pub fn bad_request(message: &str) -> String {
    format!("The request is incomplete or malformed: {message}.")
}

/// An `Idempotency-Key` came with another body than the first time.
pub const KEY_REUSED: &str =
    "This key was used before with a different body. Use a new key for a new request.";

/// The limit that a request met, and when to try again.
pub fn busy(reason: Busy, seconds: u64) -> String {
    let wait = count(i64::try_from(seconds).unwrap_or(i64::MAX), "second");
    format!("{} Try again in {wait}.", limit(reason))
}

fn limit(reason: Busy) -> &'static str {
    match reason {
        Busy::Backlog => {
            "The queue is full: too many events are waiting for delivery. Nothing was accepted."
        }
        Busy::Tests => {
            "Test limit reached: too many tests in the last minute, or too many running now."
        }
        Busy::Passwords => "Too many people are signing in right now.",
        Busy::Searches => "Too many searches are running.",
        Busy::Exports => "Another export is still running. You can run one at a time.",
        Busy::Drafts => "The server can't keep your form: too many are unfinished.",
        Busy::Sessions => "Can't check your session: the database isn't responding.",
        Busy::Server => "The server is starting or stopping.",
    }
}

/// A running job already sends some of the chosen deliveries.
pub fn overlaps(job: JobId) -> String {
    format!("Job {job} is running and covers some of the same deliveries.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_its_reason_and_the_time_to_wait() {
        let text = busy(Busy::Backlog, 5);
        assert!(text.contains("queue is full") && text.ends_with("Try again in 5 seconds."));
        assert!(busy(Busy::Tests, 1).ends_with("Try again in 1 second."));
    }
}
