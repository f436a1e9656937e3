//! How much memory the lanes take together. A body that several lanes have is one body: it is counted once. Half of it
//! goes to whoever comes first; of the other half each lane has its part, so that lanes whose receivers are silent never
//! take what the others need. Beyond all that a lane with nothing in memory may have one delivery: it never stands still.

use std::collections::{HashMap, VecDeque};

use crate::{
    domain::id::{EventId, HookId},
    engine::{delivery::lane::Change, store::queue::Room},
};

/// What a delivery takes besides its body: itself, and its entries in what its lane remembers.
const ENTRY: usize = 512;
/// The least that a load is ordered for, and the part of all memory that one load may bring at most.
const LEAST: usize = 16 * 1024;
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
    bodies: HashMap<EventId, (usize, usize)>,
    shares: HashMap<HookId, Share>,
    /// How many lanes there are, whether they have anything or not.
    pub(super) lanes: usize,
    /// Lanes that want more than there is room for, in the order in which they came.
    hungry: VecDeque<HookId>,
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        let (bodies, shares, hungry) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Self { most, used: 0, reserved: 0, bodies, shares, lanes: 0, hungry }
    }

    /// Bytes that are taken now.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// How much a lane may take now; zero: nothing more, but it may take one delivery if it has none.
    pub(super) fn free(&self, hook: HookId) -> usize {
        let taken = self.used.saturating_add(self.reserved);
        let common = (self.most / 2).saturating_sub(taken);
        let own = self.shares.get(&hook).map_or(0, |share| share.bytes + share.reserved + share.rows * ENTRY);
        let part = self.part().saturating_sub(own);
        common.max(part).min(self.most.saturating_sub(taken))
    }

    /// What of the second half is each lane's.
    fn part(&self) -> usize {
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

    /// Sets room aside for a load. `None`: there is none. The lane has something in memory then, and asks again when that
    /// is done; it is remembered, so that it can have more before, when others leave room.
    pub(super) fn reserve(&mut self, hook: HookId, window: Room, is_urgent: bool) -> Option<Room> {
        let most = window.bytes.min((self.most / LOAD).max(LEAST));
        let free = self.free(hook).min(most);
        let least = LEAST.min(most).min(self.part() / 2);
        if free < least && !is_urgent && !self.is_empty(hook) {
            if !self.hungry.contains(&hook) {
                self.hungry.push_back(hook);
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
            (share.rows, share.bytes) = (share.rows.saturating_sub(1), share.bytes.saturating_sub(bytes));
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
    pub(super) fn fed(&mut self) -> Vec<HookId> {
        let mut fed = Vec::new();
        let mut room = (self.most / 2).saturating_sub(self.used.saturating_add(self.reserved));
        while room >= LEAST
            && let Some(hook) = self.hungry.pop_front()
        {
            fed.push(hook);
            room -= LEAST;
        }
        fed
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
    fn when_all_is_taken_a_lane_with_nothing_has_one_and_one_with_something_waits_until_there_is_room() {
        let mut budget = Budget::new(200_000);
        budget.lanes = 3;
        let window = Room { rows: 1000, bytes: 50_000 };
        budget.note(hook(1), change(1, 120_000, true));
        budget.note(hook(2), change(2, 120_000, true));
        let rows = |room: Option<Room>| room.map(|room| room.rows);
        assert_eq!(rows(budget.reserve(hook(1), window, false)), None);
        assert_eq!(rows(budget.reserve(hook(1), window, true)), Some(1), "a changed hook is read at any rate");
        budget.release(hook(1));
        assert!(budget.has_room(hook(3), EventId(Uuid::from_u128(3)), 9_000));
        assert_eq!(rows(budget.reserve(hook(3), window, false)), Some(1));
        assert!(!budget.has_room(hook(3), EventId(Uuid::from_u128(3)), 9_000), "its load is under way");
        budget.release(hook(3));
        assert!(budget.fed().is_empty());
        budget.note(hook(1), change(1, 120_000, false));
        budget.note(hook(2), change(2, 120_000, false));
        assert_eq!(budget.fed(), [hook(1)]);
        assert!(budget.fed().is_empty());
    }
}
