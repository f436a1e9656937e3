//! Sentences about undelivered events, and about dismissing them.

use super::hooks::sentence_case;
use crate::domain::{
    delivery::State,
    dismissal::{Dismissal, MAX_DISMISSED},
    log::AnswerGroup,
    words::{count, count_to, grouped},
};

/// What the page of undelivered events begins with.
pub fn undelivered(deliveries: i64, hooks: i64) -> String {
    match hooks {
        0 => "Failed, skipped and held events are listed here until they are delivered or \
              dismissed."
            .to_owned(),
        _ => format!(
            "{} in {}: failed, skipped or held. Events that are retried automatically are not \
             counted.",
            count(deliveries, "undelivered event"),
            count(hooks, "hook")
        ),
    }
}

/// Why events are undelivered. `is_on`: the switch of their hook, which decides why it holds them.
pub fn cause(state: State, answer: Option<AnswerGroup>, is_on: bool) -> String {
    match (state, answer) {
        (State::Held, _) if is_on => "Held: the hook is paused".to_owned(),
        (State::Held, _) => "Held: the hook is off".to_owned(),
        (State::Skipped, _) => super::deliveries::SKIPPED.to_owned(),
        (state, Some(answer)) => format!("{}: {}", state.word(), answer.word()),
        (state, None) => state.word().to_owned(),
    }
}

/// Deliveries of the same hook that are retried automatically; `retrying` is counted up to `most`
/// and one.
pub fn retrying(retrying: i64, most: i64) -> String {
    let events = count_to(retrying, most, "more event");
    let verb = if retrying == 1 { "is" } else { "are" };
    format!("{} {verb} retried automatically.", sentence_case(&events))
}

/// The title of the question before a dismissal.
pub fn dismiss_title(events: i64, is_more: bool) -> String {
    let more = if is_more { "more than " } else { "" };
    match events {
        0 => "Nothing to dismiss".to_owned(),
        events => format!("Dismiss {more}{}?", count(events, "event")),
    }
}

/// The button that dismisses: at most so many at once.
pub fn dismiss(events: i64) -> String {
    match events {
        ..=MAX_DISMISSED => format!("Dismiss {}", count(events, "event")),
        _ => format!("Dismiss the oldest {}", count(MAX_DISMISSED, "event")),
    }
}

/// Events were dismissed: `left` of the same cause remain.
pub fn dismissed(dismissal: &Dismissal) -> String {
    let done = format!("{} dismissed.", sentence_case(&count(dismissal.number, "event")));
    if dismissal.number < MAX_DISMISSED {
        return done;
    }
    format!("{done} More may remain: at most {} at once.", grouped(MAX_DISMISSED))
}

/// Dismissed events were brought back.
pub const BROUGHT_BACK: &str = "The events are undelivered again.";

/// Some were brought back; `left` were not.
pub fn brought_back_but(left: i64) -> String {
    let (those, payloads) =
        if left == 1 { ("its", "payload was") } else { ("their", "payloads were") };
    format!(
        "The events are undelivered again, except {}: {those} {payloads} removed after the \
         retention period.",
        grouped(left)
    )
}

/// The cause of a dismissed row. A held row names no reason: the hook may have changed since.
pub fn cause_before(state: State, answer: Option<AnswerGroup>) -> String {
    match state {
        State::Held => "Held by the hook".to_owned(),
        state => cause(state, answer, true),
    }
}

/// What a dismissal does to events in this state.
pub fn dismissing(state: State) -> &'static str {
    match state {
        State::Held => {
            "Dismissed events are not sent when the hook is on again. They stay in the log with \
             your reason. While their payloads are stored, you can bring them back under "
        }
        _ => {
            "Dismissed events are not sent. They stay in the log with your reason, and you can \
             bring them back under "
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_follows_the_switch_of_the_hook() {
        assert_eq!(cause(State::Held, None, true), "Held: the hook is paused");
        assert_eq!(cause(State::Held, None, false), "Held: the hook is off");
        assert_eq!(
            cause(State::Failed, Some(AnswerGroup::ServerError), true),
            "Failed: 5xx server error"
        );
    }

    #[test]
    fn numbers_decide_the_words() {
        assert_eq!(
            undelivered(2, 1),
            "2 undelivered events in 1 hook: failed, skipped or held. Events that are retried \
             automatically are not counted."
        );
        assert_eq!(retrying(1, 10), "1 more event is retried automatically.");
        assert_eq!(retrying(11, 10), "More than 10 more events are retried automatically.");
        assert_eq!(dismiss_title(0, false), "Nothing to dismiss");
        assert_eq!(dismiss_title(68, false), "Dismiss 68 events?");
        assert_eq!(dismiss(10_001), "Dismiss the oldest 10,000 events");
    }
}
