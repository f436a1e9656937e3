//! Sentences about events, event types and what a hook is subscribed to.

use crate::domain::words::count as counted;

/// How many hooks an event type has, and how many of them are on: `none`, `1 (on)`, `3 (2 on)`.
pub fn hooks(all: usize, on: usize) -> String {
    match (all, on) {
        (0, _) => "none".to_owned(),
        (1, 1) => "1 (on)".to_owned(),
        (1, _) => "1 (off)".to_owned(),
        (all, on) => format!("{all} ({on} on)"),
    }
}

/// Events were accepted, but no hook listens; `None` if there were none.
pub fn unheard(count: i64) -> Option<String> {
    (count > 0).then(|| {
        format!("{} accepted in the last 24 hours. No hook listens.", counted(count, "event"))
    })
}

/// The payload of a delivery does not parse.
pub const NOT_JSON: &str = "The payload is not valid JSON.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_without_a_hook_are_counted() {
        assert_eq!(unheard(0), None);
        let text = unheard(1).unwrap();
        assert_eq!(text, "1 event accepted in the last 24 hours. No hook listens.");
        assert!(unheard(1204).unwrap().starts_with("1,204 events accepted"));
    }

    #[test]
    fn hooks_are_counted_with_their_switches() {
        for (all, on, words) in
            [(0, 0, "none"), (1, 1, "1 (on)"), (1, 0, "1 (off)"), (3, 2, "3 (2 on)")]
        {
            assert_eq!(hooks(all, on), words);
        }
    }
}
