//! Limits the permits of lanes whose receivers are not known to be quick. Lanes that were slow
//! lately share three quarters of all permits. Together with lanes that were never asked they leave
//! one permit in 32 to the others. (A receiver that was quick and hangs counts as slow after a few
//! attempts.)

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{domain::id::HookId, engine::delivery::lane::Speed};

/// See the module.
pub(super) struct Unproven {
    /// Permits that slow lanes may have, and those that slow and new ones may have together.
    most_slow: usize,
    most: usize,
    slow: usize,
    all: usize,
    of: HashMap<HookId, (Speed, usize)>,
    /// Lanes that could send and may not, in their order: new ones, and slow ones. They keep their
    /// turn here.
    held_back: [VecDeque<HookId>; 2],
    /// The entries of `held_back` that count; the others are stale.
    waiting: HashSet<HookId>,
}

impl Unproven {
    pub(super) fn new(permits: usize) -> Self {
        Self {
            most_slow: (permits - permits / 4).max(1),
            most: permits.saturating_sub((permits / 32).max(1)).max(1),
            slow: 0,
            all: 0,
            of: HashMap::new(),
            held_back: Default::default(),
            waiting: HashSet::new(),
        }
    }

    /// A lane has so many attempts in flight.
    pub(super) fn note(&mut self, hook: HookId, speed: Speed, in_flight: usize) {
        let is_counted = speed != Speed::Quick && in_flight > 0;
        let before = match is_counted {
            true => self.of.insert(hook, (speed, in_flight)),
            false => self.of.remove(&hook),
        };
        if let Some((speed, in_flight)) = before {
            self.all -= in_flight;
            self.slow -= if speed == Speed::Slow { in_flight } else { 0 };
        }
        if is_counted {
            self.all += in_flight;
            self.slow += if speed == Speed::Slow { in_flight } else { 0 };
        }
    }

    /// May a lane of this speed have no more permits?
    pub(super) fn is_full(&self, speed: Speed) -> bool {
        self.room(speed) == 0
    }

    fn room(&self, speed: Speed) -> usize {
        let all = self.most.saturating_sub(self.all);
        match speed {
            Speed::Quick => usize::MAX,
            Speed::New => all,
            Speed::Slow => all.min(self.most_slow.saturating_sub(self.slow)),
        }
    }

    /// Keeps a lane's turn until there is room.
    pub(super) fn hold_back(&mut self, hook: HookId, speed: Speed) {
        if self.waiting.insert(hook) {
            self.held_back[usize::from(speed == Speed::Slow)].push_back(hook);
        }
    }

    /// Gives a lane's turn back; `false`: it was not held back.
    pub(super) fn take_back(&mut self, hook: HookId) -> bool {
        self.waiting.remove(&hook)
    }

    /// Lanes that have their turn now: as many as there is room for, new ones first.
    pub(super) fn released(&mut self) -> Vec<HookId> {
        let mut released = Vec::new();
        for (queue, speed) in [Speed::New, Speed::Slow].into_iter().enumerate() {
            let mut room = self.room(speed).saturating_sub(released.len());
            while room > 0
                && let Some(hook) = self.held_back[queue].pop_front()
            {
                if self.waiting.remove(&hook) {
                    released.push(hook);
                    room -= 1;
                }
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
        (1..=6).for_each(|number| unproven.note(hook(number), Speed::Slow, 1));
        assert!(unproven.is_full(Speed::Slow) && !unproven.is_full(Speed::New));
        (7..=9).for_each(|number| unproven.hold_back(hook(number), Speed::Slow));
        assert_eq!(unproven.released(), []);
        assert!(unproven.take_back(hook(7)) && !unproven.take_back(hook(7)), "it is quick now");
        unproven.note(hook(1), Speed::Quick, 1);
        assert_eq!(unproven.released(), [hook(8)]);
        unproven.note(hook(8), Speed::Slow, 1);
        assert_eq!(unproven.released(), []);
        unproven.note(hook(2), Speed::Slow, 0);
        assert_eq!(unproven.released(), [hook(9)]);
        assert_eq!(unproven.released(), []);
    }

    #[test]
    fn new_lanes_leave_one_permit_and_come_before_slow_ones() {
        let mut unproven = Unproven::new(8);
        (1..=5).for_each(|number| unproven.note(hook(number), Speed::Slow, 1));
        (6..=7).for_each(|number| unproven.note(hook(number), Speed::New, 1));
        assert!(unproven.is_full(Speed::New) && unproven.is_full(Speed::Slow));
        unproven.hold_back(hook(8), Speed::Slow);
        unproven.hold_back(hook(9), Speed::New);
        unproven.note(hook(6), Speed::Quick, 1);
        assert_eq!(unproven.released(), [hook(9)]);
        unproven.note(hook(1), Speed::Slow, 0);
        assert_eq!(unproven.released(), [hook(8)]);
    }

    #[test]
    fn one_permit_is_enough_to_begin() {
        let unproven = Unproven::new(1);
        assert!(!unproven.is_full(Speed::New) && !unproven.is_full(Speed::Slow));
        for permits in 4..40 {
            let Unproven { most_slow, most, .. } = Unproven::new(permits);
            assert!(most_slow < permits && most < permits, "{permits}: {most_slow}, {most}");
        }
    }
}
