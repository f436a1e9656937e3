//! Counts refused requests for the audit log. Strangers can cause any number of them, so the first
//! of a kind gets a line at once, and the others one line a minute with how many there were and
//! from where. `ops::refusals` writes the lines.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A line names this many networks, those with the most refusals; the others are one number.
const NAMED: usize = 5;
/// Networks that are counted separately within a minute.
const NETWORKS: usize = 1000;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    WrongPassword,
    TooManyPasswords,
    /// From another site, or from a browser that does not say from which.
    OtherSite,
    /// With a token that does not exist.
    UnknownToken,
    /// For something that the person or program may not do.
    Forbidden,
}

impl Refusal {
    /// What the audit log calls it.
    pub fn action(self) -> &'static str {
        match self {
            Self::WrongPassword => "sign_in.refused",
            Self::TooManyPasswords => "sign_in.slowed",
            Self::OtherSite => "request.other_site",
            Self::UnknownToken => "request.unknown_token",
            Self::Forbidden => "request.forbidden",
        }
    }
}

/// Refusals of one kind that are in no line yet.
#[derive(Default)]
struct Pending {
    by_origin: BTreeMap<String, u64>,
    total: u64,
}

/// The refusals of the current minute. A kind is in the map from its first line on, until a minute
/// without any.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<BTreeMap<Refusal, Pending>>>);

impl Refusals {
    /// `true`: the first of its kind, which gets a line now, and [`Refusals::take_line`] has to be
    /// called every minute. Others are only counted.
    pub fn count(&self, kind: Refusal, origin: String) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = !kinds.contains_key(&kind);
        let pending = kinds.entry(kind).or_default();
        if !is_first {
            pending.total += 1;
            if pending.by_origin.contains_key(&origin) || pending.by_origin.len() < NETWORKS {
                *pending.by_origin.entry(origin).or_default() += 1;
            }
        }
        is_first
    }

    /// The line for the last minute; `None`: nothing was refused, and the next refusal is a first
    /// one again.
    pub fn take_line(&self, kind: Refusal) -> Option<String> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = kinds.remove(&kind).filter(|pending| pending.total > 0)?;
        kinds.insert(kind, Pending::default());
        let mut most: Vec<(String, u64)> = pending.by_origin.into_iter().collect();
        most.sort_by_key(|(_, times)| Reverse(*times));
        most.truncate(NAMED);
        let named: Vec<String> =
            most.iter().map(|(origin, times)| format!("{times} {origin}")).collect();
        let rest = pending.total - most.iter().map(|(_, times)| times).sum::<u64>();
        let more = if rest > 0 { format!(", {rest} from elsewhere") } else { String::new() };
        Some(format!("{} more in a minute: {}{more}", pending.total, named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_a_flood_is_one_line() {
        let refusals = Refusals::default();
        let from = |number: u32| format!("from 10.0.0.{number}");
        assert!(refusals.count(Refusal::WrongPassword, from(1)));
        for number in 0..30 {
            assert!(!refusals.count(Refusal::WrongPassword, from(number % 7)));
        }
        assert!(refusals.count(Refusal::OtherSite, from(1)), "another kind");
        let line = refusals.take_line(Refusal::WrongPassword).unwrap();
        assert!(
            line.starts_with("30 more in a minute: 5 from 10.0.0.0")
                && line.ends_with("8 from elsewhere"),
            "{line}"
        );
        assert_eq!(refusals.take_line(Refusal::WrongPassword), None);
        assert!(refusals.count(Refusal::WrongPassword, from(1)), "after a quiet minute");
    }
}
