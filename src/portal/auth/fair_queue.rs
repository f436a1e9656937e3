//! A fair queue for password hashing. Each hash takes 19 MiB and tens of milliseconds, so only a
//! few run at once. Each client network has its own queue and the queues are served round-robin, so
//! a flood from one network delays that network and hardly anyone else. Known browsers (see
//! [`browser`](super::browser)) have priority; unknown networks get at least every fourth permit.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::domain::id::UserId;

/// Hashes that run at once.
const CONCURRENT: usize = 2;
/// Waiting requests per queue, and in all queues.
const MAX_QUEUED: usize = 16;
const MAX_QUEUED_TOTAL: usize = 512;
/// Permits for known browsers in a row before one goes to an unknown network.
const PRIORITY_RUN: usize = 3;

/// Which queue a request waits in. Networks have low priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueKey {
    /// The id of a browser that has signed in to the account before.
    KnownBrowser(String),
    /// Any other client: an IPv4 address or an IPv6 site.
    Network(IpAddr),
    /// A signed-in user who changes their own password.
    User(UserId),
    /// An authorised caller: user administration, the set-up link, commands.
    Portal,
}

impl QueueKey {
    fn is_network(&self) -> bool {
        matches!(self, Self::Network(_))
    }
}

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooBusy;

struct Queue {
    key: QueueKey,
    waiting: VecDeque<oneshot::Sender<Permit>>,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Permits granted to priority queues since the last one for a network.
    priority_run: usize,
    /// No queue in it is empty. A queue that was served moves to the back (round-robin).
    queues: VecDeque<Queue>,
}

/// The set of queues. Clones share one state.
#[derive(Clone, Default)]
pub struct FairQueue(Arc<Mutex<State>>);

/// The right to run one hash. Dropping it passes the permit to the next request.
pub struct Permit(FairQueue);

impl FairQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a permit.
    pub async fn take(&self, key: QueueKey) -> Result<Permit, TooBusy> {
        let waiting = {
            let mut state = self.lock();
            if state.running < CONCURRENT {
                state.running += 1;
                return Ok(Permit(self.clone()));
            }
            state.enqueue(key)?
        };
        waiting.await.map_err(|_| TooBusy)
    }
}

impl State {
    fn enqueue(&mut self, key: QueueKey) -> Result<oneshot::Receiver<Permit>, TooBusy> {
        // Remove requests whose client has disconnected.
        self.queues.iter_mut().for_each(|queue| queue.waiting.retain(|one| !one.is_closed()));
        self.queues.retain(|queue| !queue.waiting.is_empty());
        let own = self
            .queues
            .iter()
            .find(|queue| queue.key == key)
            .map_or(0, |queue| queue.waiting.len());
        let total: usize = self.queues.iter().map(|queue| queue.waiting.len()).sum();
        if own >= MAX_QUEUED || (total >= MAX_QUEUED_TOTAL && !self.evict_one(own)) {
            return Err(TooBusy);
        }
        let (sender, receiver) = oneshot::channel();
        match self.queues.iter_mut().find(|queue| queue.key == key) {
            Some(queue) => queue.waiting.push_back(sender),
            None => self.queues.push_back(Queue { key, waiting: VecDeque::from([sender]) }),
        }
        Ok(receiver)
    }

    /// Makes room: drops the newest request of the longest network queue, if that queue is longer
    /// than `own`.
    fn evict_one(&mut self, own: usize) -> bool {
        let networks = self.queues.iter_mut().filter(|queue| queue.key.is_network());
        let longest = networks
            .max_by_key(|queue| queue.waiting.len())
            .filter(|queue| queue.waiting.len() > own);
        longest.is_some_and(|queue| queue.waiting.pop_back().is_some())
    }

