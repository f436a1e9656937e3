//! Counts refused requests for the audit log. Clients without an account can cause any number of
//! them, so each kind gets one line at once and then at most one line per minute with the count and
//! the origins. `ops::refusals` writes the lines.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Networks that a line lists, those with the most refusals first; the others are summed up.
const NAMED: usize = 5;
/// Maximum networks counted separately per kind and minute.
const NETWORKS: usize = 1000;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    WrongPassword,
    TooManyPasswords,
    /// A cross-site request, or one whose browser does not say where it comes from.
    OtherSite,
    /// The bearer token does not exist.
    UnknownToken,
    /// The actor lacks the permission.
    Forbidden,
}

impl Refusal {
    /// The action in the audit log.
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

/// Refusals of one kind that were not logged yet.
#[derive(Default)]
struct Pending {
    by_origin: BTreeMap<String, u64>,
    total: u64,
}

/// Refusals of the current minute, by kind. A kind stays in the map from its first line until a
/// minute without a refusal.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<BTreeMap<Refusal, Pending>>>);

impl Refusals {
    /// Counts a refusal. `true`: the first of its kind. The caller writes a line now and then calls
    /// [`Refusals::take_line`] every minute until it returns `None`.
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

    /// The summary line of the last minute; `None` if nothing was refused, which ends the series.
    pub fn take_line(&self, kind: Refusal) -> Option<String> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = kinds.remove(&kind).filter(|pending| pending.total > 0)?;
        kinds.insert(kind, Pending::default());
        let mut top: Vec<(String, u64)> = pending.by_origin.into_iter().collect();
        top.sort_by_key(|(_, count)| Reverse(*count));
        top.truncate(NAMED);
        let named: Vec<String> =
            top.iter().map(|(origin, count)| format!("{count} {origin}")).collect();
        let others = pending.total - top.iter().map(|(_, count)| count).sum::<u64>();
        let more = if others > 0 { format!(", {others} from elsewhere") } else { String::new() };
        Some(format!("{} more in a minute: {}{more}", pending.total, named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_per_minute() {
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
