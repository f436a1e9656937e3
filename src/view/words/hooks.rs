//! Sentences about hooks: their status, their settings, switching and deleting them.

use crate::domain::{
    delivery::Answer,
    measured::Outcomes,
    words::{MANY, count, count_to, grouped},
};

/// `Timed out`: the first letter as a capital.
pub fn sentence_case(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `503`, `timed out`: how the last attempt ended, without a full stop.
pub fn last_response(answer: Option<Answer>) -> String {
    answer.map_or_else(|| "unknown".to_owned(), Answer::short)
}

/// `Last 3 attempts failed. Last response: 503`, for a row of the list.
pub fn failures_for_list(failures: u32, answer: Option<Answer>) -> String {
    let last = last_response(answer);
    match failures {
        1 => format!("Last attempt failed: {last}"),
        _ => format!("Last {failures} attempts failed. Last response: {last}"),
    }
}

/// `3 consecutive failures`.
pub fn consecutive_failures(failures: u32) -> String {
    let noun = if failures == 1 { "failure" } else { "failures" };
    format!("{failures} consecutive {noun}")
}

/// `1,204 of 1,204 attempts succeeded in the last 24 hours`.
pub fn success_share(day: &Outcomes) -> String {
    let all = count(day.total(), "attempt");
    format!("{} of {all} succeeded in the last 24 hours", grouped(day.succeeded))
}

/// `3 succeeded, 1 failed`.
pub fn outcomes(outcomes: &Outcomes) -> String {
    format!("{} succeeded, {} failed", grouped(outcomes.succeeded), grouped(outcomes.failed))
}

/// `Median 341 ms, p95 666 ms.`
pub fn response_time(median_ms: i64, p95_ms: i64) -> String {
    format!("Median {} ms, p95 {} ms.", grouped(median_ms), grouped(p95_ms))
}

/// `68 events held.`; `None` when nothing is held. `held` is counted up to [`MANY`] and one.
pub fn held(held: i64) -> Option<String> {
    (held > 0).then(|| format!("{} held.", sentence_case(&count_to(held, MANY, "event"))))
}

/// `Reason: the receiver returned 410 Gone.`, of a hook that the server turned off. `reason` is
/// stored.
pub fn off_reason(reason: &str) -> String {
    format!("Reason: {}.", reason.replace("receiver answered", "receiver returned"))
}

/// What to do about a hook that the server turned off. `reason` is stored.
pub fn off_next(reason: &str) -> &'static str {
    if reason.contains("410") {
        "Enter the receiver's new URL, then turn the hook on."
    } else {
        "Fix the receiver, then turn the hook on."
    }
}

/// What deleting a hook does to its `open` deliveries, counted up to [`MANY`] and one.
pub fn cancelled_by_deletion(open: i64) -> String {
    match open {
        0 => "It has no open deliveries.".to_owned(),
        1 => "1 open delivery will be cancelled.".to_owned(),
        open if open > MANY => {
            format!("More than {} open deliveries will be cancelled.", grouped(MANY))
        }
        open => format!("{} open deliveries will be cancelled.", grouped(open)),
    }
}

/// How many values of a form differ from the saved version.
pub fn values_differ(differing: usize) -> String {
    match differing {
        0 => "Your values match the saved version.".to_owned(),
        1 => "1 value differs.".to_owned(),
        many => format!("{many} values differ."),
    }
}

/// A hook was turned on or off.
pub fn switched(name: &str, is_on: bool) -> String {
    format!("\"{name}\" turned {}.", on_or_off(is_on))
}

/// Several hooks were turned on or off.
pub fn switched_many(hooks: usize, is_on: bool) -> String {
    format!("{hooks} hooks turned {}.", on_or_off(is_on))
}

/// A bulk action without a selection.
pub const NONE_SELECTED: &str = "No hooks selected. Select at least one hook first.";

/// `on` or `off`.
pub fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

/// A hook was deleted.
pub fn deleted(name: &str) -> String {
    format!("\"{name}\" deleted.")
}

/// A hook was changed.
pub fn saved(name: &str) -> String {
    format!("\"{name}\" saved.")
}

/// Which signing secret a new hook has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewSecret {
    /// No test was sent from the form.
    Untested,
    /// The one that signed the test.
    Tested,
    /// The form's draft was not found. If it was tested, its secret is gone with it.
    Lost,
}

/// A hook was created.
pub fn created(name: &str, secret: NewSecret) -> String {
    let next = match secret {
        NewSecret::Untested => "Send a test to check it.",
        NewSecret::Tested => "It uses the signing secret from your test.",
        NewSecret::Lost => {
            "Send a test to check it. If you tested it before, it has a new signing secret now."
        }
    };
    format!("\"{name}\" created. {next}")
}

/// The form of a new hook came a second time with the same values.
pub fn created_before(name: &str) -> String {
    format!("\"{name}\" created. The form was sent twice; there is one hook.")
}

/// What was done, followed by what may still go wrong.
pub fn with_warning(done: &str, warning: &str) -> String {
    format!("{done} Warning: {warning}")
}

/// The hint below the key's field where key `hint` is stored with the hook.
pub fn key_stored(hint: &str) -> String {
    format!("Key {hint} is saved. Leave blank to keep it, or enter a new one.")
}

/// The hint below the key's field where key `hint` was entered and is not saved yet.
pub fn key_kept(hint: &str) -> String {
    format!("Key {hint} is kept. Enter a new one to replace it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_last_response() {
        assert_eq!(
            failures_for_list(3, Some(Answer::Status(503))),
            "Last 3 attempts failed. Last response: 503"
        );
        assert_eq!(failures_for_list(1, Some(Answer::Timeout)), "Last attempt failed: timed out");
        assert_eq!(
            off_reason("the receiver answered 410 Gone"),
            "Reason: the receiver returned 410 Gone."
        );
        assert_eq!(last_response(None), "unknown");
        assert!(off_next("the receiver answered 410 Gone").contains("new URL"));
        assert!(off_next("it failed for 5 days").contains("Fix the receiver"));
    }

    #[test]
    fn counts_are_exact_up_to_a_limit() {
        assert_eq!(held(0), None);
        assert_eq!(held(1).as_deref(), Some("1 event held."));
        assert_eq!(held(MANY + 1).as_deref(), Some("More than 10,000 events held."));
        for (open, words) in [
            (0, "It has no open deliveries."),
            (1, "1 open delivery will be cancelled."),
            (2, "2 open deliveries will be cancelled."),
            (MANY, "10,000 open deliveries will be cancelled."),
            (MANY + 1, "More than 10,000 open deliveries will be cancelled."),
        ] {
            assert_eq!(cancelled_by_deletion(open), words);
        }
    }
}
