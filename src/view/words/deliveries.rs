//! Sentences about deliveries: their state, their attempts and what can be done next.

use super::{failure::status_words, hooks::sentence_case};
use crate::domain::{
    acceptance::Acceptance,
    delivery::{Answer, Delivery, State},
    time::Timestamp,
    words::{MANY, bytes, count, grouped},
};

/// `503 Service Unavailable`, `timed out`: how an attempt ended, without a full stop.
pub fn response(answer: Answer) -> String {
    match answer.status().and_then(status_words) {
        Some(phrase) => format!("{} {phrase}", answer.short()),
        None => answer.short(),
    }
}

/// The state of a delivery, and what happens next.
pub fn summary(delivery: &Delivery, now: Timestamp) -> String {
    let reason = delivery.reason.as_deref();
    let because = reason.map(|reason| format!(" because {reason}")).unwrap_or_default();
    let attempts = i64::from(delivery.attempts);
    match (delivery.state, delivery.last_answer) {
        (State::Delivered, answer) => {
            let answer = answer.map(|answer| format!(": {}", response(answer))).unwrap_or_default();
            let took = delivery.last_duration_ms;
            let took = took.map(|took| format!(" in {} ms", grouped(took))).unwrap_or_default();
            match attempts {
                1 => format!("The first attempt succeeded{answer}{took}."),
                _ => format!("Succeeded after {}{answer}{took}.", count(attempts, "attempt")),
            }
        }
        (State::Failed, answer) => {
            format!("Failed after {}.{}", count(attempts, "attempt"), last_response(answer))
        }
        (State::Waiting, Some(answer)) => {
            format!(
                "Attempt {attempts} failed: {}.{}",
                response(answer),
                next_attempt(delivery, now)
            )
        }
        (State::Waiting | State::Pending, _) if attempts == 0 => {
            "Waiting for the first attempt.".to_owned()
        }
        (State::Waiting | State::Pending, _) => "Waiting for the next attempt.".to_owned(),
        (State::Held, _) => {
            let until =
                if reason == Acceptance::Off.hold_reason() { "is turned on" } else { "recovers" };
            format!("Not sent{because}. It will be sent automatically once the hook {until}.")
        }
        (State::Skipped, _) => format!("Not sent{because}. You can redeliver it."),
        (State::Cancelled, _) => format!("Cancelled{because}."),
    }
}

fn last_response(answer: Option<Answer>) -> String {
    match answer {
        Some(answer @ Answer::Status(_)) => format!(" Last response: {}.", response(answer)),
        Some(answer) => format!(" {}.", sentence_case(&answer.short())),
        None => String::new(),
    }
}

fn next_attempt(delivery: &Delivery, now: Timestamp) -> String {
    let relative = delivery.due_at.filter(|at| *at > now).and_then(|at| at.relative_to(now));
    match relative {
        Some(relative) => format!(" The next automatic attempt is due {relative}."),
        None => " The next automatic attempt is due now.".to_owned(),
    }
}

/// `Next retry in 1 s (08:01:52 UTC).`
pub fn next_retry(wait: &str, at: &str) -> String {
    format!("Next retry in {wait} ({at}).")
}

/// The next retry is due.
pub const RETRY_DUE: &str = "The next retry is due now.";

/// What followed an attempt: another one, `wait` later.
pub fn followed_by(was_success: bool, wait: &str) -> String {
    let what = if was_success { "Redelivered" } else { "Next attempt" };
    format!("{what} {wait} later.")
}

/// Why no attempt follows the last one of a failed delivery.
pub fn no_retry(answer: Answer, is_test: bool) -> &'static str {
    match answer {
        _ if is_test => "Tests are not retried.",
        Answer::Status(410) => "No retries: the receiver returned 410 Gone.",
        _ => "No retries left.",
    }
}

/// The timeline of a delivery without attempts.
pub fn no_attempts(state: State) -> &'static str {
    match state {
        State::Pending => "No attempts yet. Refresh in a moment.",
        _ => "No attempts yet.",
    }
}

