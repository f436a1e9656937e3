//! One sentence about a delivery: its result, why, and what happens next. Imports `domain` and the
//! other sentences about deliveries.

use super::{due, hold, last_response, response, spelled_out};
use crate::{
    domain::{
        delivery::{Answer, Delivery, State},
        redelivery::HookNow,
        time::{Timestamp, readable_duration},
        words::{count, grouped},
    },
    view::words::hooks::sentence_case,
};

/// From when on an attempt that is due says since when.
const LATE_MS: i64 = 10_000;

/// The state of a delivery and what happens next, with its hook as it is now.
pub fn summary(delivery: &Delivery, hook: HookNow, now: Timestamp) -> String {
    match delivery.state {
        State::Delivered => delivered(delivery),
        State::Failed => format!(
            "Failed after {}.{}",
            count(i64::from(delivery.attempts), "attempt"),
            last_response(delivery.last_answer)
        ),
        State::Skipped => put_away("Skipped", delivery),
        State::Cancelled => put_away("Cancelled", delivery),
        State::Held => held(delivery, hook),
        State::Pending | State::Waiting => open(delivery, hook, now),
    }
}

fn delivered(delivery: &Delivery) -> String {
    let answer = delivery.last_answer.map(|answer| format!(": {}", response(answer)));
    let took = delivery.last_duration_ms.map(|took| format!(" in {} ms", grouped(took)));
    let how = answer.unwrap_or_default() + &took.unwrap_or_default();
    match delivery.attempts {
        1 => format!("The first attempt succeeded{how}."),
        attempts => format!("Succeeded after {}{how}.", count(i64::from(attempts), "attempt")),
    }
}

fn put_away(what: &str, delivery: &Delivery) -> String {
    match delivery.reason.as_deref() {
        // A person's decision, with the reason that this person typed.
        Some(reason) if reason.starts_with("dismissed by ") => {
            format!("{}.", sentence_case(&spelled_out(reason)).trim_end_matches('.'))
        }
        Some(reason) => format!("{what}: {}.", spelled_out(reason)),
        None => format!("{what}."),
    }
}

fn held(delivery: &Delivery, hook: HookNow) -> String {
    let held = match delivery.attempts {
        0 => "Held".to_owned(),
        attempts => format!("Held after {}", count(i64::from(attempts), "attempt")),
    };
    match hook {
        HookNow::Deleted => format!("{held}: the hook was deleted. This will be cancelled."),
        HookNow::On => {
            format!("{held} until its turn: the hook is on and sends its held events.")
        }
        HookNow::Throttled(_) => format!(
            "{held} until its turn: the receiver asked for a pause, after which the hook sends \
             its held events."
        ),
        HookNow::Paused | HookNow::Off { .. } => {
            let (why, until) = hold(delivery.reason.as_deref());
            format!(
                "{held}: the hook is {why}. It will be sent automatically once the hook {until}."
            )
        }
    }
}

/// A delivery with an attempt to come. Whether that attempt is running is known to the node that
/// makes it, not to the database.
fn open(delivery: &Delivery, hook: HookNow, now: Timestamp) -> String {
    let (so_far, next) = so_far(delivery);
    match hook {
        HookNow::Deleted => format!("{so_far}The hook was deleted. This will be cancelled."),
        // Tests are sent even while the hook is off or paused.
        HookNow::Off { .. } if !delivery.is_test => format!(
            "{so_far}The hook is off. It will be sent automatically once the hook is turned on."
        ),
        HookNow::Paused if !delivery.is_test => format!(
            "{so_far}The hook is paused. It will be sent as the next probe, or once the hook \
             recovers."
        ),
        HookNow::Throttled(until) if until > now => {
            let due = delivery.due_at.map_or(until, |at| at.max(until));
            let later = Delivery { due_at: Some(due), ..delivery.clone() };
            format!(
                "{so_far}The receiver asked for a pause: {next} is due {}.",
                super::due(&later, now)
            )
        }
        _ => format!("{so_far}{} {}.", sentence_case(&next), when(delivery, now)),
    }
}

/// What happened, as a sentence with a space after it, and the name of the attempt to come.
fn so_far(delivery: &Delivery) -> (String, String) {
    let attempts = delivery.attempts;
    match delivery.last_answer {
        _ if attempts == 0 => (String::new(), "the first attempt".to_owned()),
        // A redelivery keeps the answer of the last attempt, which may have succeeded.
        Some(answer) if answer.is_success() => {
            ("Redelivery pending. ".to_owned(), format!("attempt {}", attempts + 1))
        }
        Some(answer) => (failed(attempts, answer), "the next attempt".to_owned()),
        None => (String::new(), "the next attempt".to_owned()),
    }
}

fn failed(attempts: u32, answer: Answer) -> String {
    format!("Attempt {attempts} failed: {}. ", response(answer))
}

fn when(delivery: &Delivery, now: Timestamp) -> String {
    match delivery.due_at {
        Some(at) if at > now => format!("is due {}", due(delivery, now)),
        Some(at) if now.0.saturating_sub(at.0) >= LATE_MS => {
            format!("has been queued or running for {}", readable_duration(at.until(now)))
        }
        _ => "is queued or running".to_owned(),
    }
}
