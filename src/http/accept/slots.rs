//! Connection slots: a fixed number, and the eviction policy when all are taken. Evicted is the
//! connection that has waited for its client the longest; if some addresses hold more than their
//! fair share, it comes from the address with the most connections. A connection whose request is
//! being answered is never evicted. This module only keeps counts and marks; it does no I/O.

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

/// Bits for why a connection waits for its client; 0 means the server is working on its request.
const IDLE: u8 = 1;
const BODY: u8 = 2;
const STALLED: u8 = 4;

/// State of a connection: written by the connection, read by the eviction policy.
pub struct Progress {
    waits_for: AtomicU8,
    /// When that last changed, in milliseconds of `watch`.
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

    /// No request is in progress.
    pub fn set_idle(&self, is_so: bool) {
        self.set(IDLE, is_so);
    }

    /// The request's body has not arrived completely.
    pub fn set_body(&self, is_so: bool) {
        self.set(BODY, is_so);
    }

    /// The client does not read the response.
    pub fn set_stalled(&self, is_so: bool) {
        self.set(STALLED, is_so);
    }

    /// Since when the connection waits for its client; `None` if it does not.
    fn waits_since(&self) -> Option<u64> {
        (self.waits_for.load(Ordering::Relaxed) != 0).then(|| self.since.load(Ordering::Relaxed))
    }
}

struct Connection {
    address: IpAddr,
    progress: Arc<Progress>,
    evicted: CancellationToken,
}

#[derive(Default)]
struct State {
    connections: HashMap<u64, Connection>,
    per_address: HashMap<IpAddr, usize>,
    last_id: u64,
    /// Connections of an address with more than this are evicted first.
    fair_share: usize,
}

/// The fair share of an address is this fraction of all slots.
const FAIR_SHARES: usize = 16;

/// All slots. Clones share one state.
#[derive(Clone)]
pub struct Slots {
    state: Arc<Mutex<State>>,
    freed: Arc<Notify>,
    /// A new connection waits for a slot.
    has_waiters: Arc<AtomicBool>,
    max: usize,
    max_per_address: usize,
    /// Trusted proxies: many clients share their address, so the limit per address does not apply.
    proxies: Arc<[IpNet]>,
    watch: Stopwatch,
}

/// A connection's slot, released when dropped.
pub struct Slot {
    slots: Slots,
    id: u64,
    pub address: IpAddr,
    pub progress: Arc<Progress>,
    /// Cancelled when the connection must close to make room.
    pub evicted: CancellationToken,
}

impl Slots {
    /// One address may hold half of the slots, so that a single machine cannot lock out all others.
    /// Trusted proxies may hold all of them.
    pub fn new(max: usize, proxies: &[IpNet], watch: Stopwatch) -> Self {
        let (freed, has_waiters) = (Arc::default(), Arc::default());
        let state = State { fair_share: (max / FAIR_SHARES).max(1), ..State::default() };
        Self {
            state: Arc::new(Mutex::new(state)),
            freed,
            has_waiters,
            max,
            max_per_address: max.div_ceil(2),
            proxies: proxies.into(),
            watch,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for a connection from this address. If none is free, evicts a connection of the same
    /// address, of an address with more connections, or (if this address has less than its fair
    /// share) of any address. `None`: all of these are being answered.
    pub fn take(&self, address: IpAddr) -> Option<Slot> {
        let is_proxy = self.proxies.iter().any(|range| range.contains(&address.to_canonical()));
        // One machine may have any number of IPv6 addresses, so count by network.
        let address = network(address);
        let mut state = self.lock();
        let own = state.per_address.get(&address).copied().unwrap_or(0);
        let is_at_limit = own >= self.max_per_address && !is_proxy;
        let is_full = state.connections.len() >= self.max;
        let is_below_share = own < state.fair_share;
        let may_evict = |other: IpAddr, count: usize| {
            other == address || (!is_at_limit && (count > own || is_below_share))
        };
        if (is_at_limit || is_full) && !state.evict(may_evict) {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let progress = Arc::new(Progress::new(self.watch));
        let evicted = CancellationToken::new();
        let connection =
            Connection { address, progress: progress.clone(), evicted: evicted.clone() };
        state.connections.insert(id, connection);
        *state.per_address.entry(address).or_default() += 1;
        drop(state);
        Some(Slot { slots: self.clone(), id, address, progress, evicted })
    }

    /// Records whether a new connection waits for a slot.
    pub fn set_waiting(&self, is_so: bool) {
        self.has_waiters.store(is_so, Ordering::Relaxed);
    }

    /// Evicts one connection to free its file descriptor.
    pub fn evict_one(&self) {
        self.lock().evict(|_, _| true);
    }

    /// Waits until a slot is released.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }
}

impl State {
    /// Evicts one connection by the policy above; `false` if there is no candidate. `may_evict`
    /// gets an address and its number of connections.
    fn evict(&mut self, may_evict: impl Fn(IpAddr, usize) -> bool) -> bool {
        let candidates = self.connections.iter().filter_map(|(id, connection)| {
            let count = self.per_address.get(&connection.address).copied().unwrap_or(0);
            let since = connection.progress.waits_since()?;
            let above_share = if count > self.fair_share { count } else { 0 };
            may_evict(connection.address, count).then_some((Reverse(above_share), since, *id))
        });
        let Some((.., id)) = candidates.min() else { return false };
        self.remove(id).inspect(|connection| connection.evicted.cancel()).is_some()
    }

    fn remove(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        if let Some(count) = self.per_address.get_mut(&connection.address) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&connection.address);
            }
        }
        Some(connection)
    }
}

