//! Back-pressure in small doses. While the lanes lag, an accept is answered a little later: by a
//! share of the time for which its deliveries will wait. So producers slow down before the queues
//! outgrow the memory, and an event arrives soon after its answer even at full load. Lanes whose
//! receivers take few deliveries a second, refuse some, or are down slow nobody down.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::domain::id::HookId;

/// The answer is late by this part of the wait.
const SHARE: u32 = 8;
/// But never by more than this: longer delays could time out producers.
const LONGEST: Duration = Duration::from_millis(100);
/// The timer's precision; shorter delays are skipped.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long new deliveries wait, by hook. Clones share one state.
#[derive(Clone, Default)]
pub struct Congestion(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// So that accepts need no lock while nothing lags.
    any: AtomicBool,
    lags: Mutex<HashMap<HookId, Duration>>,
}

impl Congestion {
    fn lags(&self) -> MutexGuard<'_, HashMap<HookId, Duration>> {
        self.0.lags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is any lane known to lag?
    pub fn any(&self) -> bool {
        self.0.any.load(Ordering::Relaxed)
    }

    /// Replaces what is known.
    pub fn set(&self, lags: HashMap<HookId, Duration>) {
        self.0.any.store(!lags.is_empty(), Ordering::Relaxed);
        *self.lags() = lags;
    }

    /// How much later an accept with deliveries for these hooks is answered. The hook with the
    /// shortest wait counts, so that one busy receiver does not slow down events that others get
    /// too.
    pub fn delay(&self, hooks: impl Iterator<Item = HookId>) -> Option<Duration> {
        if !self.any() {
            return None;
        }
        let lags = self.lags();
        let shortest = hooks.map(|hook| lags.get(&hook).copied().unwrap_or_default()).min()?;
        Some((shortest / SHARE).min(LONGEST)).filter(|delay| *delay >= SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_accept_waits_a_share_of_what_its_soonest_delivery_waits() {
        let [slow, quick, idle] = [1, 2, 3].map(|id| HookId(Uuid::from_u128(id)));
        let congestion = Congestion::default();
        assert_eq!(congestion.delay([slow].into_iter()), None);
        congestion
            .set([(slow, Duration::from_secs(60)), (quick, Duration::from_millis(80))].into());
        assert_eq!(congestion.delay([slow].into_iter()), Some(LONGEST));
        assert_eq!(congestion.delay([slow, quick].into_iter()), Some(Duration::from_millis(10)));
        assert_eq!(congestion.delay([slow, quick, idle].into_iter()), None);
        assert_eq!(congestion.delay([].into_iter()), None, "nobody listens to the event");
        congestion.set(HashMap::new());
        assert_eq!(congestion.delay([slow].into_iter()), None);
    }
}
