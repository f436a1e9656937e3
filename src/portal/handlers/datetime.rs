//! Times in form controls: shown and read in the reader's time zone. Times in addresses include
//! their offset, so a shared link means the same moment for every reader.

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

/// How far the reader's clock is ahead of UTC at this moment.
pub fn offset_ms(ctx: &OpCtx, at: Timestamp) -> i64 {
    let local = Timestamp::parse(&format!("{}Z", zone_of(ctx).local(at)));
    local.map_or(0, |local| local.seconds().saturating_sub(at.seconds()).saturating_mul(1000))
}

/// A time of an address in the format of a `datetime-local` control. Text that is not a time is
/// returned unchanged.
pub fn local(ctx: &OpCtx, text: &str) -> String {
    Timestamp::parse(text).map_or_else(|| text.to_owned(), |at| zone_of(ctx).local(at))
}

/// Reads both ends of a range and rewrites them in the format of addresses. `zone` is the time zone
/// they were entered in; the reader's if it is empty. Errors are added to `invalid`.
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
            None => invalid.add(name, "format", "Enter a date and time, such as 2026-11-22T14:00."),
        }
        at
    };
    let (from, to) = (end(from, "from", Edge::From), end(to, "to", Edge::To));
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        invalid.add("to", "order", "Enter an end that is after the start.");
    }
    (from, to)
}
