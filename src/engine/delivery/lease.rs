//! Local view of this node's lane leases, on the monotonic clock. It expires a little earlier than
//! the lease in the database, so that this node stops sending before another node may start.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::id::HookId, engine::clock::Stopwatch};

/// The lease's duration: how long a node keeps its lanes without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(8);
/// The heartbeat interval.
pub const BEAT: Duration = Duration::from_secs(1);
/// Safety margin: the local view expires this much earlier than the lease in the database.
const MARGIN: Duration = Duration::from_secs(2);

/// The lanes of this node, until the lease expires. Cheap to clone; all clones share one state.
/// Empty: the node holds no lanes.
#[derive(Clone, Default)]
pub struct Lease(Arc<Mutex<Option<Renewed>>>);

/// The last renewal.
struct Renewed {
    /// Started before the request was sent, so the database's lease cannot have begun earlier.
    requested: Stopwatch,
    /// The fencing token of each lane.
    lanes: HashMap<HookId, i64>,
    is_leader: bool,
}

impl Renewed {
    fn is_valid(&self) -> bool {
        self.requested.elapsed() < LEASE - MARGIN
    }
}

impl Lease {
    /// Notes that the database renewed the lease. `requested` was started before the request was
    /// sent. `lanes`: the lanes and their fences from now on; `None`: unchanged. `is_leader`: this
    /// node does the work that one node does for all.
    pub fn renew(
        &self,
        requested: Stopwatch,
        lanes: Option<HashMap<HookId, i64>>,
        is_leader: bool,
    ) {
        let mut renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes =
            lanes.unwrap_or_else(|| renewed.take().map(|before| before.lanes).unwrap_or_default());
        *renewed = Some(Renewed { requested, lanes, is_leader });
    }

    /// Gives up all lanes: the lease expired in the database before it was renewed, so another node
    /// may own them.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Does this node hold the lane under this fence? The fence matters: a node that was suspended
    /// gets new fences when it resumes, but attempts that it was about to send have the old ones.
    pub fn is_held(&self, hook: HookId, fence: i64) -> bool {
        let renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed
            .as_ref()
            .is_some_and(|renewed| renewed.is_valid() && renewed.lanes.get(&hook) == Some(&fence))
    }

    /// Does this node do the work that one node does for all?
    pub fn is_leader(&self) -> bool {
        let renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.as_ref().is_some_and(|renewed| renewed.is_valid() && renewed.is_leader)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::engine::clock::Clock;

    #[test]
    fn a_renewed_lease_covers_only_its_own_lanes_and_fences() {
        let [kept, lost] = [1, 2].map(|number| HookId(Uuid::from_u128(number)));
        let lease = Lease::default();
        let renewed = |lanes: Option<HashMap<HookId, i64>>| {
            lease.renew(Clock::System.stopwatch(), lanes, true)
        };
        assert!(!lease.is_held(kept, 1) && !lease.is_leader());
        renewed(Some([(kept, 1), (lost, 4)].into()));
        assert!(lease.is_held(kept, 1) && lease.is_held(lost, 4) && lease.is_leader());
        renewed(None);
        assert!(lease.is_held(kept, 1) && lease.is_held(lost, 4), "the lanes are unchanged");
        renewed(Some([(kept, 2)].into()));
        assert!(lease.is_held(kept, 2));
        assert!(!lease.is_held(kept, 1), "the fence has changed");
        assert!(!lease.is_held(lost, 4));
        lease.clear();
        renewed(None);
        assert!(!lease.is_held(kept, 2), "a renewal does not restore lost lanes");
    }
}
