//! For which lanes this node may be sure that they are its own, and how long, by the clock of the machine that never goes
//! back. It is always a little shorter than what the database says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::id::HookId, engine::clock::Stopwatch};

/// How long the database keeps a lane for a node that says nothing.
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
}

impl Lease {
    /// The database renewed it for these lanes, because of a request that was made when `asked` was started.
    pub fn renewed(&self, asked: Stopwatch, lanes: HashMap<HookId, i64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Renewed { asked, lanes });
    }

    /// Is this lane this node's own under this fence? Asked for each lane: a node that slept gets new leases when it
    /// wakes, while what it was about to send is still of the old ones.
    pub fn is_held(&self, hook: HookId, fence: i64) -> bool {
        let renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed
            .as_ref()
            .is_some_and(|renewed| renewed.asked.elapsed() < LEASE - MARGIN && renewed.lanes.get(&hook) == Some(&fence))
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
        assert!(!lease.is_held(kept, 1));
        lease.renewed(Clock::System.stopwatch(), [(kept, 1), (lost, 4)].into());
        assert!(lease.is_held(kept, 1) && lease.is_held(lost, 4));
        lease.renewed(Clock::System.stopwatch(), [(kept, 2)].into());
        assert!(lease.is_held(kept, 2));
        assert!(!lease.is_held(kept, 1), "it was another's in between");
        assert!(!lease.is_held(lost, 4));
    }
}
