//! The permits of lanes that did not show lately that their receivers are quick: those that hang,
//! and new ones. Together they have three quarters of all permits at most, so that any number of
//! receivers that hang leaves a quarter to the others.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::id::HookId;

/// See the module.
pub(super) struct Unproven {
    most: usize,
    in_flight: usize,
    of: HashMap<HookId, usize>,
    /// Lanes that could send and may not, in their order. They keep their turn here.
    held_back: VecDeque<HookId>,
    /// Those of them that still wait; the others were taken back.
    waiting: HashSet<HookId>,
}

impl Unproven {
    pub(super) fn new(permits: usize) -> Self {
        Self {
            most: permits.div_ceil(4) * 3,
            in_flight: 0,
            of: HashMap::new(),
            held_back: VecDeque::new(),
            waiting: HashSet::new(),
        }
    }

    /// A lane has so many attempts in flight; 0 if it is proven.
    pub(super) fn note(&mut self, hook: HookId, in_flight: usize) {
        let before = match in_flight {
            0 => self.of.remove(&hook),
            _ => self.of.insert(hook, in_flight),
        };
        self.in_flight = self.in_flight - before.unwrap_or(0) + in_flight;
    }

    pub(super) fn is_full(&self) -> bool {
        self.in_flight >= self.most
    }

    /// Keeps a lane's turn until there is room.
    pub(super) fn hold_back(&mut self, hook: HookId) {
        if self.waiting.insert(hook) {
            self.held_back.push_back(hook);
        }
    }

    /// Was the lane held back? It is not any more.
    pub(super) fn take_back(&mut self, hook: HookId) -> bool {
        self.waiting.remove(&hook)
    }

    /// Lanes that have their turn now: as many as there is room for.
    pub(super) fn released(&mut self) -> Vec<HookId> {
        let (mut room, mut released) = (self.most.saturating_sub(self.in_flight), Vec::new());
        while room > 0
            && let Some(hook) = self.held_back.pop_front()
        {
            if self.waiting.remove(&hook) {
                released.push(hook);
                room -= 1;
            }
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn hook(number: u128) -> HookId {
        HookId(Uuid::from_u128(number))
    }

    #[test]
    fn lanes_that_hang_leave_a_quarter_and_wait_in_their_order() {
        let mut unproven = Unproven::new(8);
        (1..=6).for_each(|number| unproven.note(hook(number), 1));
        assert!(unproven.is_full());
        (7..=9).for_each(|number| unproven.hold_back(hook(number)));
        assert_eq!(unproven.released(), []);
        assert!(unproven.take_back(hook(7)) && !unproven.take_back(hook(7)), "it is proven now");
        unproven.note(hook(1), 0);
        assert_eq!(unproven.released(), [hook(8)]);
        unproven.note(hook(8), 1);
        assert_eq!(unproven.released(), []);
        unproven.note(hook(2), 0);
        assert_eq!(unproven.released(), [hook(9)]);
        assert_eq!(unproven.released(), []);
    }

    #[test]
    fn one_permit_is_enough_to_begin() {
        assert!(!Unproven::new(1).is_full());
    }
}
