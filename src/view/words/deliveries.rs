//! Sentences about deliveries: their state, their attempts and what can be done next.

pub use verdict::summary;

use super::{failure::status_words, hooks::sentence_case};
use crate::domain::{
    acceptance::Acceptance,
    delivery::{Answer, Delivery, State},
    histogram::{Bar, Total},
    redelivery::{Act, Remedy},
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

/// A stored reason for display. What follows its colon becomes a sentence of its own.
fn spelled_out(reason: &str) -> String {
    match reason.split_once(": ") {
        Some((what, details)) => format!("{what}. {}", sentence_case(details)),
        None => reason.to_owned(),
    }
}

/// A stored reason without the details after its colon, for a row of a table.
pub fn short_reason(reason: &str) -> String {
    sentence_case(reason.split(": ").next().unwrap_or_default())
}

/// Why a delivery is held, and until when: complete `the hook is` and `until the hook`.
fn hold(reason: Option<&str>) -> (&'static str, &'static str) {
    if is_held_by_switch(reason) { ("off", "is turned on") } else { ("paused", "recovers") }
}

fn is_held_by_switch(reason: Option<&str>) -> bool {
    reason == Acceptance::Off.hold_reason()
}

fn last_response(answer: Option<Answer>) -> String {
    match answer {
        Some(answer @ Answer::Status(_)) => format!(" Last response: {}.", response(answer)),
        Some(answer) => format!(" {}.", sentence_case(&answer.short())),
        None => String::new(),
    }
}

/// `now`, `in 4 minutes`.
fn due(delivery: &Delivery, now: Timestamp) -> String {
    let relative = delivery.due_at.filter(|at| *at > now).and_then(|at| at.relative_to(now));
    relative.unwrap_or_else(|| "now".to_owned())
}

/// `Next attempt in 1 s (08:01:52 UTC).`
pub fn next_attempt(was_success: bool, wait: &str, at: &str) -> String {
    let what = if was_success { "Redelivery" } else { "Next attempt" };
    format!("{what} in {wait} ({at}).")
}

/// The attempt after the last one is due. After a success it is a redelivery.
pub fn attempt_due(was_success: bool) -> &'static str {
    if was_success { "The redelivery is due." } else { "The next attempt is due." }
}

/// What followed an attempt: another one, after `wait`.
pub fn followed_by(was_success: bool, wait: &str) -> String {
    let what = if was_success { "Redelivered" } else { "Next attempt" };
    format!("{what} after {wait}.")
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
        State::Pending => "No attempt has finished yet.",
        _ => "No attempts yet.",
    }
}

/// Which headers the request panel shows.
pub fn request_shown(was_sent: bool) -> &'static str {
    if was_sent {
        "Most recent request. The API key is masked, and every attempt has a new signature."
    } else {
        "Next request. The API key is masked, and every attempt has a new signature."
    }
}

/// How much of a response body is stored.
pub fn stored_response(size: i64, is_cut: bool) -> String {
    if is_cut {
        format!("Truncated to the first {}.", bytes(size))
    } else {
        format!("{}.", bytes(size))
    }
}

/// The button for what can be done with a delivery.
pub fn act(act: Act) -> &'static str {
    match act {
        Act::Redeliver => "Redeliver",
        Act::TryNow => "Try now",
    }
}

/// The button that helps a delivery most.
pub fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::TryNow => act(Act::TryNow),
        Remedy::Redeliver => act(Act::Redeliver),
        Remedy::TurnOn => "Turn the hook on",
        Remedy::EditUrl => "Edit URL",
    }
}

/// A form of the redelivery page was posted again.
pub const SENT_BEFORE: &str = "The form was sent twice; it took effect once.";

/// Where else an event went. `is_all`: these are all of its other deliveries.
pub fn elsewhere(hooks: usize, is_all: bool) -> String {
    match (hooks, is_all) {
        (0, _) => "No other hook has this event.".to_owned(),
        (1, true) => "1 other hook has this event too.".to_owned(),
        (_, true) => format!("{hooks} other hooks have this event too."),
        (_, false) => format!("More than {hooks} other hooks have this event too."),
    }
}

/// The title of the page that asks before events are sent: how many settled ones `again`, how many
/// waiting ones `now`, and whether others were refused.
pub fn send_title(again: i64, now: i64, has_refused: bool) -> String {
    match (again, now) {
        (0, 0) if has_refused => "Nothing to redeliver".to_owned(),
        (0, 0) => "No deliveries selected".to_owned(),
        (1, 0) => "Redeliver this event?".to_owned(),
        (again, 0) => format!("Redeliver {}?", count(again, "event")),
        (0, 1) => "Try this event now?".to_owned(),
        (0, now) => format!("Try {} now?", count(now, "waiting event")),
        (again, now) => format!(
            "Redeliver {}, and try {} now?",
            count(again, "event"),
            count(now, "waiting event")
        ),
    }
}

/// Some of the selected deliveries can't be redelivered.
pub fn left_out(deliveries: i64, reason: &str) -> String {
    format!("{} can't be redelivered. {reason}", count(deliveries, "delivery"))
}

