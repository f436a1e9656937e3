//! Which lanes are this node's, under which fences, and what becomes of those that go.

use std::collections::{HashMap, HashSet};

use super::{Board, Order, OwnedLane, Speed};
use crate::domain::{id::HookId, time::Timestamp};

impl Board {
    /// A lane as it is held now.
    pub(super) fn held(&self, hook: HookId) -> OwnedLane {
        OwnedLane { hook, fence: self.owned.as_ref().and_then(|owned| owned.get(&hook).copied()) }
    }

    pub(super) fn is_own(&self, hook: HookId) -> bool {
        self.owned.as_ref().is_none_or(|owned| owned.contains_key(&hook))
    }

    /// Releases the memory that was reserved for a load. After a change of ownership
    /// [`Board::drop_lane`] has done that.
    pub(super) fn load_over(&mut self, held: OwnedLane) {
        if self.held(held.hook) == held {
            self.budget.release(held.hook);
        }
    }

    /// Forgets a lane and all that it has in memory.
    pub(super) fn drop_lane(&mut self, hook: HookId) {
        let Some(mut lane) = self.lanes.remove(&hook) else { return };
        lane.clear();
        self.budget.note(hook, lane.changes());
        self.budget.release(hook);
        self.crowded.remove(&hook);
        self.unproven.note(hook, Speed::Quick, 0);
        if self.unproven.take_back(hook) {
            self.has_turn.remove(&hook);
        }
    }

    /// Stops sending for `hooks`. Lanes that were to be handed over and are not any more (because
    /// the node that was to get them is gone) send again.
    pub(super) fn part(&mut self, hooks: HashSet<HookId>, now: Timestamp) {
        let before = std::mem::replace(&mut self.parted, hooks);
        for hook in before {
            if !self.parted.contains(&hook) {
                self.touch(hook, now);
            }
        }
    }

    pub(super) fn own(&mut self, owned: HashMap<HookId, i64>, now: Timestamp) {
        let before = self.owned.replace(owned).unwrap_or_default();
        let owned = self.owned.clone().unwrap_or_default();
        for (hook, fence) in &before {
            // Under another fence it is another ownership: what the lane knew may have been settled
            // by others since.
            if owned.get(hook) != Some(fence) {
                self.drop_lane(*hook);
                self.set_timer(*hook, None);
            }
            // Deliveries offered here after the other node had loaded the lane are unknown to it:
            // tell it to look.
            if !owned.contains_key(hook) {
                self.orders.push(Order::Tell { hook: *hook, is_change: false });
            }
        }
        let gained = owned.iter().filter(|(hook, fence)| before.get(hook) != Some(fence));
        self.each(gained.map(|(hook, _)| *hook).collect(), now, |lane| lane.more(now));
        self.parted.retain(|hook| owned.contains_key(hook));
    }
}