/// Which headers the request panel shows.
pub fn request_shown(was_sent: bool) -> &'static str {
    if was_sent {
        "Last request sent. The API key is masked; each attempt is signed again."
    } else {
        "Next request. The API key is masked; each attempt is signed again."
    }
}

/// How much of a response body is stored.
pub fn stored_response(size: i64, is_cut: bool) -> String {
    if is_cut {
        format!("Truncated: only the first {} are stored.", bytes(size))
    } else {
        format!("{}.", bytes(size))
    }
}

/// Why a delivery can't be redelivered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its hook was deleted.
    HookDeleted,
    /// It is a test.
    Test,
    /// Retention removed the payload.
    NoPayload,
    /// The first attempt is due.
    Pending,
    /// It waits for a hook that is off.
    HookOff,
}

impl Refusal {
    /// The reason and the next step, without the refusal itself.
    pub fn reason(self) -> &'static str {
        match self {
            Self::HookDeleted => "The hook was deleted.",
            Self::Test => "Tests can't be redelivered. Send a new test.",
            Self::NoPayload => "The payload was removed after the retention period.",
            Self::Pending => "The first attempt is due now.",
            Self::HookOff => "The hook is off. Turn it on, and the event is sent automatically.",
        }
    }

    /// The whole sentence for the page of the delivery.
    pub fn sentence(self) -> String {
        match self {
            Self::Test => self.reason().to_owned(),
            Self::HookDeleted | Self::NoPayload => {
                format!("You can't redeliver this. {}", self.reason())
            }
            Self::Pending | Self::HookOff => {
                format!("You can't redeliver this yet. {}", self.reason())
            }
        }
    }
}

/// The title of the page that asks before a redelivery: how many events will be sent, and whether
/// others were refused.
pub fn redeliver_title(events: i64, has_refused: bool) -> String {
    match (events, has_refused) {
        (0, false) => "No deliveries selected".to_owned(),
        (0, true) => "Nothing to redeliver".to_owned(),
        (1, _) => "Redeliver this event?".to_owned(),
        _ => format!("Redeliver {}?", count(events, "event")),
    }
}

/// Some of the selected deliveries can't be redelivered.
pub fn left_out(deliveries: i64, reason: &str) -> String {
    format!("{} will be left out. {reason}", count(deliveries, "delivery"))
}

/// A single redelivery has started.
pub const REDELIVERY_STARTED: &str = "Redelivery started.";

/// Redeliveries have started, except of those that were refused.
pub fn redeliveries_started(sent: i64, refused: i64) -> String {
    let done = format!("Redelivering {}.", count(sent, "event"));
    match refused {
        0 => done,
        1 => format!("{done} 1 was left out: it is already being sent, or no longer exists."),
        _ => format!(
            "{done} {} were left out: they are already being sent, or no longer exist.",
            grouped(refused)
        ),
    }
}

/// The link that redelivers all matches of a search. `matching` is counted up to [`MANY`] and one;
/// `None` if it is unknown.
pub fn redeliver_matching(matching: Option<i64>) -> String {
    match matching {
        Some(1) => "Redeliver the matching event".to_owned(),
        Some(matching) if matching <= MANY => {
            format!("Redeliver all {} matching events", grouped(matching))
        }
        Some(_) => format!("Redeliver all matching events (more than {})", grouped(MANY)),
        None => "Redeliver all matching events".to_owned(),
    }
}

/// `Deliveries are kept for 90 days, payloads for 30 days.`
pub fn kept(deliveries_days: u64, payloads_days: u64) -> String {
    let days = |days: u64| count(i64::try_from(days).unwrap_or(i64::MAX), "day");
    format!(
        "Deliveries are kept for {}, payloads for {}.",
        days(deliveries_days),
        days(payloads_days)
    )
}

/// What the page of undelivered events begins with.
pub fn undelivered(deliveries: i64, hooks: i64) -> String {
    match hooks {
        0 => "Failed and skipped deliveries are listed here until you redeliver them.".to_owned(),
        _ => format!(
            "{} failed or skipped, in {}.",
            count(deliveries, "delivery"),
            count(hooks, "hook")
        ),
    }
}

