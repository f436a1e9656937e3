//! Sentences about the state of the installation.

use crate::domain::words::grouped;

/// Accepted events are not lost: said wherever new ones are rejected.
pub const ACCEPTED_SAFE: &str = "Accepted events are safe.";

/// New events are rejected because the queue is full.
pub const TOO_MANY_WAITING: &str =
    "New events are rejected: too many are waiting for delivery. Accepted events are safe.";

/// What to do about a full queue.
pub const CHECK_RECEIVERS: &str = "Check for failing or slow receivers.";

/// `12 ms ahead of the database's`, after "clock is".
pub fn clock_skew(skew_ms: i64) -> String {
    let side = if skew_ms < 0 { "behind" } else { "ahead of" };
    format!("{} ms {side} the database's", grouped(skew_ms.abs()))
}

/// What the status page begins with: the names of the components that have a problem or need
/// attention, and how many hooks are failing.
pub fn summary(problems: &[&str], warnings: &[&str], failing_hooks: usize) -> String {
    if !problems.is_empty() {
        return format!("Problem found: {}.", problems.join(", "));
    }
    let others: Vec<_> = warnings.iter().copied().filter(|name| *name != HOOKS).collect();
    let hooks = match failing_hooks {
        0 => None,
        1 => Some("1 hook needs attention.".to_owned()),
        many => Some(format!("{many} hooks need attention.")),
    };
    let others = (!others.is_empty()).then(|| format!("Check: {}.", others.join(", ")));
    if hooks.is_none() && others.is_none() {
        return "All systems normal.".to_owned();
    }
    let running = Some("Deliveries are running.".to_owned());
    [running, hooks, others].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The name of the check that is about hooks.
pub const HOOKS: &str = "Hooks";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_needs_attention() {
        assert_eq!(summary(&[], &[], 0), "All systems normal.");
        assert_eq!(summary(&[], &["Hooks"], 2), "Deliveries are running. 2 hooks need attention.");
        assert_eq!(
            summary(&[], &["Hooks", "Disk"], 1),
            "Deliveries are running. 1 hook needs attention. Check: Disk."
        );
        assert_eq!(summary(&["Engine"], &["Disk"], 0), "Problem found: Engine.");
    }

    #[test]
    fn skew_has_a_direction() {
        assert_eq!(clock_skew(-1200), "1,200 ms behind the database's");
        assert_eq!(clock_skew(5), "5 ms ahead of the database's");
    }
}
