//! This node's local view of its lane leases, on the monotonic clock. It ends a little earlier than
//! the lease in the database, so that the node stops sending before another one may begin.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::id::HookId, engine::clock::Stopwatch};

/// How long a node keeps its lanes without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(8);
/// How often a node says that it lives.
pub const BEAT: Duration = Duration::from_secs(1);
/// Taken off on this side, for the way to the database and back.
const MARGIN: Duration = Duration::from_secs(2);

/// Cheap to clone; all clones are one lease.
#[derive(Clone, Default)]
pub struct Lease(Arc<Mutex<Option<Renewed>>>);

/// Lanes with their fences, and since when.
struct Renewed {
    asked: Stopwatch,
    lanes: HashMap<HookId, i64>,
    is_first: bool,
}

impl Renewed {
    fn is_good(&self) -> bool {
        self.asked.elapsed() < LEASE - MARGIN
    }
}

impl Lease {
    /// The database renewed the lease; `asked` was started when the request was sent. `lanes`: the
    /// lanes from now on; `None`: the same as before. `is_first`: this node does the work that one
    /// node does for all.
    pub fn renewed(&self, asked: Stopwatch, lanes: Option<HashMap<HookId, i64>>, is_first: bool) {
        let mut renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes =
            lanes.unwrap_or_else(|| renewed.take().map(|before| before.lanes).unwrap_or_default());
        *renewed = Some(Renewed { asked, lanes, is_first });
    }

    /// It had ended before it was renewed: the lanes are, or may be, another node's.
    pub fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether this node owns the lane under this fence. The fence matters: a node that was
    /// suspended gets new fences when it wakes, while attempts that it was about to make still have
    /// the old ones.
    pub fn is_held(&self, hook: HookId, fence: i64) -> bool {
        let renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed
            .as_ref()
            .is_some_and(|renewed| renewed.is_good() && renewed.lanes.get(&hook) == Some(&fence))
    }

    /// Does this node do what only one is to do?
    pub fn is_first(&self) -> bool {
        let renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.as_ref().is_some_and(|renewed| renewed.is_good() && renewed.is_first)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn a_new_lease_says_nothing_of_lanes_that_were_lost_meanwhile() {
        let [kept, lost] = [1, 2].map(|number| HookId(Uuid::from_u128(number)));
        let lease = Lease::default();
        let renewed = |lanes: Option<HashMap<HookId, i64>>| {
            lease.renewed(Clock::System.stopwatch(), lanes, true)
        };
        assert!(!lease.is_held(kept, 1) && !lease.is_first());
        renewed(Some([(kept, 1), (lost, 4)].into()));
        assert!(lease.is_held(kept, 1) && lease.is_held(lost, 4) && lease.is_first());
        renewed(None);
        assert!(lease.is_held(kept, 1) && lease.is_held(lost, 4), "nothing changed hands");
        renewed(Some([(kept, 2)].into()));
        assert!(lease.is_held(kept, 2));
        assert!(!lease.is_held(kept, 1), "it was another's in between");
        assert!(!lease.is_held(lost, 4));
        lease.lost();
        renewed(None);
        assert!(!lease.is_held(kept, 2), "what was lost does not come back by itself");
    }
}
