//! Places for connections: how many there are, and who has to leave when there are none. A client
//! that keeps a connection without getting on costs others their place. The one leaves that has
//! waited for its client for the longest; of addresses with more than a fair share, one of the
//! address that has the most. Whoever is being answered stays. Pure bookkeeping over what
//! [`Progress`] says.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
};

use ipnet::IpNet;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{engine::clock::Stopwatch, portal::auth::client::network};

/// Why a connection waits for its client, one bit each; none of them: for us.
const IDLE: u8 = 1;
const BODY: u8 = 2;
const STALLED: u8 = 4;

/// How far a connection is, written by it and read by whoever looks for a place.
pub struct Progress {
    waits_for: AtomicU8,
    /// Milliseconds of `watch`.
    since: AtomicU64,
    watch: Stopwatch,
}

impl Progress {
    fn new(watch: Stopwatch) -> Self {
        let progress = Self { waits_for: AtomicU8::new(IDLE), since: AtomicU64::new(0), watch };
        progress.note_time();
        progress
    }

    fn note_time(&self) {
        self.since.store(u64::try_from(self.watch.millis()).unwrap_or(0), Ordering::Relaxed);
    }

    fn set(&self, reason: u8, is_so: bool) {
        if is_so {
            self.waits_for.fetch_or(reason, Ordering::Relaxed);
        } else {
            self.waits_for.fetch_and(!reason, Ordering::Relaxed);
        }
        self.note_time();
    }

    /// No request is under way.
    pub fn set_idle(&self, is_so: bool) {
        self.set(IDLE, is_so);
    }

    /// The rest of a request is still to come.
    pub fn set_body(&self, is_so: bool) {
        self.set(BODY, is_so);
    }

    /// The client takes nothing of the answer.
    pub fn set_stalled(&self, is_so: bool) {
        self.set(STALLED, is_so);
    }

    /// Since when it waits for its client; `None`: it does not.
    fn waits_since(&self) -> Option<u64> {
        (self.waits_for.load(Ordering::Relaxed) != 0).then(|| self.since.load(Ordering::Relaxed))
    }
}

struct Connection {
    address: IpAddr,
    progress: Arc<Progress>,
    leave: CancellationToken,
}

#[derive(Default)]
struct Taken {
    connections: HashMap<u64, Connection>,
    of_address: HashMap<IpAddr, usize>,
    last: u64,
    /// An address with more connections than this loses one of its own first.
    fair_share: usize,
}

/// A fair share is one place of so many.
const FAIR_SHARES: usize = 16;

/// All places. Clones are one.
#[derive(Clone)]
pub struct Places {
    taken: Arc<Mutex<Taken>>,
    freed: Arc<Notify>,
    /// Somebody waits for a place.
    is_wanted: Arc<AtomicBool>,
    most: usize,
    most_of_address: usize,
    /// Proxies: whoever is behind them shares their address.
    proxies: Arc<[IpNet]>,
    watch: Stopwatch,
}

/// A connection's place, free again when this is dropped.
pub struct Place {
    places: Places,
    id: u64,
    pub address: IpAddr,
    pub progress: Arc<Progress>,
    /// Somebody else needs the place.
    pub leave: CancellationToken,
}

impl Places {
    /// One address may have half of the places, so that no single machine shuts everybody else out;
    /// trusted proxies may have them all.
    pub fn new(most: usize, proxies: &[IpNet], watch: Stopwatch) -> Self {
        let (freed, is_wanted) = (Arc::default(), Arc::default());
        let taken = Taken { fair_share: (most / FAIR_SHARES).max(1), ..Taken::default() };
        Self {
            taken: Arc::new(Mutex::new(taken)),
            freed,
            is_wanted,
            most,
            most_of_address: most.div_ceil(2),
            proxies: proxies.into(),
            watch,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from this address. Where there is none, another of this address
    /// leaves, or one of an address that has more, or any if this one has less than a fair share.
    /// `None`: all of those are being answered.
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let is_proxy = self.proxies.iter().any(|range| range.contains(&address.to_canonical()));
        // One machine can have any number of IPv6 addresses.
        let address = network(address);
        let mut taken = self.lock();
        let own = taken.of_address.get(&address).copied().unwrap_or(0);
        let has_share = own >= self.most_of_address && !is_proxy;
        let is_full = taken.connections.len() >= self.most;
        let is_modest = own < taken.fair_share;
        let may_leave = |other: IpAddr, share: usize| {
            other == address || (!has_share && (share > own || is_modest))
        };
        if (has_share || is_full) && !taken.dismiss(may_leave) {
            return None;
        }
        taken.last += 1;
        let id = taken.last;
        let progress = Arc::new(Progress::new(self.watch));
        let leave = CancellationToken::new();
        let connection = Connection { address, progress: progress.clone(), leave: leave.clone() };
        taken.connections.insert(id, connection);
        *taken.of_address.entry(address).or_default() += 1;
        drop(taken);
        Some(Place { places: self.clone(), id, address, progress, leave })
    }

    /// Notes whether somebody waits for a place.
    pub fn set_wanted(&self, is_so: bool) {
        self.is_wanted.store(is_so, Ordering::Relaxed);
    }

    /// Makes one leave, to have its descriptor back.
    pub fn dismiss_one(&self) {
        self.lock().dismiss(|_, _| true);
    }

    /// Waits until a place is given back.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }
}

impl Taken {
    /// Makes one leave: see the module. `may_leave` is asked of an address and how many it has.
    fn dismiss(&mut self, may_leave: impl Fn(IpAddr, usize) -> bool) -> bool {
        let waiting = self.connections.iter().filter_map(|(id, one)| {
            let share = self.of_address.get(&one.address).copied().unwrap_or(0);
            let since = one.progress.waits_since()?;
            let too_many = if share > self.fair_share { share } else { 0 };
            may_leave(one.address, share).then_some((Reverse(too_many), since, *id))
        });
        let Some((.., id)) = waiting.min() else { return false };
        self.remove(id).inspect(|one| one.leave.cancel()).is_some()
    }

