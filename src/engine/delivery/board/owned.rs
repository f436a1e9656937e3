//! Which lanes this node owns, under which fencing tokens, and what happens when a lane moves to
//! another node or comes from one.

use std::collections::{HashMap, HashSet};

use super::{Action, Board, OwnedLane, Speed};
use crate::domain::{id::HookId, time::Timestamp};

impl Board {
    /// The hook's lane under its current fence.
    pub(super) fn owned_lane(&self, hook: HookId) -> OwnedLane {
        let fences = self.fences.as_ref();
        OwnedLane { hook, fence: fences.and_then(|fences| fences.get(&hook).copied()) }
    }

    pub(super) fn owns(&self, hook: HookId) -> bool {
        self.fences.as_ref().is_none_or(|fences| fences.contains_key(&hook))
    }

    /// Releases the memory that was reserved for a load. If the lane has changed hands since,
    /// [`Board::drop_lane`] has already released it.
    pub(super) fn release_load(&mut self, owned: OwnedLane) {
        if self.owned_lane(owned.hook) == owned {
            self.budget.release(owned.hook);
        }
    }

    /// Removes a lane and releases its memory and its share of the bulkhead.
    pub(super) fn drop_lane(&mut self, hook: HookId) {
        let Some(mut lane) = self.lanes.remove(&hook) else { return };
        lane.clear();
        self.budget.note(hook, lane.changes());
        self.budget.release(hook);
        self.crowded.remove(&hook);
        self.bulkhead.note(hook, Speed::Quick, 0);
        if self.bulkhead.restore(hook) {
            self.has_turn.remove(&hook);
        }
    }

    /// Stops sending for `hooks`, which another node is about to take over. A lane that is no
    /// longer listed (the handover was cancelled, because the other node is gone) resumes sending.
    pub(super) fn set_handovers(&mut self, hooks: HashSet<HookId>, now: Timestamp) {
        let before = std::mem::replace(&mut self.handing_over, hooks);
        for hook in before {
            if !self.handing_over.contains(&hook) {
                self.refresh(hook, now);
            }
        }
    }

    /// Replaces the set of owned lanes: drops the lost ones, loads the gained ones.
    pub(super) fn set_lanes(&mut self, fences: HashMap<HookId, i64>, now: Timestamp) {
        let before = self.fences.replace(fences).unwrap_or_default();
        let fences = self.fences.clone().unwrap_or_default();
        for (hook, fence) in &before {
            // A new fence means that the lane was lost in between: another node may have settled
            // deliveries that are still in memory here.
            if fences.get(hook) != Some(fence) {
                self.drop_lane(*hook);
                self.set_timer(*hook, None);
            }
            // The new owner may have loaded the lane before the last deliveries were offered here:
            // hint it to look into the database.
            if !fences.contains_key(hook) {
                self.actions.push(Action::HintPeers { hook: *hook, is_change: false });
            }
        }
        let gained = fences.iter().filter(|(hook, fence)| before.get(hook) != Some(fence));
        self.for_each_lane(gained.map(|(hook, _)| *hook).collect(), now, |lane| {
            lane.recheck_database(now);
        });
        self.handing_over.retain(|hook| fences.contains_key(hook));
    }
}
