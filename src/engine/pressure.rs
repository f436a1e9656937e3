//! Back-pressure, in two stages. Each hook has a limit of its own: beyond it, new deliveries for
//! the hook are recorded as skipped, so that one failing receiver does not affect others. The
//! global limit for all hooks together is the last resort: above it, no event is accepted, and
//! producers are told when to retry.
//!
//! The limits apply to the backlog as it was last counted, so they are approximate.

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

/// The global limit is exceeded: no event is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full; try again in {} seconds", .retry_after.as_secs())]
pub struct Overloaded {
    pub retry_after: Duration,
}

/// The backlog of one hook or of all: its open deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub deliveries: i64,
    pub bytes: i64,
    /// When the oldest delivery that may be sent became due. Held deliveries (of hooks that are off
    /// or paused) do not count.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
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

/// The back-pressure state of this node. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Pressure {
    limits: Limits,
    shared: Arc<Shared>,
}

struct Shared {
    /// Since when the global limit is exceeded, in ms; [`NEVER`] while it is not.
    overloaded_since: AtomicI64,
    is_dirty: AtomicBool,
    state: Mutex<State>,
    /// Notified when accepts on this node may have pushed a hook beyond its limit.
    suspect_added: Notify,
    full: Full,
}

struct State {
    hooks: HashMap<HookId, Queue>,
    total: Backlog,
    /// The current limit of bytes for one hook.
    limit: u64,
}

/// The state of one hook.
#[derive(Clone, Copy, Default)]
struct Queue {
    backlog: Backlog,
    /// `added`: bytes accepted on this node since the last count. `added_at_count`: its value when
    /// the count in progress began, because that count includes them.
    added: u64,
    added_at_count: u64,
    overflow: Option<Overflow>,
}

impl Queue {
    fn is_suspect(&self, limit: u64) -> bool {
        self.overflow.is_none() && self.backlog.size().saturating_add(self.added) > limit
    }
}

/// The result of [`Pressure::evaluate`].
#[derive(Debug, Default)]
pub struct Evaluated {
    pub total: Backlog,
    /// Whether the global limit was crossed, in either direction.
    pub has_crossed: bool,
    /// Hooks that became full (with the reason) or have room again (`None`).
    pub changes: Vec<(HookId, Option<Overflow>)>,
}

const NEVER: i64 = i64::MIN;

/// The `Retry-After` for producers.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// A hook keeps at least this fraction (1/8) of its own limit, however little space the others
/// leave.
const MIN_SHARE: u64 = 8;

