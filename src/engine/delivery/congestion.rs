//! Back-pressure on producers. While lanes lag, the answer to an accept is delayed by a fraction of
//! the time for which its deliveries will wait. So producers slow down before the queues exceed
//! memory, and events are delivered soon after they are accepted, even at full load. Only lanes
//! that this machine slows down count: not those whose receivers are slow, limit the rate or are
//! down.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::domain::id::HookId;

/// The delay is `1 / DELAY_FRACTION` of the deliveries' wait.
const DELAY_FRACTION: u32 = 8;
/// The longest delay: a longer one could make producers time out.
const MAX_DELAY: Duration = Duration::from_millis(100);
/// Shorter delays are skipped: the timer's precision is 1 ms.
const MIN_DELAY: Duration = Duration::from_millis(1);

/// How long new deliveries wait for their attempts, by hook. Clones share one state.
#[derive(Clone, Default)]
pub struct Congestion(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// `lags` is not empty. Accepts check this first, so they take no lock while nothing lags.
    is_lagging: AtomicBool,
    lags: Mutex<HashMap<HookId, Duration>>,
}

impl Congestion {
    fn lags(&self) -> MutexGuard<'_, HashMap<HookId, Duration>> {
        self.0.lags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does any lane lag?
    pub fn is_lagging(&self) -> bool {
        self.0.is_lagging.load(Ordering::Relaxed)
    }

    /// Replaces the lags of all lanes.
    pub fn set(&self, lags: HashMap<HookId, Duration>) {
        self.0.is_lagging.store(!lags.is_empty(), Ordering::Relaxed);
        *self.lags() = lags;
    }

    /// The delay of the answer to an accept with deliveries for these hooks. The hook with the
    /// shortest wait counts, so that one busy hook does not slow down events that other hooks also
    /// get.
    pub fn delay(&self, hooks: impl Iterator<Item = HookId>) -> Option<Duration> {
        if !self.is_lagging() {
            return None;
        }
        let lags = self.lags();
        let shortest = hooks.map(|hook| lags.get(&hook).copied().unwrap_or_default()).min()?;
        Some((shortest / DELAY_FRACTION).min(MAX_DELAY)).filter(|delay| *delay >= MIN_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_accept_is_delayed_by_a_fraction_of_its_shortest_wait() {
        let [slow, quick, idle] = [1, 2, 3].map(|id| HookId(Uuid::from_u128(id)));
        let congestion = Congestion::default();
        assert_eq!(congestion.delay([slow].into_iter()), None);
        congestion
            .set([(slow, Duration::from_secs(60)), (quick, Duration::from_millis(80))].into());
        assert_eq!(congestion.delay([slow].into_iter()), Some(MAX_DELAY));
        assert_eq!(congestion.delay([slow, quick].into_iter()), Some(Duration::from_millis(10)));
        assert_eq!(congestion.delay([slow, quick, idle].into_iter()), None);
        assert_eq!(congestion.delay([].into_iter()), None, "the event has no hooks");
        congestion.set(HashMap::new());
        assert_eq!(congestion.delay([slow].into_iter()), None);
    }
}
