//! Limits how often passwords can be guessed. An attempt is counted when it begins, before anything
//! is hashed, so that sending many at once is no way round the limit; if the password was right,
//! the count is taken back. Attempts are counted by the network that they come from, so that an
//! attacker cannot lock the owner of an account out of it elsewhere. Of IPv6 the site counts as
//! well, because one site has 65,536 networks. A browser that has signed in to the account before
//! has a count of its own. In memory: a restart forgets all counts.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::client::{network, site};
use crate::domain::{time::Timestamp, user::folded_email};

/// Attempts are counted for this long.
const WINDOW: Duration = Duration::from_secs(600);
/// Attempts at one account from one network, or from one browser that has signed in to it before.
const PER_ACCOUNT: usize = 10;
/// Attempts from one network at all accounts. It is more than [`PER_ACCOUNT`], because people of
/// one office share an address.
const PER_NETWORK: usize = 50;
/// How many times as much an IPv6 site has: it may be a company with many networks, or a provider
/// with many customers.
const SITE: usize = 4;
/// Attempts at one account from all networks together. Beyond it each network has only
/// [`UNDER_ATTACK`].
const FROM_EVERYWHERE: usize = 100;
const UNDER_ATTACK: usize = 2;
/// Counters kept at most. Beyond it those without an attempt in the window are dropped, and if that
/// is not enough, the half that was used least recently.
const COUNTERS: usize = 20_000;

/// What an attempt is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Counter {
    Network(IpAddr),
    Site(IpAddr),
    Account(String),
    NetworkAndAccount(IpAddr, String),
    SiteAndAccount(IpAddr, String),
    BrowserAndAccount(String, String),
}

/// Where an attempt comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    Client(IpAddr),
    /// The id of a browser that has signed in to the account before.
    KnownBrowser(String),
}

/// When attempts were made, by what they are counted under. Clones share one state.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<Counter, Vec<Timestamp>>>>);

/// An attempt that was counted.
#[derive(Debug)]
pub struct Attempt {
    counters: Vec<Counter>,
    at: Timestamp,
}

impl Throttle {
    /// Counts an attempt; or says how long to wait before the next.
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
                let own =
                    if from_everywhere >= FROM_EVERYWHERE { UNDER_ATTACK } else { PER_ACCOUNT };
                let mut limits = of_client(*address, &email, own);
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
            // No limit needs more of them. (That of all networks together is not in the list.)
            let most = if *limit == usize::MAX { FROM_EVERYWHERE } else { *limit };
            let superfluous = times.len().saturating_sub(most);
            times.drain(..superfluous);
        }
        let counters = limits.into_iter().map(|(counter, _)| counter).collect();
        Ok(Attempt { counters, at: now })
    }

    /// Takes the count of an attempt back: its password was right, or was not checked.
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

    /// The password was right: whoever knows it need not wait because of earlier wrong ones.
    pub fn succeeded(&self, attempt: &Attempt) {
        self.forgive(attempt);
        let mut attempts = self.lock();
        let is_own = |counter: &&Counter| {
            use Counter::{BrowserAndAccount, NetworkAndAccount, SiteAndAccount};
            matches!(counter, NetworkAndAccount(..) | SiteAndAccount(..) | BrowserAndAccount(..))
        };
        for counter in attempt.counters.iter().filter(is_own) {
            attempts.remove(counter);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Counter, Vec<Timestamp>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an attempt of a stranger is counted under by its address, with the limits; `own` is that of
/// its network at the account.
fn of_client(address: IpAddr, email: &str, own: usize) -> Vec<(Counter, usize)> {
    let network = network(address);
    let mut limits = vec![
        (Counter::Network(network), PER_NETWORK),
        (Counter::NetworkAndAccount(network, email.to_owned()), own),
    ];
    if let Some(site) = site(address) {
        limits.push((Counter::Site(site), PER_NETWORK * SITE));
        limits.push((Counter::SiteAndAccount(site, email.to_owned()), own * SITE));
    }
    limits
}

/// Is this within the window? A time from before the clock was set back lies in the future and must
/// not count until it has passed. A little in the future it can lie anyway: requests at once ask
/// the time in one order and count in another.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    at.after(WINDOW) > now && now.after(WINDOW) > at
}

/// The attempts in the window, oldest first.
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
    fn the_eleventh_guess_of_a_network_waits_and_others_do_not() {
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
    fn tries_at_once_count_before_any_has_an_answer() {
        let (throttle, now) = (Throttle::default(), Timestamp(1_000_000));
        let begun = (0..150).filter(|_| throttle.begin(&network(1), ANN, now).is_ok()).count();
        assert_eq!(begun, PER_ACCOUNT);
        let (throttle, accounts) = (Throttle::default(), 0..150);
        let one_each = accounts
            .filter(|n| throttle.begin(&network(1), &format!("{n}@example.org"), now).is_ok());
        assert_eq!(one_each.count(), PER_NETWORK);
    }

    #[test]
    fn right_passwords_are_not_counted() {
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
    fn an_account_that_is_guessed_from_everywhere_leaves_each_network_a_few() {
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
    fn a_clock_that_is_set_back_locks_nobody_out_for_longer() {
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
