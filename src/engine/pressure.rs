//! Back-pressure. Every hook has a limit of its own: beyond it what comes for the hook is recorded
//! as skipped, so that one receiver that is down is nobody else's trouble. The mark for all of them
//! together is the last resort: above it nothing is accepted, and producers are told when to come
//! back.

mod full;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

pub use full::{Full, Overflow};
use tokio::sync::Notify;

use super::config::Limits;
use crate::domain::{id::HookId, time::Timestamp};

/// Why nothing is accepted just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much is waiting to be delivered; come back in {} seconds", .retry_after.as_secs())]
pub struct TooMuch {
    pub retry_after: Duration,
}

/// What waits, for one hook or for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    pub deliveries: i64,
    pub bytes: i64,
    /// Since when the oldest is due that may be sent. Those of hooks that are off or paused may
    /// not.
    pub oldest: Option<Timestamp>,
}

impl Weight {
    pub fn add(&mut self, other: &Self) {
        self.deliveries += other.deliveries;
        self.bytes += other.bytes;
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
    }

    fn size(&self) -> u64 {
        u64::try_from(self.bytes).unwrap_or(0)
    }

    fn age(&self, now: Timestamp) -> Duration {
        self.oldest.map_or(Duration::ZERO, |oldest| oldest.until(now))
    }
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Pressure {
    limits: Limits,
    shared: Arc<Shared>,
}

struct Shared {
    /// Since when too much waits, in milliseconds; [`NEVER`] while it does not.
    too_much_since: AtomicI64,
    has_news: AtomicBool,
    known: Mutex<Known>,
    /// Rung when more came for a hook than it may have, as far as is known here.
    suspicion: Notify,
    full: Full,
}

struct Known {
    hooks: HashMap<HookId, Queue>,
    all: Weight,
    /// Bytes that may wait for one hook at this moment.
    limit: u64,
}

/// What is known of one hook.
#[derive(Clone, Copy, Default)]
struct Queue {
    weight: Weight,
    /// Bytes that were accepted here since it was weighed; and how many of them the weighing that
    /// is under way may see.
    came: u64,
    seen: u64,
    full: Option<Overflow>,
}

impl Queue {
    fn is_suspect(&self, limit: u64) -> bool {
        self.full.is_none() && self.weight.size().saturating_add(self.came) > limit
    }
}

/// What a weighing changed.
#[derive(Debug, Default)]
pub struct Evaluated {
    pub all: Weight,
    /// Whether producers are turned away changed.
    pub is_crossed: bool,
    /// The hooks whose queues are full since now (and why), or no longer.
    pub turns: Vec<(HookId, Option<Overflow>)>,
}

const NEVER: i64 = i64::MIN;

/// How long a producer is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The smallest part of its own limit that a hook keeps however little room is left for all.
const AT_LEAST: u64 = 8;

impl Pressure {
    pub fn new(limits: Limits, full: Full) -> Self {
        let known =
            Known { hooks: HashMap::new(), all: Weight::default(), limit: limits.hook_bytes() };
        let shared = Shared {
            too_much_since: AtomicI64::new(NEVER),
            has_news: AtomicBool::new(true),
            known: Mutex::new(known),
            suspicion: Notify::new(),
            full,
        };
        Self { limits, shared: Arc::new(shared) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May another event be accepted?
    pub fn check(&self) -> Result<(), TooMuch> {
        if self.refusing_since().is_some() {
            Err(TooMuch { retry_after: RETRY_AFTER })
        } else {
            Ok(())
        }
    }

    /// Since when nothing is accepted, if nothing is.
    pub fn refusing_since(&self) -> Option<Timestamp> {
        let since = self.shared.too_much_since.load(Ordering::Relaxed);
        (since != NEVER).then_some(Timestamp(since))
    }

    /// The hooks whose queues are full.
    pub fn full(&self) -> &Full {
        &self.shared.full
    }

    /// What waited when it was last weighed.
    pub fn waiting(&self) -> Weight {
        self.known().all
    }

    /// Something was accepted for these hooks, with so many bytes: what waits has to be weighed
    /// again.
    pub fn accepted(&self, came: impl Iterator<Item = (HookId, usize)>) {
        let mut known = self.known();
        let limit = known.limit;
        let mut is_suspect = false;
        for (hook, bytes) in came {
            let queue = known.hooks.entry(hook).or_default();
            queue.came = queue.came.saturating_add(bytes as u64);
            is_suspect |= queue.is_suspect(limit);
        }
        drop(known);
        self.shared.has_news.store(true, Ordering::Relaxed);
        if is_suspect {
            self.shared.suspicion.notify_one();
        }
    }

    /// Waits until a hook may have more than its limit. Only weighing it tells: what was delivered
    /// meanwhile, perhaps by another node, is not known here.
    pub async fn suspicion(&self) {
        self.shared.suspicion.notified().await;
    }

    /// The hooks that may have more than their limit.
    pub fn suspects(&self) -> Vec<HookId> {
        let known = self.known();
        known
            .hooks
            .iter()
            .filter(|(_, queue)| queue.is_suspect(known.limit))
            .map(|(hook, _)| *hook)
            .collect()
    }

    /// Is there a reason to weigh? While something waits, always: it may have become less.
    pub fn wants_weighing(&self) -> bool {
        let has_news = self.shared.has_news.swap(false, Ordering::Relaxed);
        has_news || self.refusing_since().is_some() || self.known().all.deliveries > 0
    }

    /// A weighing begins: what came until now is seen by it.
    pub fn begin(&self) {
        self.known().hooks.values_mut().for_each(|queue| queue.seen = queue.came);
    }

    /// What waits for a hook, by the weighing that is under way.
    pub fn weighed(&self, hook: HookId, weight: Weight) {
        let mut known = self.known();
        let queue = known.hooks.entry(hook).or_default();
        queue.weight = weight;
        queue.came -= queue.seen.min(queue.came);
        queue.seen = 0;
    }

    /// Evaluates what is known now.
    ///
    /// A hook may have its own limit, and no more than is left for all the others together: so
    /// hooks that are down, however many they are, never fill the mark for all by themselves (the
    /// "dynamic threshold" of shared queues).
    pub fn evaluate(&self, now: Timestamp) -> Evaluated {
        let mut known = self.known();
        known.hooks.retain(|_, queue| queue.weight.deliveries > 0 || queue.came > 0);
        let mut all = Weight::default();
        known.hooks.values().for_each(|queue| all.add(&queue.weight));
        let own = self.limits.hook_bytes();
        let limit =
            own.min(self.limits.queued_bytes.saturating_sub(all.size())).max(own / AT_LEAST);
        (known.all, known.limit) = (all, limit);
        let mut turns = Vec::new();
        let mut full = HashMap::new();
        let mut oldest = Weight::default();
        for (hook, queue) in &mut known.hooks {
            let before = queue.full;
            queue.full = self.overflow(queue, limit, now);
            if let Some(overflow) = queue.full {
                full.insert(*hook, overflow);
            } else {
                // What a full hook keeps waiting concerns nobody else.
                oldest.add(&queue.weight);
            }
            if before.is_some() != queue.full.is_some() {
                turns.push((*hook, queue.full));
            }
        }
        let gone = |hook: &HookId| !known.hooks.contains_key(hook);
        turns.extend(self.shared.full.hooks().into_iter().filter(gone).map(|hook| (hook, None)));
        self.shared.full.set(full);
        let is_too_much =
            all.size() > self.limits.queued_bytes || oldest.age(now) > self.limits.queued_age;
        let is_crossed = is_too_much != self.refusing_since().is_some();
        if is_crossed {
            self.shared
                .too_much_since
                .store(if is_too_much { now.0 } else { NEVER }, Ordering::Relaxed);
        }
        Evaluated { all, is_crossed, turns }
    }

    /// A queue that was full stays so until a quarter of it is free: else every other event would
    /// be skipped.
    fn overflow(&self, queue: &Queue, limit: u64, now: Timestamp) -> Option<Overflow> {
        let (bytes, age) = (limit, self.limits.hook_age());
        let (bytes, age) =
            if queue.full.is_some() { (bytes / 4 * 3, age / 4 * 3) } else { (bytes, age) };
        if queue.weight.size() > bytes {
            Some(Overflow::Bytes)
        } else if queue.weight.age(now) > age {
            Some(Overflow::Age)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
