//! Sentences about the state of the installation.

use crate::domain::words::grouped;

/// Accepted events are not lost: said wherever new ones are rejected.
pub const ACCEPTED_SAFE: &str = "No accepted events are lost.";

/// New events are rejected because the queue is full.
pub const TOO_MANY_WAITING: &str =
    "New events are rejected: too many are waiting for delivery. No accepted events are lost.";

/// What to do about a full queue.
pub const CHECK_RECEIVERS: &str = "Check for failing or slow receivers.";

/// `is 12 ms ahead of the database's`: completes "this server's clock".
pub fn clock_skew(skew_ms: i64) -> String {
    let side = match skew_ms {
        0 => return "matches the database's".to_owned(),
        ..0 => "behind",
        _ => "ahead of",
    };
    format!("is {} ms {side} the database's", grouped(skew_ms.abs()))
}

/// What the status page begins with: the names of the components that have a problem or need
/// attention, and how many hooks are failing.
pub fn summary(problems: &[&str], warnings: &[&str], failing_hooks: usize) -> String {
    if !problems.is_empty() {
        return format!("Problems: {}.", problems.join(", "));
    }
    let others: Vec<_> = warnings.iter().copied().filter(|name| *name != HOOKS).collect();
    let hooks = match failing_hooks {
        0 => None,
        1 => Some("1 hook needs attention.".to_owned()),
        many => Some(format!("{many} hooks need attention.")),
    };
    let others = (!others.is_empty()).then(|| others.join(", "));
    match (hooks, others) {
        (None, None) => "All systems normal.".to_owned(),
        (Some(hooks), None) => format!("Working. {hooks}"),
        (None, Some(others)) => format!("Working. Check {others}."),
        (Some(hooks), Some(others)) => format!("Working. {hooks} Also check {others}."),
    }
}

/// The name of the check that is about hooks.
pub const HOOKS: &str = "Hooks";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_needs_attention() {
        assert_eq!(summary(&[], &[], 0), "All systems normal.");
        assert_eq!(summary(&[], &["Hooks"], 2), "Working. 2 hooks need attention.");
        assert_eq!(
            summary(&[], &["Hooks", "Disk"], 1),
            "Working. 1 hook needs attention. Also check Disk."
        );
        assert_eq!(summary(&[], &["Disk"], 0), "Working. Check Disk.");
        assert_eq!(summary(&["Engine"], &["Disk"], 0), "Problems: Engine.");
    }

    #[test]
    fn skew_has_a_direction() {
        assert_eq!(clock_skew(-1200), "is 1,200 ms behind the database's");
        assert_eq!(clock_skew(0), "matches the database's");
        assert_eq!(clock_skew(5), "is 5 ms ahead of the database's");
    }
}
