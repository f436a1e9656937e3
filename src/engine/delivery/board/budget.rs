//! The memory budget of all lanes. A body that several lanes share is counted once. One half is
//! first come, first served; of the other half each lane is guaranteed an equal share, so that
//! lanes whose receivers hang never take what the others need. Even beyond the budget, a lane with
//! nothing in memory may have one delivery: so no lane ever stops.

use std::collections::{HashMap, VecDeque};

use crate::{
    domain::id::{EventId, HookId},
    engine::{delivery::lane::Change, store::queue::Room},
};

/// What a delivery takes besides its body: itself, and its entries in what its lane remembers.
const ENTRY: usize = 512;
/// A load with less room than this is not worth while.
const LEAST: usize = 16 * 1024;
/// One load may bring `1 / LOAD` of the budget at most.
const LOAD: usize = 32;

/// What one lane takes.
#[derive(Clone, Copy, Default)]
struct Share {
    rows: usize,
    /// As if it were alone: with all its bodies.
    bytes: usize,
    /// What the load under way may bring.
    reserved: usize,
}

/// See the module.
pub(super) struct Budget {
    most: usize,
    used: usize,
    reserved: usize,
    /// For each body in memory: how many deliveries use it, and its bytes.
    bodies: HashMap<EventId, (usize, usize)>,
    shares: HashMap<HookId, Share>,
    /// How many lanes there are, whether they have anything or not.
    pub(super) lanes: usize,
    /// Lanes whose load was refused for lack of room, in the order in which they asked.
    refused: VecDeque<HookId>,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        let (bodies, shares, refused) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Self { most, used: 0, reserved: 0, bodies, shares, lanes: 0, refused }
    }

    /// Bytes that are taken now.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// How much a lane may take now; zero: nothing more, but it may take one delivery if it has
    /// none.
    pub(super) fn free(&self, hook: HookId) -> usize {
        let taken = self.used.saturating_add(self.reserved);
        let common = (self.most / 2).saturating_sub(taken);
        let own = self
            .shares
            .get(&hook)
            .map_or(0, |share| share.bytes + share.reserved + share.rows * ENTRY);
        let part = self.guaranteed().saturating_sub(own);
        common.max(part).min(self.most.saturating_sub(taken))
    }

    /// What of the second half is each lane's.
    fn guaranteed(&self) -> usize {
        self.most / 2 / self.lanes.max(1)
    }

    /// Is there room for a delivery that was offered?
    pub(super) fn has_room(&self, hook: HookId, event: EventId, bytes: usize) -> bool {
        let body = if self.bodies.contains_key(&event) { 0 } else { bytes };
        self.is_empty(hook) || self.free(hook) >= body + ENTRY
    }

    pub(super) fn is_empty(&self, hook: HookId) -> bool {
        self.shares.get(&hook).is_none_or(|share| share.rows == 0 && share.reserved == 0)
    }

    /// Reserves room for a load. `None`: there is none. Then the lane has deliveries in memory and
    /// asks again when one of them ends; [`Budget::admissible`] names it sooner if other lanes
    /// leave room.
    pub(super) fn reserve(&mut self, hook: HookId, window: Room, is_urgent: bool) -> Option<Room> {
        let most = window.bytes.min((self.most / LOAD).max(LEAST));
        let free = self.free(hook).min(most);
        let least = LEAST.min(most).min(self.guaranteed() / 2);
        if free < least && !is_urgent && !self.is_empty(hook) {
            if !self.refused.contains(&hook) {
                self.refused.push_back(hook);
            }
            return None;
        }
        let bytes = free.max(1);
        self.shares.entry(hook).or_default().reserved += bytes;
        self.reserved += bytes;
        Some(Room { rows: window.rows.min(bytes / ENTRY).max(1), bytes })
    }

    /// The load is over, however it went.
    pub(super) fn release(&mut self, hook: HookId) {
        if let Some(share) = self.shares.get_mut(&hook) {
            self.reserved -= std::mem::take(&mut share.reserved);
        }
        self.tidy(hook);
    }

    /// A lane's memory changed.
    pub(super) fn note(&mut self, hook: HookId, changes: impl IntoIterator<Item = Change>) {
        for Change { event, bytes, is_gain } in changes {
            let share = self.shares.entry(hook).or_default();
            let body = self.bodies.entry(event).or_insert((0, bytes));
            if is_gain {
                (share.rows, share.bytes) = (share.rows + 1, share.bytes + bytes);
                self.used += ENTRY + if body.0 == 0 { body.1 } else { 0 };
                body.0 += 1;
                continue;
            }
            (share.rows, share.bytes) =
                (share.rows.saturating_sub(1), share.bytes.saturating_sub(bytes));
            body.0 = body.0.saturating_sub(1);
            let freed = ENTRY + if body.0 == 0 { body.1 } else { 0 };
            self.used = self.used.saturating_sub(freed);
            if body.0 == 0 {
                self.bodies.remove(&event);
            }
        }
        self.tidy(hook);
    }

    fn tidy(&mut self, hook: HookId) {
        if self.shares.get(&hook).is_some_and(|share| share.rows == 0 && share.reserved == 0) {
            self.shares.remove(&hook);
        }
    }

    /// The lanes that may get what they want now, of what is there for whoever comes.
    pub(super) fn admissible(&mut self) -> Vec<HookId> {
        let mut admissible = Vec::new();
        let mut room = (self.most / 2).saturating_sub(self.used.saturating_add(self.reserved));
        while room >= LEAST
            && let Some(hook) = self.refused.pop_front()
        {
            admissible.push(hook);
            room -= LEAST;
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
    fn a_body_of_several_lanes_is_counted_once() {
        let mut budget = Budget::new(1 << 20);
        for number in 1..=10 {
            budget.note(hook(number), change(1, 10_000, true));
        }
        assert_eq!(budget.used(), 10_000 + 10 * ENTRY);
        for number in 1..=10 {
            budget.note(hook(number), change(1, 10_000, false));
        }
        assert_eq!((budget.used(), budget.bodies.len(), budget.shares.len()), (0, 0, 0));
    }

    #[test]
    fn silent_lanes_leave_every_other_its_part() {
        let mut budget = Budget::new(1 << 20);
        budget.lanes = 10;
        for number in 0..9 {
            for event in 0.. {
                if budget.free(hook(number)) < 30_000 {
                    break;
                }
                budget.note(hook(number), change(number * 1000 + event, 26_000, true));
            }
        }
        assert!(budget.used() <= 1 << 20, "{}", budget.used());
        assert_eq!(budget.free(hook(100)), (1 << 20) / 2 / 10);
    }

    #[test]
    fn when_all_is_taken_a_lane_with_nothing_has_one_and_others_wait_for_room() {
        let mut budget = Budget::new(200_000);
        budget.lanes = 3;
        let window = Room { rows: 1000, bytes: 50_000 };
        budget.note(hook(1), change(1, 120_000, true));
        budget.note(hook(2), change(2, 120_000, true));
        let rows = |room: Option<Room>| room.map(|room| room.rows);
        assert_eq!(rows(budget.reserve(hook(1), window, false)), None);
        assert_eq!(
            rows(budget.reserve(hook(1), window, true)),
            Some(1),
            "a changed hook is read at any rate"
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
