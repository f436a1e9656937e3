//! Times that people type, and times in controls: in the reader's zone, which stands beside them. What an address says
//! has its zone in it, so that it means the same to whoever it is sent to.

use crate::{
    domain::{invalid::Invalid, time::Timestamp},
    server::ctx::OpCtx,
};

/// The name of the reader's zone.
pub fn zone(_ctx: &OpCtx) -> String {
    "UTC".to_owned()
}

/// As a control of type `datetime-local` takes it.
pub fn local(_ctx: &OpCtx, at: Timestamp) -> String {
    at.rfc3339().chars().take(19).collect()
}

/// What was typed, if it is a time: with a zone of its own, or meant in this one.
fn read(typed: &str, _zone: &str) -> Option<Timestamp> {
    let typed = typed.trim();
    let seconds = if typed.matches(':').count() == 1 { ":00" } else { "" };
    Timestamp::parse(typed).or_else(|| Timestamp::parse(&format!("{typed}{seconds}Z")))
}

/// Reads both ends of a range and leaves them as an address says them. What is wrong with them goes to `invalid`.
pub fn range(
    from: &mut String,
    to: &mut String,
    zone: &str,
    invalid: &mut Invalid,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut end = |typed: &mut String, name: &str| {
        if typed.trim().is_empty() {
            typed.clear();
            return None;
        }
        let at = read(typed, zone);
        match at {
            Some(at) => *typed = at.rfc3339(),
            None => invalid.add(name, "format", "Give a date and a time, such as 2026-11-22T14:00."),
        }
        at
    };
    let (from, to) = (end(from, "from"), end(to, "to"));
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        invalid.add("to", "order", "The end must be after the beginning.");
    }
    (from, to)
}