    /// Dequeues the next request: from the first priority queue, or from the first network queue if
    /// that is due; from the first queue of the other kind if there is none.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let is_network_due = self.priority_run >= PRIORITY_RUN;
        let at = self
            .queues
            .iter()
            .position(|queue| queue.key.is_network() == is_network_due)
            .unwrap_or(0);
        let mut queue = self.queues.remove(at)?;
        self.priority_run = if queue.key.is_network() { 0 } else { self.priority_run + 1 };
        let next = queue.waiting.pop_front();
        if !queue.waiting.is_empty() {
            self.queues.push_back(queue);
        }
        next
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let Some(next) = state.next() else {
            state.running -= 1;
            return;
        };
        drop(state);
        // If the receiver has disconnected, `send` returns the permit. It is dropped here, which
        // passes it to the next request.
        let _unused = next.send(Permit(self.0.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn network(number: u8) -> QueueKey {
        QueueKey::Network(IpAddr::from([10, 0, 0, number]))
    }

    type Waiting = Pin<Box<dyn Future<Output = Result<Permit, TooBusy>>>>;

    /// Starts waiting.
    fn waiting(queue: &FairQueue, key: QueueKey) -> Waiting {
        let queue = queue.clone();
        let mut waiting: Waiting = Box::pin(async move { queue.take(key).await });
        assert!(poll(&mut waiting).is_none());
        waiting
    }

    fn poll(waiting: &mut Waiting) -> Option<Result<Permit, TooBusy>> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    fn poll_once(queue: &FairQueue, key: QueueKey) -> Option<Result<Permit, TooBusy>> {
        match pin!(queue.take(key)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    fn take_all(queue: &FairQueue) -> Vec<Permit> {
        (0..CONCURRENT).map(|_| poll_once(queue, QueueKey::Portal).unwrap().unwrap()).collect()
    }

    #[test]
    fn a_flood_from_one_network_delays_another_by_one_permit() {
        let queue = FairQueue::default();
        let mut permits = take_all(&queue);
        let mut flood: Vec<Waiting> =
            (0..MAX_QUEUED).map(|_| waiting(&queue, network(1))).collect();
        assert_eq!(poll_once(&queue, network(1)).unwrap().err(), Some(TooBusy));
        let mut other = waiting(&queue, network(2));
        let mut known = waiting(&queue, QueueKey::KnownBrowser("ann".into()));
        permits.pop();
        let first = poll(&mut known).unwrap().unwrap();
        drop(first);
        let second = poll(&mut flood[0]).unwrap().unwrap();
        drop(second);
        assert!(poll(&mut other).is_some());
    }

    #[test]
    fn known_browsers_do_not_starve_networks() {
        let queue = FairQueue::default();
        let mut permits = take_all(&queue);
        let mut known: Vec<Waiting> = (0..20)
            .map(|number| waiting(&queue, QueueKey::KnownBrowser(number.to_string())))
            .collect();
        let mut other_network = waiting(&queue, network(1));
        permits.pop();
        for known in &mut known[..PRIORITY_RUN] {
            drop(poll(known).unwrap().unwrap());
        }
        assert!(poll(&mut other_network).is_some());
    }

    #[test]
    fn a_full_queue_evicts_from_the_network_with_the_most_requests() {
        let queue = FairQueue::default();
        let _permits = take_all(&queue);
        let full = u8::try_from(MAX_QUEUED_TOTAL / MAX_QUEUED).unwrap();
        let mut floods: Vec<Waiting> = (0..full)
            .flat_map(|number| (0..MAX_QUEUED).map(move |_| number))
            .map(|n| waiting(&queue, network(n)))
            .collect();
        let _newcomer = waiting(&queue, network(200));
        let evicted = floods.iter_mut().filter_map(poll).filter(Result::is_err).count();
        assert_eq!(evicted, 1);
    }

    #[test]
    fn a_disconnected_client_keeps_no_permit_and_no_place() {
        let queue = FairQueue::default();
        let permits = take_all(&queue);
        for _ in 0..MAX_QUEUED * 3 {
            drop(waiting(&queue, network(1)));
        }
        let mut last = waiting(&queue, network(2));
        drop(permits);
        let permit = poll(&mut last).unwrap().unwrap();
        drop(permit);
        assert_eq!(queue.lock().running, 0);
        assert_eq!(take_all(&queue).len(), CONCURRENT);
    }
}
