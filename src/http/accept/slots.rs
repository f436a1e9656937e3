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
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

use ipnet::IpNet;
use tokio::sync::{Notify, futures::Notified};
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
    queue: Arc<Queue>,
}

impl Progress {
    fn new(watch: Stopwatch, queue: Arc<Queue>) -> Self {
        let (waits_for, since) = (AtomicU8::new(IDLE), AtomicU64::new(0));
        let progress = Self { waits_for, since, watch, queue };
        progress.note_time();
        progress
    }

    fn note_time(&self) {
        self.since.store(u64::try_from(self.watch.millis()).unwrap_or(0), Ordering::Relaxed);
    }

    fn set(&self, reason: u8, is_so: bool) {
        if is_so {
            self.waits_for.fetch_or(reason, Ordering::SeqCst);
        } else {
            self.waits_for.fetch_and(!reason, Ordering::SeqCst);
        }
        self.note_time();
        if is_so {
            // It can be evicted now.
            self.queue.wake();
        }
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
        (self.waits_for.load(Ordering::SeqCst) != 0).then(|| self.since.load(Ordering::Relaxed))
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

/// New connections that wait for a slot. Sequentially consistent with `Progress::waits_for`: either
/// the new connection sees that another one can be evicted, or that one sees it waiting.
#[derive(Default)]
pub struct Queue {
    length: AtomicUsize,
    /// A slot was freed, or a connection can be evicted.
    changed: Notify,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.length.load(Ordering::SeqCst) == 0
    }

    fn wake(&self) {
        // All of them, since they may need different slots: see `NoSlot`.
        if !self.is_empty() {
            self.changed.notify_waiters();
        }
    }
}

/// The place of a connection in the [`Queue`], until this is dropped.
pub struct Waiting(Arc<Queue>);

impl Waiting {
    /// Resolves after the next change. Counts from the call, even if it is polled only later.
    pub fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.length.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Why a connection gets no slot now: the requests of all connections that it could replace are
/// being answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    /// All slots are taken.
    Full,
    /// The connection's own address holds as many slots as one address may.
    AddressFull,
}

/// All slots. Clones share one state.
#[derive(Clone)]
pub struct Slots {
    state: Arc<Mutex<State>>,
    queue: Arc<Queue>,
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
        let state = State { fair_share: (max / FAIR_SHARES).max(1), ..State::default() };
        Self {
            state: Arc::new(Mutex::new(state)),
            queue: Arc::default(),
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
    /// share) of any address.
    pub fn take(&self, address: IpAddr) -> Result<Slot, NoSlot> {
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
            return Err(if is_at_limit { NoSlot::AddressFull } else { NoSlot::Full });
        }
        state.last_id += 1;
        let id = state.last_id;
        let progress = Arc::new(Progress::new(self.watch, self.queue.clone()));
        let evicted = CancellationToken::new();
        let connection =
            Connection { address, progress: progress.clone(), evicted: evicted.clone() };
        state.connections.insert(id, connection);
        *state.per_address.entry(address).or_default() += 1;
        drop(state);
        Ok(Slot { slots: self.clone(), id, address, progress, evicted })
    }

    /// Enters the queue.
    pub fn wait(&self) -> Waiting {
        self.queue.length.fetch_add(1, Ordering::SeqCst);
        Waiting(self.queue.clone())
    }

    /// Evicts one connection to free its file descriptor.
    pub fn evict_one(&self) {
        self.lock().evict(|_, _| true);
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
    pub fn queue(&self) -> Arc<Queue> {
        self.slots.queue.clone()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().remove(self.id);
        self.slots.queue.wake();
    }
}

#[cfg(test)]
mod tests;
