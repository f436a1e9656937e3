//! The memory budget of all lanes together. A body that several lanes share is counted once. One
//! half of the budget is first come, first served. Of the other half each lane is guaranteed an
//! equal share, so that lanes whose receivers hang cannot starve the others. A lane with nothing in
//! memory may have one delivery even when the budget is used up, so every lane makes progress.

use std::collections::{HashMap, VecDeque};

use crate::{
    domain::id::{EventId, HookId},
    engine::{delivery::lane::Change, store::queue::PageLimit},
};

/// What a delivery takes in addition to its body: the struct and its entries in the lane's maps.
const ENTRY_BYTES: usize = 512;
/// The least room that is worth a load, in bytes.
const MIN_LOAD: usize = 16 * 1024;
/// One load may bring at most `1 / MAX_LOAD_PART` of the budget.
const MAX_LOAD_PART: usize = 32;

/// The memory of one lane.
#[derive(Clone, Copy, Default)]
struct Share {
    rows: usize,
    /// All its bodies, including those that other lanes share.
    bytes: usize,
    /// Reserved for the load under way, in bytes.
    reserved: usize,
}

/// The bytes in memory of each lane and of each shared body.
pub(super) struct Budget {
    limit: usize,
    used: usize,
    reserved: usize,
    /// For each body in memory: how many deliveries use it, and its size in bytes.
    bodies: HashMap<EventId, (usize, usize)>,
    /// Lanes that have deliveries in memory or a load under way.
    shares: HashMap<HookId, Share>,
    /// The number of all lanes, including those with nothing in memory.
    pub(super) lanes: usize,
    /// Lanes whose load was refused for lack of room, oldest request first.
    refused: VecDeque<HookId>,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        let (bodies, shares, refused) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Self { limit, used: 0, reserved: 0, bodies, shares, lanes: 0, refused }
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Bytes that a lane may take now. At zero it may still take one delivery if it has none.
    pub(super) fn free_for(&self, hook: HookId) -> usize {
        let taken = self.used.saturating_add(self.reserved);
        let shared = (self.limit / 2).saturating_sub(taken);
        let own = self
            .shares
            .get(&hook)
            .map_or(0, |share| share.bytes + share.reserved + share.rows * ENTRY_BYTES);
        let own_part = self.guaranteed().saturating_sub(own);
        shared.max(own_part).min(self.limit.saturating_sub(taken))
    }

    /// Each lane's guaranteed share of the second half, in bytes.
    fn guaranteed(&self) -> usize {
        self.limit / 2 / self.lanes.max(1)
    }

    /// Is there room for an offered delivery with a body of so many bytes?
    pub(super) fn has_room(&self, hook: HookId, event: EventId, bytes: usize) -> bool {
        let body = if self.bodies.contains_key(&event) { 0 } else { bytes };
        self.is_empty(hook) || self.free_for(hook) >= body + ENTRY_BYTES
    }

    pub(super) fn is_empty(&self, hook: HookId) -> bool {
        self.shares.get(&hook).is_none_or(|share| share.rows == 0 && share.reserved == 0)
    }

    /// Reserves room for a load, until [`Budget::release`]. `None`: there is no room. Then the lane
    /// has deliveries in memory, so it asks again when one of them ends; [`Budget::admissible`]
    /// returns it sooner if other lanes free enough. `is_urgent`: always reserves at least one row.
    pub(super) fn reserve(
        &mut self,
        hook: HookId,
        window: PageLimit,
        is_urgent: bool,
    ) -> Option<PageLimit> {
        let max = window.bytes.min((self.limit / MAX_LOAD_PART).max(MIN_LOAD));
        let free = self.free_for(hook).min(max);
        let min = MIN_LOAD.min(max).min(self.guaranteed() / 2);
        if free < min && !is_urgent && !self.is_empty(hook) {
            if !self.refused.contains(&hook) {
                self.refused.push_back(hook);
            }
            return None;
        }
        let bytes = free.max(1);
        self.shares.entry(hook).or_default().reserved += bytes;
        self.reserved += bytes;
        Some(PageLimit { rows: window.rows.min(bytes / ENTRY_BYTES).max(1), bytes })
    }

    /// Releases the reservation of a load that ended, successfully or not.
    pub(super) fn release(&mut self, hook: HookId) {
        if let Some(share) = self.shares.get_mut(&hook) {
            self.reserved -= std::mem::take(&mut share.reserved);
        }
        self.remove_if_empty(hook);
    }

