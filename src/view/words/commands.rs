//! What the commands print and warn of.

use crate::domain::{
    event::EventType,
    words::{count, deliveries},
};

/// `migrate` is done.
pub const MIGRATED: &str = "The database is up to date.";

/// `hook list` without hooks.
pub const NO_HOOKS: &str = "No hooks yet.";

/// `job list` without jobs.
pub const NO_JOBS: &str = "No jobs yet.";

/// `user create` is done.
pub fn user_created(email: &str) -> String {
    format!("User {email} created.")
}

/// `user list` without users.
pub const NO_USERS: &str = "No users yet.";

/// `token list` without tokens.
pub const NO_TOKENS: &str = "No tokens yet.";

/// `user disable` is done.
pub fn user_disabled(email: &str) -> String {
    format!(
        "User {email} suspended. Their sessions have ended, and their tokens are refused \
         until you enable the user."
    )
}

/// `hook bring-back` is done.
pub const BROUGHT_BACK: &str = "Brought back, except events that were redelivered meanwhile or \
                                whose payloads were removed.";

/// `user enable` is done.
pub fn user_enabled(email: &str) -> String {
    format!("User {email} reactivated.")
}

/// `user delete` is done.
pub fn user_deleted(email: &str) -> String {
    format!("User {email} deleted.")
}

/// `token revoke` is done.
pub fn token_revoked(id: &str) -> String {
    format!("Token {id} revoked. Servers refuse it within a second.")
}

/// `hook delete` is done.
pub fn hook_deleted(id: &str) -> String {
    format!("Hook {id} deleted.")
}

/// `hook try-now`: so many waiting deliveries are sent now, or more.
pub fn sending_now(number: i64, or_more: bool) -> String {
    if number == 0 {
        return "No deliveries are waiting.".to_owned();
    }
    let more = if or_more { "more than " } else { "" };
    format!("Sending {more}{} now.", deliveries(number))
}

/// `delivery try-now` is done.
pub fn delivery_sending(id: &str) -> String {
    format!("Sending delivery {id} now.")
}

/// `hook dismiss` is done.
pub fn dismissed(id: &str, number: i64) -> String {
    match number {
        0 => "Nothing to dismiss.".to_owned(),
        number => format!("Dismissed {}. Dismissal: {id}", deliveries(number)),
    }
}

/// `emit`: the event was accepted for so many hooks. Of these, `skipped` are off or have a full
/// queue.
pub fn event_accepted(id: &str, event_type: &str, hooks: i64, skipped: i64) -> String {
    let skips = match skipped {
        0 => String::new(),
        1 => " 1 hook is off or its queue is full: recorded as skipped.".to_owned(),
        many => format!(" {many} hooks are off or their queues are full: recorded as skipped."),
    };
    match (hooks, hooks - skipped) {
        (0, _) => format!("Event {id} accepted, no hook: nothing subscribes to {event_type}."),
        (_, 0) => format!("Event {id} accepted.{skips}"),
        (_, sent) => format!("Event {id} accepted for {}.{skips}", count(sent, "hook")),
    }
}

/// `doctor`: so many of all checks failed.
pub fn checks_failed(failed: usize, all: usize) -> String {
    format!("{failed} of {all} checks failed.")
}

/// `demo` is done: so many hooks and deliveries, the users with their roles, and the password
/// unless the caller chose it.
pub fn demo_filled(
    hooks: usize,
    deliveries_count: usize,
    users: &[(&str, &str)],
    password: Option<&str>,
) -> String {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (hooks, made) = (count(number(hooks), "hook"), deliveries(number(deliveries_count)));
    let mut text = format!("The database now has {hooks} and {made}. Users:");
    for (email, role) in users {
        text.push_str(&format!("\n  {email}  ({role})"));
    }
    if let Some(password) = password {
        text.push_str(&format!("\nPassword of all users, shown only now: {password}"));
    }
    text.push_str("\nStart the portal with `service-hooks serve`.");
    text
}

/// `demo` refuses a database with hooks.
pub const DEMO_HAS_HOOKS: &str = "The database has hooks already. A demo needs an empty database: \
                                  set SERVICE_HOOKS_DATA_DIR to another folder, or \
                                  SERVICE_HOOKS_DATABASE_URL to another database.";

/// `demo` refuses a database with one of its users.
pub fn demo_has_user(email: &str) -> String {
    format!("A user {email} exists already. The demo needs an empty database.")
}

/// An event type of an argument does not exist.
pub fn unknown_event_type(key: &str) -> String {
    format!("{key} is not an event type. Event types: {}.", EventType::known_keys())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_hooks_decides_the_sentence() {
        for (hooks, skipped, end) in [
            (0, 0, ", no hook: nothing subscribes to call.outbound."),
            (1, 0, " for 1 hook."),
            (1204, 0, " for 1,204 hooks."),
            (1, 1, ". 1 hook is off or its queue is full: recorded as skipped."),
            (4, 2, " for 2 hooks. 2 hooks are off or their queues are full: recorded as skipped."),
        ] {
            let text = event_accepted("e1", "call.outbound", hooks, skipped);
            assert_eq!(text, format!("Event e1 accepted{end}"));
        }
        assert_eq!(sending_now(0, false), "No deliveries are waiting.");
        assert_eq!(sending_now(1, false), "Sending 1 delivery now.");
        assert_eq!(sending_now(100, true), "Sending more than 100 deliveries now.");
    }
}