impl Pressure {
    pub fn new(limits: Limits, full: Full) -> Self {
        let state =
            State { hooks: HashMap::new(), total: Backlog::default(), limit: limits.hook_bytes() };
        let shared = Shared {
            overloaded_since: AtomicI64::new(NEVER),
            is_dirty: AtomicBool::new(true),
            state: Mutex::new(state),
            suspect_added: Notify::new(),
            full,
        };
        Self { limits, shared: Arc::new(shared) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May another event be accepted? Checked before every accept.
    pub fn check(&self) -> Result<(), Overloaded> {
        if self.refusing_since().is_some() {
            Err(Overloaded { retry_after: RETRY_AFTER })
        } else {
            Ok(())
        }
    }

    /// Since when no event is accepted, if so.
    pub fn refusing_since(&self) -> Option<Timestamp> {
        let since = self.shared.overloaded_since.load(Ordering::Relaxed);
        (since != NEVER).then_some(Timestamp(since))
    }

    /// The hooks whose queues are full.
    pub fn full(&self) -> &Full {
        &self.shared.full
    }

    /// The backlog of all hooks at the last evaluation.
    pub fn waiting(&self) -> Backlog {
        self.state().total
    }

    /// Records accepted bytes for these hooks. The backlog needs to be counted again.
    pub fn accepted(&self, added: impl Iterator<Item = (HookId, usize)>) {
        let mut state = self.state();
        let limit = state.limit;
        let mut is_suspect = false;
        for (hook, bytes) in added {
            let queue = state.hooks.entry(hook).or_default();
            queue.added = queue.added.saturating_add(bytes as u64);
            is_suspect |= queue.is_suspect(limit);
        }
        drop(state);
        self.shared.is_dirty.store(true, Ordering::Relaxed);
        if is_suspect {
            self.shared.suspect_added.notify_one();
        }
    }

    /// Waits until a hook may be over its limit. Only a count can tell: this node does not know
    /// what was delivered meanwhile, perhaps by another node.
    pub async fn wait_for_suspect(&self) {
        self.shared.suspect_added.notified().await;
    }

    /// Hooks that may be over their limit.
    pub fn suspects(&self) -> Vec<HookId> {
        let state = self.state();
        state
            .hooks
            .iter()
            .filter(|(_, queue)| queue.is_suspect(state.limit))
            .map(|(hook, _)| *hook)
            .collect()
    }

    /// Does the backlog need to be counted? Always while it is not empty, because it may have
    /// shrunk. Resets the mark that [`Self::accepted`] sets.
    pub fn needs_count(&self) -> bool {
        let is_dirty = self.shared.is_dirty.swap(false, Ordering::Relaxed);
        is_dirty || self.refusing_since().is_some() || self.state().total.deliveries > 0
    }

    /// Begins a count, which will include everything accepted until now.
    pub fn begin_count(&self) {
        self.state().hooks.values_mut().for_each(|queue| queue.added_at_count = queue.added);
    }

    /// Sets the backlog of a hook, as found by the count in progress.
    pub fn set_backlog(&self, hook: HookId, backlog: Backlog) {
        let mut state = self.state();
        let queue = state.hooks.entry(hook).or_default();
        queue.backlog = backlog;
        queue.added -= queue.added_at_count.min(queue.added);
        queue.added_at_count = 0;
    }

    /// Evaluates both limits against the last counts.
    ///
    /// The limit of a hook is its own, but at most what the others leave of the global limit. So
    /// failing hooks, however many, never reach the global limit alone (the "dynamic threshold"
    /// scheme of shared buffers).
    pub fn evaluate(&self, now: Timestamp) -> Evaluated {
        let mut state = self.state();
        state.hooks.retain(|_, queue| queue.backlog.deliveries > 0 || queue.added > 0);
        let mut total = Backlog::default();
        state.hooks.values().for_each(|queue| total.add(&queue.backlog));
        let own = self.limits.hook_bytes();
        let limit =
            own.min(self.limits.queued_bytes.saturating_sub(total.size())).max(own / MIN_SHARE);
        (state.total, state.limit) = (total, limit);
        let mut changes = Vec::new();
        let mut full = HashMap::new();
        let mut oldest = Backlog::default();
        for (hook, queue) in &mut state.hooks {
            let before = queue.overflow;
            queue.overflow = self.overflow(queue, limit, now);
            if let Some(overflow) = queue.overflow {
                full.insert(*hook, overflow);
            } else {
                // The age of the queue of a full hook must not trip the global limit.
                oldest.add(&queue.backlog);
            }
            if before.is_some() != queue.overflow.is_some() {
                changes.push((*hook, queue.overflow));
            }
        }
        let gone = |hook: &HookId| !state.hooks.contains_key(hook);
        changes.extend(self.shared.full.hooks().into_iter().filter(gone).map(|hook| (hook, None)));
        self.shared.full.set(full);
        let is_overloaded =
            total.size() > self.limits.queued_bytes || oldest.age(now) > self.limits.queued_age;
        let has_crossed = is_overloaded != self.refusing_since().is_some();
        if has_crossed {
            self.shared
                .overloaded_since
                .store(if is_overloaded { now.0 } else { NEVER }, Ordering::Relaxed);
        }
        Evaluated { total, has_crossed, changes }
    }

    /// Hysteresis: a full queue stays full until a quarter of it is free. Otherwise every other
    /// event would be skipped.
    fn overflow(&self, queue: &Queue, limit: u64, now: Timestamp) -> Option<Overflow> {
        let (bytes, age) = (limit, self.limits.hook_age());
        let (bytes, age) =
            if queue.overflow.is_some() { (bytes / 4 * 3, age / 4 * 3) } else { (bytes, age) };
        if queue.backlog.size() > bytes {
            Some(Overflow::Bytes)
        } else if queue.backlog.age(now) > age {
            Some(Overflow::Age)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