/// A command on one delivery was accepted: `delivery` has its new state.
pub fn accepted(act: Act, delivery: &Delivery) -> String {
    match (act, delivery.state) {
        (Act::Redeliver, State::Held) => {
            let (why, until) = hold(delivery.reason.as_deref());
            format!(
                "Redelivery queued. The hook is {why}: the event is held until the hook {until}."
            )
        }
        (Act::Redeliver, _) => "Redelivery started.".to_owned(),
        // Only a paused hook still holds it: the attempt is the probe.
        (Act::TryNow, State::Held) => {
            "Sending it now. If it succeeds, the hook resumes and the other held events follow."
                .to_owned()
        }
        (Act::TryNow, _) => "Sending it now.".to_owned(),
    }
}

/// The waiting and held deliveries of a hook are tried now: so many, or more.
pub fn trying_now(number: i64, or_more: bool, was_paused: bool) -> String {
    let more = if or_more { "more than " } else { "" };
    match (number, was_paused) {
        (0, false) => "Nothing is waiting.".to_owned(),
        (0, true) => {
            "The hook is paused and holds no events. Send a test to end the pause.".to_owned()
        }
        (_, false) => format!("Trying {more}{} now.", count(number, "waiting event")),
        (_, true) => format!(
            "Sending one event now. If it succeeds, the pause ends and {more}{} follow.",
            count(number, "waiting event")
        ),
    }
}

/// The results of several commands on deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redelivered {
    pub sent: i64,
    /// Waiting or held ones that are tried now.
    pub tried: i64,
    /// Held, because the hook is off.
    pub off: i64,
    /// Held, because the hook is paused.
    pub paused: i64,
    pub refused: i64,
}

impl Redelivered {
    /// Counts an accepted command by what it did and the new state.
    pub fn add(&mut self, act: Act, delivery: &Delivery) {
        match (act, delivery.state) {
            (Act::TryNow, _) => self.tried += 1,
            (_, State::Held) if is_held_by_switch(delivery.reason.as_deref()) => self.off += 1,
            (_, State::Held) => self.paused += 1,
            _ => self.sent += 1,
        }
    }

    /// How many events are sent, are held or were refused.
    pub fn sentence(&self) -> String {
        if self.sent + self.tried + self.off + self.paused == 0 {
            return match self.refused {
                0 => "Nothing was redelivered.".to_owned(),
                refused => format!(
                    "Nothing was redelivered: {} can't be redelivered now.",
                    count(refused, "delivery")
                ),
            };
        }
        let held = |events: i64, until: &str| match events {
            1 => format!("1 event is held until its hook {until}."),
            _ => format!("{} events are held until their hook {until}.", grouped(events)),
        };
        let refused = match self.refused {
            1 => "1 was left out: it can't be redelivered now.".to_owned(),
            refused => {
                format!("{} were left out: they can't be redelivered now.", grouped(refused))
            }
        };
        let parts = [
            (self.sent, format!("Redelivering {}.", count(self.sent, "event"))),
            (self.tried, format!("Trying {} now.", count(self.tried, "waiting event"))),
            (self.off, held(self.off, "is turned on")),
            (self.paused, held(self.paused, "recovers")),
            (self.refused, refused),
        ];
        let parts = parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, part)| part);
        parts.collect::<Vec<_>>().join(" ")
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

/// What a row of the list says beside the state: the last response, or the reason.
pub fn result(delivery: &Delivery, now: Timestamp) -> String {
    let answer = delivery.last_answer.map(|answer| answer.short());
    match (delivery.state, answer) {
        (State::Waiting, Some(answer)) => format!("{answer} · next {}", due(delivery, now)),
        (State::Held, _) => format!("the hook is {}", hold(delivery.reason.as_deref()).0),
        (State::Skipped | State::Cancelled, _) => {
            let reason = delivery.reason.as_deref().unwrap_or_default();
            reason.split(": ").next().unwrap_or_default().to_owned()
        }
        (_, answer) => answer.unwrap_or_default(),
    }
}

/// The deliveries of one bar of the chart. `range` is its time.
pub fn bar(range: &str, bar: &Bar) -> String {
    let parts = [(bar.failed, "failed"), (bar.open, "open"), (bar.dropped, "skipped or cancelled")];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts: String =
        parts.map(|(number, what)| format!(", {} {what}", grouped(number))).collect();
    format!("{range}: {}{parts}", count(bar.total(), "delivery"))
}

/// How far a search got, before the time it reached.
pub fn searched(deliveries: Option<i64>) -> String {
    match deliveries {
        Some(number) => format!("Searched {}, back to ", count(number, "delivery")),
        None => "Searched back to ".to_owned(),
    }
}

/// How many deliveries match the filters.
pub fn matching(total: Total) -> String {
    match total {
        Total::Exactly(1) => "1 matches".to_owned(),
        Total::Exactly(number) => format!("{} match", grouped(number)),
        Total::MoreThan(number) => format!("more than {} match", grouped(number)),
        Total::About(number) => format!("about {} match", grouped(number)),
    }
}

/// A saved view was stored under its name.
pub fn view_saved(name: &str) -> String {
    format!("View \"{name}\" saved.")
}

pub const VIEW_REMOVED: &str = "View removed.";

/// `Deliveries are kept for 90 days, payloads for 30 days.`
pub fn kept(deliveries_days: u64, payloads_days: u64) -> String {
    let days = |days: u64| count(i64::try_from(days).unwrap_or(i64::MAX), "day");
    format!(
        "Deliveries are kept for {}, payloads for {}.",
        days(deliveries_days),
        days(payloads_days)
    )
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
mod table;
#[cfg(test)]
mod tests;
mod verdict;
