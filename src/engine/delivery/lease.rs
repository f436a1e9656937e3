//! For which lanes this node may be sure that they are its own, and how long, by the clock of the machine that never goes
//! back. It is always a little shorter than what the database says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::id::HookId, engine::clock::Stopwatch};

/// How long the database keeps what a node has when that says nothing.
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
    /// The database renewed it, because of a request that was made when `asked` was started. `lanes`: for these from now
    /// on; `None`: for the same as before. `is_first`: of all nodes this is the one that does what one does for all.
    pub fn renewed(&self, asked: Stopwatch, lanes: Option<HashMap<HookId, i64>>, is_first: bool) {
        let mut renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = lanes.unwrap_or_else(|| renewed.take().map(|before| before.lanes).unwrap_or_default());
        *renewed = Some(Renewed { asked, lanes, is_first });
    }

    /// It had ended before it was renewed: the lanes are, or may be, another node's.
    pub fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Is this lane this node's own under this fence? Asked for each lane: a node that slept gets new leases when it
    /// wakes, while what it was about to send is still of the old ones.
    pub fn is_held(&self, hook: HookId, fence: i64) -> bool {
        let renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.as_ref().is_some_and(|renewed| renewed.is_good() && renewed.lanes.get(&hook) == Some(&fence))
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
        let renewed = |lanes: Option<HashMap<HookId, i64>>| lease.renewed(Clock::System.stopwatch(), lanes, true);
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