    /// Accounts for deliveries that came into a lane's memory or left it.
    pub(super) fn note(&mut self, hook: HookId, changes: impl IntoIterator<Item = Change>) {
        for Change { event, bytes, is_gain } in changes {
            let share = self.shares.entry(hook).or_default();
            let body = self.bodies.entry(event).or_insert((0, bytes));
            if is_gain {
                (share.rows, share.bytes) = (share.rows + 1, share.bytes + bytes);
                self.used += ENTRY_BYTES + if body.0 == 0 { body.1 } else { 0 };
                body.0 += 1;
                continue;
            }
            (share.rows, share.bytes) =
                (share.rows.saturating_sub(1), share.bytes.saturating_sub(bytes));
            body.0 = body.0.saturating_sub(1);
            let freed = ENTRY_BYTES + if body.0 == 0 { body.1 } else { 0 };
            self.used = self.used.saturating_sub(freed);
            if body.0 == 0 {
                self.bodies.remove(&event);
            }
        }
        self.remove_if_empty(hook);
    }

    fn remove_if_empty(&mut self, hook: HookId) {
        if self.shares.get(&hook).is_some_and(|share| share.rows == 0 && share.reserved == 0) {
            self.shares.remove(&hook);
        }
    }

    /// Removes and returns refused lanes, oldest first, for which the shared half has room now.
    pub(super) fn admissible(&mut self) -> Vec<HookId> {
        let mut admissible = Vec::new();
        let mut room = (self.limit / 2).saturating_sub(self.used.saturating_add(self.reserved));
        while room >= MIN_LOAD
            && let Some(hook) = self.refused.pop_front()
        {
            admissible.push(hook);
            room -= MIN_LOAD;
        }
        admissible
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn hook(number: u128) -> HookId {
        HookId(Uuid::from_u128(number))
    }

    fn change(event: u128, bytes: usize, is_gain: bool) -> [Change; 1] {
        [Change { event: EventId(Uuid::from_u128(event)), bytes, is_gain }]
    }

    #[test]
    fn a_body_that_several_lanes_share_is_counted_once() {
        let mut budget = Budget::new(1 << 20);
        for number in 1..=10 {
            budget.note(hook(number), change(1, 10_000, true));
        }
        assert_eq!(budget.used(), 10_000 + 10 * ENTRY_BYTES);
        for number in 1..=10 {
            budget.note(hook(number), change(1, 10_000, false));
        }
        assert_eq!((budget.used(), budget.bodies.len(), budget.shares.len()), (0, 0, 0));
    }

    #[test]
    fn lanes_that_hang_leave_every_other_lane_its_guaranteed_part() {
        let mut budget = Budget::new(1 << 20);
        budget.lanes = 10;
        for number in 0..9 {
            for event in 0.. {
                if budget.free_for(hook(number)) < 30_000 {
                    break;
                }
                budget.note(hook(number), change(number * 1000 + event, 26_000, true));
            }
        }
        assert!(budget.used() <= 1 << 20, "{}", budget.used());
        assert_eq!(budget.free_for(hook(100)), (1 << 20) / 2 / 10);
    }

    #[test]
    fn beyond_the_budget_an_empty_lane_gets_one_delivery_and_others_wait() {
        let mut budget = Budget::new(200_000);
        budget.lanes = 3;
        let window = PageLimit { rows: 1000, bytes: 50_000 };
        budget.note(hook(1), change(1, 120_000, true));
        budget.note(hook(2), change(2, 120_000, true));
        let rows = |room: Option<PageLimit>| room.map(|room| room.rows);
        assert_eq!(rows(budget.reserve(hook(1), window, false)), None);
        assert_eq!(
            rows(budget.reserve(hook(1), window, true)),
            Some(1),
            "a changed hook is always read"
        );
        budget.release(hook(1));
        assert!(budget.has_room(hook(3), EventId(Uuid::from_u128(3)), 9_000));
        assert_eq!(rows(budget.reserve(hook(3), window, false)), Some(1));
        assert!(
            !budget.has_room(hook(3), EventId(Uuid::from_u128(3)), 9_000),
            "its load is under way"
        );
        budget.release(hook(3));
        assert!(budget.admissible().is_empty());
        budget.note(hook(1), change(1, 120_000, false));
        budget.note(hook(2), change(2, 120_000, false));
        assert_eq!(budget.admissible(), [hook(1)]);
        assert!(budget.admissible().is_empty());
    }
}
