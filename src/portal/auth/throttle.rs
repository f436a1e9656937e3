//! Rate limit for password guesses. An attempt is counted when it begins, before hashing, so that
//! sending many at once does not get around the limit; a correct password removes the count.
//! Attempts are counted by client network, so that an attacker cannot lock the owner of an account
//! out elsewhere. For IPv6 the /48 site counts as well, because one site has 65,536 networks. A
//! browser that has signed in to the account before has its own counter. State is in memory only: a
//! restart resets it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::client::{network, site};
use crate::domain::{time::Timestamp, user::folded_email};

/// Sliding window of the counters.
const WINDOW: Duration = Duration::from_secs(600);
/// Attempts per account and network, or per account and known browser.
const PER_ACCOUNT: usize = 10;
/// Attempts per network over all accounts. More than [`PER_ACCOUNT`], because one office shares an
/// address.
const PER_NETWORK: usize = 50;
/// Factor for an IPv6 site's limits: it may be a company with many networks, or a provider with
/// many customers.
const SITE: usize = 4;
/// Attempts per account over all networks. Beyond it each network may make only [`UNDER_ATTACK`].
const FROM_EVERYWHERE: usize = 100;
const UNDER_ATTACK: usize = 2;
/// Maximum counters. Beyond it, counters without a recent attempt are dropped and, if that is not
/// enough, the least recently used half.
const COUNTERS: usize = 20_000;

/// Key that an attempt is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Counter {
    Network(IpAddr),
    Site(IpAddr),
    Account(String),
    NetworkAndAccount(IpAddr, String),
    SiteAndAccount(IpAddr, String),
    BrowserAndAccount(String, String),
}

/// Where an attempt comes from, for counting.
#[derive(Clone, Debug)]
pub enum Origin {
    Client(IpAddr),
    /// The id of a browser that has signed in to the account before.
    KnownBrowser(String),
}

/// Times of recent attempts, by counter. Clones share one state.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<Counter, Vec<Timestamp>>>>);

/// An attempt that was counted.
#[derive(Debug)]
pub struct Attempt {
    counters: Vec<Counter>,
    at: Timestamp,
}

impl Throttle {
    /// Counts an attempt; `Err` is the time to wait before the next one.
    pub fn begin(&self, origin: &Origin, email: &str, now: Timestamp) -> Result<Attempt, Duration> {
        let email = folded_email(email);
        let mut attempts = self.lock();
        let limits = match origin {
            Origin::KnownBrowser(id) => {
                vec![(Counter::BrowserAndAccount(id.clone(), email), PER_ACCOUNT)]
            }
            Origin::Client(address) => {
                let from_everywhere =
                    recent(&mut attempts, &Counter::Account(email.clone()), now).len();
                let per_network =
                    if from_everywhere >= FROM_EVERYWHERE { UNDER_ATTACK } else { PER_ACCOUNT };
                let mut limits = of_client(*address, &email, per_network);
                limits.push((Counter::Account(email), usize::MAX));
                limits
            }
        };
        for (counter, limit) in &limits {
            let times = recent(&mut attempts, counter, now);
            if let (true, Some(oldest)) = (times.len() >= *limit, times.iter().rev().nth(limit - 1))
            {
                return Err(now.until(oldest.after(WINDOW)));
            }
        }
        make_room(&mut attempts, now);
        for (counter, limit) in &limits {
            let times = attempts.entry(counter.clone()).or_default();
            times.push(now);
            // Keep only as many as the limit needs. The account counter has no limit of its own but
            // is compared with FROM_EVERYWHERE.
            let keep = if *limit == usize::MAX { FROM_EVERYWHERE } else { *limit };
            let superfluous = times.len().saturating_sub(keep);
            times.drain(..superfluous);
        }
        let counters = limits.into_iter().map(|(counter, _)| counter).collect();
        Ok(Attempt { counters, at: now })
    }

    /// Removes the count of an attempt whose password was correct or was not checked.
    pub fn forgive(&self, attempt: &Attempt) {
        let mut attempts = self.lock();
        for counter in &attempt.counters {
            if let Some(times) = attempts.get_mut(counter)
                && let Some(at) = times.iter().position(|at| *at == attempt.at)
            {
                times.remove(at);
            }
        }
    }

    /// The password was correct: earlier wrong attempts of the same client at this account no
    /// longer count.
    pub fn succeeded(&self, attempt: &Attempt) {
        self.forgive(attempt);
        let mut attempts = self.lock();
        let is_this_client = |counter: &&Counter| {
            use Counter::{BrowserAndAccount, NetworkAndAccount, SiteAndAccount};
            matches!(counter, NetworkAndAccount(..) | SiteAndAccount(..) | BrowserAndAccount(..))
        };
        for counter in attempt.counters.iter().filter(is_this_client) {
            attempts.remove(counter);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counter, Vec<Timestamp>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counters and limits for an unknown browser at this address; `per_network` is the limit of its
/// network at this account.
fn of_client(address: IpAddr, email: &str, per_network: usize) -> Vec<(Counter, usize)> {
    let network = network(address);
    let mut limits = vec![
        (Counter::Network(network), PER_NETWORK),
        (Counter::NetworkAndAccount(network, email.to_owned()), per_network),
    ];
    if let Some(site) = site(address) {
        limits.push((Counter::Site(site), PER_NETWORK * SITE));
        limits.push((Counter::SiteAndAccount(site, email.to_owned()), per_network * SITE));
    }
    limits
}

/// Whether `at` is within the window around `now`. After the clock was set back, times may lie far
/// in the future: they must not count, or clients would be locked out until then. Slightly future
/// times do count: concurrent requests may read the clock in one order and be counted in another.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at.after(WINDOW) > now && now.after(WINDOW) > at
}

/// The attempts in the window, oldest first; older ones are removed.
fn recent<'a>(
    attempts: &'a mut HashMap<Counter, Vec<Timestamp>>,
    counter: &Counter,
    now: Timestamp,
) -> &'a [Timestamp] {
    let Some(times) = attempts.get_mut(counter) else { return &[] };
    times.retain(|at| is_recent(*at, now));
    times
}

