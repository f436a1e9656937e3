//! Guessing passwords gets slow. Every try counts when it begins, before anything is hashed, so that many at once are no way
//! around; a right password takes its count back. Counted by the network that the tries come from, so that nobody keeps the
//! owner of an address from signing in elsewhere, and not at all together with those of a browser that has signed in to the
//! account before. In memory: a restart forgives.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::domain::{time::Timestamp, user::folded_email};

const WITHIN: Duration = Duration::from_secs(600);
/// Tries for one account: from one network, and from one browser that is known for it.
const OF_ACCOUNT: usize = 10;
/// Tries from one network for all accounts together: people of one office share an address.
const OF_NETWORK: usize = 50;
/// Tries for one account from everywhere. Beyond it each network has no more than [`FEW`].
const FROM_EVERYWHERE: usize = 100;
const FEW: usize = 2;
/// Counts that are kept at most; beyond it those that have cooled down are forgotten, and then the oldest.
const COUNTS: usize = 20_000;

/// What tries are counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Count {
    Network(IpAddr),
    Account(String),
    Both(IpAddr, String),
    Browser(String, String),
}

/// Where a try comes from.
#[derive(Clone, Debug)]
pub enum From {
    Network(IpAddr),
    /// A browser that has signed in to the account before, by its own word.
    Browser(String),
}

/// Tries, by what they are counted under.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<Count, Vec<Timestamp>>>>);

/// A try that was counted.
#[derive(Debug)]
pub struct Try {
    counts: Vec<Count>,
    at: Timestamp,
}

impl Throttle {
    /// Counts a try; or says how long to wait before the next.
    pub fn begin(&self, from: &From, email: &str, now: Timestamp) -> Result<Try, Duration> {
        let email = folded_email(email);
        let mut tries = self.lock();
        let from_everywhere = recent(&mut tries, &Count::Account(email.clone()), now).len();
        let limits = match from {
            From::Browser(word) => vec![(Count::Browser(word.clone(), email), OF_ACCOUNT)],
            From::Network(network) => {
                let own = if from_everywhere >= FROM_EVERYWHERE { FEW } else { OF_ACCOUNT };
                vec![
                    (Count::Network(*network), OF_NETWORK),
                    (Count::Both(*network, email.clone()), own),
                    (Count::Account(email), usize::MAX),
                ]
            }
        };
        for (count, limit) in &limits {
            let moments = recent(&mut tries, count, now);
            if let (true, Some(oldest)) = (moments.len() >= *limit, moments.iter().rev().nth(limit - 1)) {
                return Err(now.until(oldest.after(WITHIN)));
            }
        }
        make_room(&mut tries, now);
        let counts: Vec<Count> = limits.into_iter().map(|(count, _)| count).collect();
        for count in &counts {
            let moments = tries.entry(count.clone()).or_default();
            moments.push(now);
            // No limit asks for more of them.
            let superfluous = moments.len().saturating_sub(FROM_EVERYWHERE);
            moments.drain(..superfluous);
        }
        Ok(Try { counts, at: now })
    }

    /// The password was right, or was not looked at: the try counts no more.
    pub fn forgive(&self, tried: &Try) {
        let mut tries = self.lock();
        for count in &tried.counts {
            if let Some(moments) = tries.get_mut(count)
                && let Some(at) = moments.iter().position(|at| *at == tried.at)
            {
                moments.remove(at);
            }
        }
    }

    /// The password was right: whoever knows it need not wait for the wrong ones before.
    pub fn succeeded(&self, tried: &Try) {
        self.forgive(tried);
        let mut tries = self.lock();
        for count in tried.counts.iter().filter(|count| matches!(count, Count::Both(..) | Count::Browser(..))) {
            tries.remove(count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Count, Vec<Timestamp>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at.after(WITHIN) > now
}

/// The tries of the last ten minutes, oldest first.
fn recent<'a>(tries: &'a mut HashMap<Count, Vec<Timestamp>>, count: &Count, now: Timestamp) -> &'a [Timestamp] {
    let Some(moments) = tries.get_mut(count) else { return &[] };
    moments.retain(|at| is_recent(*at, now));
    moments
}

fn make_room(tries: &mut HashMap<Count, Vec<Timestamp>>, now: Timestamp) {
    if tries.len() < COUNTS {
        return;
    }
    tries.retain(|_, moments| moments.last().is_some_and(|at| is_recent(*at, now)));
    if tries.len() >= COUNTS {
        let mut newest: Vec<Timestamp> = tries.values().filter_map(|moments| moments.last().copied()).collect();
        newest.sort_unstable();
        let median = newest[newest.len() / 2];
        tries.retain(|_, moments| moments.last().is_some_and(|at| *at > median));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> From {
        From::Network(IpAddr::from((0x0a00_0000 + number).to_be_bytes()))
    }

    const ANN: &str = "ann@example.org";

    #[test]
    fn the_eleventh_guess_of_a_network_waits_and_others_do_not() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for number in 0..OF_ACCOUNT {
            let at = now.after(Duration::from_secs(number as u64));
            assert!(throttle.begin(&network(1), "Ann@EXAMPLE.org", at).is_ok());
        }
        let later = now.after(Duration::from_secs(60));
        assert_eq!(throttle.begin(&network(1), ANN, later).unwrap_err(), WITHIN - Duration::from_secs(60));
        assert!(throttle.begin(&network(2), ANN, later).is_ok(), "the owner, elsewhere");
        assert!(throttle.begin(&From::Browser("b".into()), ANN, later).is_ok(), "the owner's own browser");
        assert!(throttle.begin(&network(1), "bob@example.org", later).is_ok());
        assert!(throttle.begin(&network(1), ANN, now.after(WITHIN)).is_ok());
    }

    #[test]
    fn tries_at_once_count_before_any_has_an_answer() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        let begun = (0..150).filter(|_| throttle.begin(&network(1), ANN, now).is_ok()).count();
        assert_eq!(begun, OF_ACCOUNT);
        let (throttle, accounts) = (Throttle::default(), 0..150);
        let one_each = accounts.filter(|n| throttle.begin(&network(1), &format!("{n}@example.org"), now).is_ok());
        assert_eq!(one_each.count(), OF_NETWORK);
    }

    #[test]
    fn right_passwords_are_not_counted() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for _ in 0..500 {
            let tried = throttle.begin(&network(1), ANN, now).unwrap();
            throttle.succeeded(&tried);
        }
        for _ in 0..OF_ACCOUNT - 1 {
            throttle.begin(&network(1), ANN, now).unwrap();
        }
        throttle.succeeded(&throttle.begin(&network(1), ANN, now).unwrap());
        assert!(throttle.begin(&network(1), ANN, now).is_ok());
    }

    #[test]
    fn an_account_that_is_guessed_from_everywhere_leaves_each_network_a_few() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for number in 0..FROM_EVERYWHERE as u32 {
            throttle.begin(&network(number), ANN, now).unwrap();
        }
        let owner = network(5_000);
        for _ in 0..FEW {
            throttle.begin(&owner, ANN, now).unwrap();
        }
        assert!(throttle.begin(&owner, ANN, now).is_err());
        assert!(throttle.begin(&From::Browser("known".into()), ANN, now).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for number in 0..30_000_u32 {
            let at = Timestamp(now.0 + i64::from(number));
            throttle.begin(&network(number), &format!("{number}@example.org"), at).unwrap();
        }
        assert!(throttle.lock().len() <= COUNTS + 3);
    }
}