impl Slot {
    /// Shared flag: whether a new connection waits for a slot.
    pub fn has_waiters(&self) -> Arc<AtomicBool> {
        self.slots.has_waiters.clone()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().remove(self.id);
        self.slots.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::Clock;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    fn slot(slots: &Slots, number: u8) -> Slot {
        slots.take(address(number)).unwrap()
    }

    #[test]
    fn the_longest_waiting_connection_is_evicted_and_answered_ones_are_not() {
        let slots = Slots::new(4, &[], Clock::System.stopwatch());
        let held: Vec<Slot> = (1..=4).map(|number| slot(&slots, number)).collect();
        held[0].progress.set_idle(false);
        held[2].progress.since.store(0, Ordering::Relaxed);
        held[1].progress.since.store(5, Ordering::Relaxed);
        held[3].progress.since.store(5, Ordering::Relaxed);
        let newcomer = slot(&slots, 5);
        assert!(held[2].evicted.is_cancelled() && !newcomer.evicted.is_cancelled());
        for one in [&held[1], &held[3], &newcomer] {
            one.progress.set_idle(false);
        }
        assert!(slots.take(address(6)).is_none());
        drop(held);
        slot(&slots, 6);
    }

    #[test]
    fn an_address_with_many_connections_is_evicted_before_one_with_few() {
        let slots = Slots::new(4, &[], Clock::System.stopwatch());
        let few = slot(&slots, 1);
        let many = [slot(&slots, 2), slot(&slots, 2), slot(&slots, 3)];
        few.progress.since.store(0, Ordering::Relaxed);
        let newcomer = slot(&slots, 4);
        let evicted: Vec<bool> = many.iter().map(|one| one.evicted.is_cancelled()).collect();
        assert!(evicted[..2].contains(&true) && !evicted[2], "{evicted:?}");
        assert!(!few.evicted.is_cancelled() && !newcomer.evicted.is_cancelled());
        // The same holds when all other connections are being answered.
        for one in many.iter().chain([&newcomer]) {
            one.progress.set_idle(false);
        }
        assert!(slots.take(address(2)).is_none() && !few.evicted.is_cancelled());
    }

    #[test]
    fn an_address_at_its_limit_evicts_its_own_connections() {
        let slots = Slots::new(10, &[], Clock::System.stopwatch());
        let other = slot(&slots, 1);
        other.progress.since.store(0, Ordering::Relaxed);
        let greedy: Vec<Slot> = (0..6).map(|_| slot(&slots, 2)).collect();
        let evicted = greedy.iter().filter(|one| one.evicted.is_cancelled()).count();
        assert_eq!((evicted, other.evicted.is_cancelled()), (1, false));
        let proxied = Slots::new(10, &[IpNet::from(address(2))], Clock::System.stopwatch());
        let all: Vec<Slot> = (0..10).map(|_| slot(&proxied, 2)).collect();
        assert!(all.iter().all(|one| !one.evicted.is_cancelled()), "a trusted proxy");
        drop((greedy, other));
        assert!(slots.lock().connections.is_empty() && slots.lock().per_address.is_empty());
    }

    #[test]
    fn many_addresses_with_one_connection_each_do_not_evict_an_address_with_a_few() {
        let slots = Slots::new(64, &[], Clock::System.stopwatch());
        let hostile: Vec<Slot> = (1..=62).map(|number| slot(&slots, number)).collect();
        hostile.iter().for_each(|one| one.progress.since.store(0, Ordering::Relaxed));
        // A working client: four connections that became idle just now.
        let client: Vec<Slot> = (0..4).map(|_| slot(&slots, 100)).collect();
        client.iter().for_each(|one| one.progress.since.store(9, Ordering::Relaxed));
        let more: Vec<Slot> = (150..170).map(|number| slot(&slots, number)).collect();
        assert!(client.iter().all(|one| !one.evicted.is_cancelled()));
        assert!(more.iter().all(|one| !one.evicted.is_cancelled()));
        let evicted = hostile.iter().filter(|one| one.evicted.is_cancelled()).count();
        assert_eq!(evicted, 62 + 4 + 20 - 64);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let slots = Slots::new(64, &[], Clock::System.stopwatch());
        let of_network = |number: u16| format!("2001:db8::{number:x}").parse().unwrap();
        let many: Vec<Slot> = (1..=40).map(|n| slots.take(of_network(n)).unwrap()).collect();
        let evicted = many.iter().filter(|one| one.evicted.is_cancelled()).count();
        assert_eq!(evicted, 40 - 32, "one network holds half of the slots at most");
    }
}
