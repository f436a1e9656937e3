//! Sentences of the search page.

use crate::domain::words::count;

/// How many results there are.
pub fn results(number: usize) -> String {
    match number {
        0 => "No results.".to_owned(),
        number => format!("{}.", count(i64::try_from(number).unwrap_or(i64::MAX), "result")),
    }
}

/// Nothing was found: what can be looked for.
pub const NOTHING: &str = "Search for a hook by its name or URL, for an event type, a page or an \
                           action, or paste the ID of a delivery, an event, a hook or a job.";

/// An action on a hook.
pub fn switch_hook(name: &str, on: bool) -> String {
    format!("Turn {} {name}", if on { "on" } else { "off" })
}

pub fn test_hook(name: &str) -> String {
    format!("Send test to {name}")
}

pub fn edit_hook(name: &str) -> String {
    format!("Edit {name}")
}

pub fn deliveries_of(name: &str) -> String {
    format!("View deliveries of {name}")
}

/// Leads to the full-text search.
pub fn search_payloads(text: &str) -> String {
    format!("Search deliveries for \"{text}\"")
}
