//! Times that people type, and times in controls: in the reader's zone, which stands beside them.
//! What an address says has its zone in it, so that it means the same to whoever it is sent to.

use crate::{
    domain::{
        invalid::Invalid,
        preferences::{Clockface, Preferences},
        time::Timestamp,
    },
    portal::{
        ctx::OpCtx,
        zones::{Edge, Zone},
    },
};

/// The reader's zone.
fn zone_of(ctx: &OpCtx) -> Zone {
    Zone::of(&ctx.user.as_ref().map(|user| user.preferences.clone()).unwrap_or_default())
}

/// The name of the reader's zone.
pub fn zone(ctx: &OpCtx) -> String {
    zone_of(ctx).zone().to_owned()
}

/// A time of an address as a control of type `datetime-local` takes it; what is none stays as it
/// was typed.
pub fn local(ctx: &OpCtx, text: &str) -> String {
    Timestamp::parse(text).map_or_else(|| text.to_owned(), |at| zone_of(ctx).local(at))
}

/// Reads both ends of a range and leaves them as an address says them. `zone` is the one they were
/// typed in, where that is known. What is wrong with them goes to `invalid`.
pub fn range(
    ctx: &OpCtx,
    (from, to): (&mut String, &mut String),
    zone: &str,
    invalid: &mut Invalid,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let zone = match zone {
        "" => zone_of(ctx),
        name => Zone::of(&Preferences { time_zone: name.to_owned(), ..Preferences::default() }),
    };
    let mut end = |typed: &mut String, name: &str, edge: Edge| {
        if typed.trim().is_empty() {
            typed.clear();
            return None;
        }
        let at = zone.moment(typed, edge);
        match at {
            Some(at) => *typed = at.rfc3339(),
            None => {
                invalid.add(name, "format", "Give a date and a time, such as 2026-11-22T14:00.")
            }
        }
        at
    };
    let (from, to) = (end(from, "from", Edge::From), end(to, "to", Edge::To));
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        invalid.add("to", "order", "The end must be after the beginning.");
    }
    (from, to)
}
