//! Requests that were refused, counted for the audit log: strangers can cause any number of them, so each kind has a line at
//! once and then one a minute at most, with how many there were and where they came from. `ops::refusals` writes the lines.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Of so many networks a line tells how often; the rest is one number.
const NAMED: usize = 5;
/// Networks that are told apart within a minute.
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

/// Of one kind, those that no line tells of yet.
#[derive(Default)]
struct Untold {
    by: BTreeMap<String, u64>,
    total: u64,
}

/// Those of the present minute, by kind: a kind that is there had its line.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<BTreeMap<Refusal, Untold>>>);

impl Refusals {
    /// Is it the first in this minute? The others are counted.
    pub fn count(&self, kind: Refusal, whence: String) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = !kinds.contains_key(&kind);
        let untold = kinds.entry(kind).or_default();
        if !is_first {
            untold.total += 1;
            if untold.by.contains_key(&whence) || untold.by.len() < NETWORKS {
                *untold.by.entry(whence).or_default() += 1;
            }
        }
        is_first
    }

    /// What a minute's line says; `None`: nothing more was refused, and the next one is the first again.
    pub fn told(&self, kind: Refusal) -> Option<String> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = kinds.remove(&kind).filter(|untold| untold.total > 0)?;
        kinds.insert(kind, Untold::default());
        let mut by: Vec<(String, u64)> = untold.by.into_iter().collect();
        by.sort_by_key(|(_, times)| Reverse(*times));
        let named: Vec<String> = by.iter().take(NAMED).map(|(whence, times)| format!("{times} {whence}")).collect();
        let rest = untold.total - by.iter().take(NAMED).map(|(_, times)| times).sum::<u64>();
        let more = if rest > 0 { format!(", {rest} from elsewhere") } else { String::new() };
        Some(format!("{} more in a minute: {}{more}", untold.total, named.join(", ")))
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
        let told = refusals.told(Refusal::WrongPassword).unwrap();
        assert!(
            told.starts_with("30 more in a minute: 5 from 10.0.0.0") && told.ends_with("8 from elsewhere"),
            "{told}"
        );
        assert_eq!(refusals.told(Refusal::WrongPassword), None);
        assert!(refusals.count(Refusal::WrongPassword, from(1)), "after a quiet minute");
    }
}