    fn remove(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        if let Some(count) = self.of_address.get_mut(&connection.address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&connection.address);
            }
        }
        Some(connection)
    }
}

impl Place {
    /// Whether somebody waits for a place, now and later.
    pub fn wanted(&self) -> Arc<AtomicBool> {
        self.places.is_wanted.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.id);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Clock;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    fn place(places: &Places, number: u8) -> Place {
        places.take(address(number)).unwrap()
    }

    #[test]
    fn the_one_that_waits_the_longest_leaves_and_whoever_is_answered_stays() {
        let places = Places::new(4, &[], Clock::System.stopwatch());
        let held: Vec<Place> = (1..=4).map(|number| place(&places, number)).collect();
        held[0].progress.set_idle(false);
        held[2].progress.since.store(0, Ordering::Relaxed);
        held[1].progress.since.store(5, Ordering::Relaxed);
        held[3].progress.since.store(5, Ordering::Relaxed);
        let newcomer = place(&places, 5);
        assert!(held[2].leave.is_cancelled() && !newcomer.leave.is_cancelled());
        for one in [&held[1], &held[3], &newcomer] {
            one.progress.set_idle(false);
        }
        assert!(places.take(address(6)).is_none());
        drop(held);
        place(&places, 6);
    }

    #[test]
    fn whoever_has_many_leaves_before_whoever_has_few() {
        let places = Places::new(4, &[], Clock::System.stopwatch());
        let few = place(&places, 1);
        let many = [place(&places, 2), place(&places, 2), place(&places, 3)];
        few.progress.since.store(0, Ordering::Relaxed);
        let newcomer = place(&places, 4);
        let left: Vec<bool> = many.iter().map(|one| one.leave.is_cancelled()).collect();
        assert!(left[..2].contains(&true) && !left[2], "{left:?}");
        assert!(!few.leave.is_cancelled() && !newcomer.leave.is_cancelled());
        // Not even where everybody else is being answered.
        for one in many.iter().chain([&newcomer]) {
            one.progress.set_idle(false);
        }
        assert!(places.take(address(2)).is_none() && !few.leave.is_cancelled());
    }

    #[test]
    fn an_address_with_its_share_makes_room_among_its_own() {
        let places = Places::new(10, &[], Clock::System.stopwatch());
        let other = place(&places, 1);
        other.progress.since.store(0, Ordering::Relaxed);
        let greedy: Vec<Place> = (0..6).map(|_| place(&places, 2)).collect();
        let dismissed = greedy.iter().filter(|one| one.leave.is_cancelled()).count();
        assert_eq!((dismissed, other.leave.is_cancelled()), (1, false));
        let proxied = Places::new(10, &[IpNet::from(address(2))], Clock::System.stopwatch());
        let all: Vec<Place> = (0..10).map(|_| place(&proxied, 2)).collect();
        assert!(all.iter().all(|one| !one.leave.is_cancelled()), "a trusted proxy");
        drop((greedy, other));
        assert!(places.lock().connections.is_empty() && places.lock().of_address.is_empty());
    }

    #[test]
    fn many_addresses_with_one_each_do_not_push_out_one_with_a_few() {
        let places = Places::new(64, &[], Clock::System.stopwatch());
        let hostile: Vec<Place> = (1..=62).map(|number| place(&places, number)).collect();
        hostile.iter().for_each(|one| one.progress.since.store(0, Ordering::Relaxed));
        // A client that works: four connections at once, each of which has just asked.
        let client: Vec<Place> = (0..4).map(|_| place(&places, 100)).collect();
        client.iter().for_each(|one| one.progress.since.store(9, Ordering::Relaxed));
        let more: Vec<Place> = (150..170).map(|number| place(&places, number)).collect();
        assert!(client.iter().all(|one| !one.leave.is_cancelled()));
        assert!(more.iter().all(|one| !one.leave.is_cancelled()));
        let left = hostile.iter().filter(|one| one.leave.is_cancelled()).count();
        assert_eq!(left, 62 + 4 + 20 - 64);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let places = Places::new(64, &[], Clock::System.stopwatch());
        let of_network = |number: u16| format!("2001:db8::{number:x}").parse().unwrap();
        let many: Vec<Place> = (1..=40).map(|n| places.take(of_network(n)).unwrap()).collect();
        let left = many.iter().filter(|one| one.leave.is_cancelled()).count();
        assert_eq!(left, 40 - 32, "one network has half of the places at most");
    }
}