fn make_room(attempts: &mut HashMap<Counter, Vec<Timestamp>>, now: Timestamp) {
    if attempts.len() < COUNTERS {
        return;
    }
    attempts.retain(|_, times| times.last().is_some_and(|at| is_recent(*at, now)));
    if attempts.len() >= COUNTERS {
        let mut newest: Vec<Timestamp> =
            attempts.values().filter_map(|times| times.last().copied()).collect();
        newest.sort_unstable();
        let median = newest[newest.len() / 2];
        attempts.retain(|_, times| times.last().is_some_and(|at| *at > median));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> Origin {
        Origin::Client(IpAddr::from((0x0a00_0000 + number).to_be_bytes()))
    }

    const ANN: &str = "ann@example.org";

    #[test]
    fn the_eleventh_guess_from_one_network_waits_and_others_do_not() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for number in 0..PER_ACCOUNT {
            let at = now.after(Duration::from_secs(number as u64));
            assert!(throttle.begin(&network(1), "Ann@EXAMPLE.org", at).is_ok());
        }
        let later = now.after(Duration::from_secs(60));
        assert_eq!(
            throttle.begin(&network(1), ANN, later).unwrap_err(),
            WINDOW - Duration::from_secs(60)
        );
        assert!(throttle.begin(&network(2), ANN, later).is_ok(), "the owner, elsewhere");
        assert!(
            throttle.begin(&Origin::KnownBrowser("b".into()), ANN, later).is_ok(),
            "the owner's own browser"
        );
        assert!(throttle.begin(&network(1), "bob@example.org", later).is_ok());
        assert!(throttle.begin(&network(1), ANN, now.after(WINDOW)).is_ok());
    }

    #[test]
    fn concurrent_attempts_count_before_any_is_answered() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        let begun = (0..150).filter(|_| throttle.begin(&network(1), ANN, now).is_ok()).count();
        assert_eq!(begun, PER_ACCOUNT);
        let (throttle, accounts) = (Throttle::default(), 0..150);
        let one_each = accounts
            .filter(|n| throttle.begin(&network(1), &format!("{n}@example.org"), now).is_ok());
        assert_eq!(one_each.count(), PER_NETWORK);
    }

    #[test]
    fn correct_passwords_are_not_counted() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for _ in 0..500 {
            let attempt = throttle.begin(&network(1), ANN, now).unwrap();
            throttle.succeeded(&attempt);
        }
        for _ in 0..PER_ACCOUNT - 1 {
            throttle.begin(&network(1), ANN, now).unwrap();
        }
        throttle.succeeded(&throttle.begin(&network(1), ANN, now).unwrap());
        assert!(throttle.begin(&network(1), ANN, now).is_ok());
    }

    #[test]
    fn a_distributed_attack_on_one_account_leaves_each_network_a_few_attempts() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for number in 0..FROM_EVERYWHERE as u32 {
            throttle.begin(&network(number), ANN, now).unwrap();
        }
        let owner = network(5_000);
        for _ in 0..UNDER_ATTACK {
            throttle.begin(&owner, ANN, now).unwrap();
        }
        assert!(throttle.begin(&owner, ANN, now).is_err());
        assert!(throttle.begin(&Origin::KnownBrowser("known".into()), ANN, now).is_ok());
    }

    #[test]
    fn the_networks_of_one_ipv6_site_count_together() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        let of_site =
            |number: u16| Origin::Client(format!("2001:db8:1:{number:x}::1").parse().unwrap());
        let begun =
            (0..1000).filter(|number| throttle.begin(&of_site(*number), ANN, now).is_ok()).count();
        assert_eq!(begun, PER_ACCOUNT * SITE);
        let all = (0..1000)
            .filter(|n| throttle.begin(&of_site(*n), &format!("{n}@example.org"), now).is_ok())
            .count();
        assert_eq!(begun + all, PER_NETWORK * SITE);
        assert!(
            throttle.begin(&Origin::Client("2001:db8:2::1".parse().unwrap()), ANN, now).is_ok(),
            "elsewhere"
        );
    }

    #[test]
    fn a_clock_set_back_does_not_extend_a_lockout() {
        let (throttle, now) = (Throttle::default(), Timestamp(100_000_000));
        for _ in 0..PER_ACCOUNT {
            throttle.begin(&network(1), ANN, now).unwrap();
        }
        assert!(
            throttle.begin(&network(1), ANN, now.before(Duration::from_millis(5))).is_err(),
            "asked the time earlier"
        );
        assert!(
            throttle.begin(&network(1), ANN, now.before(WINDOW * 6)).is_ok(),
            "set back by an hour"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        for number in 0..30_000_u32 {
            let at = Timestamp(now.0 + i64::from(number));
            throttle.begin(&network(number), &format!("{number}@example.org"), at).unwrap();
        }
        assert!(throttle.lock().len() <= COUNTERS + 3);
    }
}