/// Why deliveries are skipped, beside the state.
pub const SKIPPED: &str = "Skipped (hook off or queue full)";

/// The reader lacks `payloads:read`.
pub const NO_PAYLOAD_ACCESS: &str = "Your role can't view event payloads. Ask an administrator \
                                     for a role with the permission payloads:read.";

/// Retention removed the payload.
pub const PAYLOAD_REMOVED: &str = "The payload was removed after the retention period.";

/// The hook of a delivery or job no longer exists.
pub const DELETED_HOOK: &str = "a deleted hook";

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        event::EventType,
        id::{DeliveryId, EventId, HookId},
    };

    fn delivery(state: State, attempts: u32, last_answer: Option<Answer>) -> Delivery {
        Delivery {
            id: DeliveryId(Uuid::nil()),
            event_id: EventId(Uuid::nil()),
            hook_id: HookId(Uuid::nil()),
            event_type: EventType::WorkItemClosed,
            state,
            reason: None,
            is_test: false,
            attempts,
            last_answer,
            last_duration_ms: last_answer.map(|_| 1204),
            due_at: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn a_summary_says_the_outcome_and_the_next_step() {
        let status = |status| Some(Answer::Status(status));
        let said =
            |state, attempts, answer| summary(&delivery(state, attempts, answer), Timestamp(0));
        assert_eq!(
            said(State::Delivered, 1, status(200)),
            "The first attempt succeeded: 200 OK in 1,204 ms."
        );
        assert_eq!(
            said(State::Delivered, 2, status(299)),
            "Succeeded after 2 attempts: 299 in 1,204 ms."
        );
        assert_eq!(
            said(State::Failed, 4, status(503)),
            "Failed after 4 attempts. Last response: 503 Service Unavailable."
        );
        assert_eq!(
            said(State::Failed, 1, Some(Answer::Timeout)),
            "Failed after 1 attempt. Timed out."
        );
        assert_eq!(said(State::Pending, 0, None), "Waiting for the first attempt.");
        assert_eq!(said(State::Skipped, 0, None), "Not sent. You can redeliver it.");
    }

    #[test]
    fn a_summary_names_reasons_and_times() {
        let waiting = Delivery {
            due_at: Some(Timestamp(240_000)),
            ..delivery(State::Waiting, 3, Some(Answer::Timeout))
        };
        assert_eq!(
            summary(&waiting, Timestamp(0)),
            "Attempt 3 failed: timed out. The next automatic attempt is due in 4 minutes."
        );
        assert!(summary(&waiting, Timestamp(240_000)).ends_with("is due now."));
        let held = Delivery {
            reason: Acceptance::Paused.hold_reason().map(str::to_owned),
            ..delivery(State::Held, 0, None)
        };
        assert_eq!(
            summary(&held, Timestamp(0)),
            "Not sent because the hook is paused: its receiver keeps failing. It will be sent \
             automatically once the hook recovers."
        );
    }

    #[test]
    fn numbers_decide_the_words() {
        assert_eq!(redeliver_title(0, false), "No deliveries selected");
        assert_eq!(redeliver_title(2, true), "Redeliver 2 events?");
        assert_eq!(redeliveries_started(1, 0), "Redelivering 1 event.");
        assert!(redeliveries_started(2, 1).ends_with("or no longer exists."));
        assert_eq!(redeliver_matching(Some(1204)), "Redeliver all 1,204 matching events");
        assert!(redeliver_matching(Some(MANY + 1)).ends_with("(more than 10,000)"));
        assert_eq!(kept(90, 1), "Deliveries are kept for 90 days, payloads for 1 day.");
        assert_eq!(undelivered(2, 1), "2 deliveries failed or skipped, in 1 hook.");
        assert_eq!(stored_response(16_384, true), "Truncated: only the first 16.4 KB are stored.");
    }
}
