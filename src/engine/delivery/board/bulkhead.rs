//! A bulkhead: limits the permits of lanes whose receivers are not known to be quick, so that
//! receivers that hang cannot take all of them. Slow lanes share at most three quarters of all
//! permits. Slow and new lanes together leave at least one permit in 32 to the quick ones. (A quick
//! receiver that begins to hang counts as slow after a few attempts.)

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{domain::id::HookId, engine::delivery::lane::Speed};

/// Counts the permits of slow and of new lanes against their limits.
pub(super) struct Bulkhead {
    /// Permits that slow lanes may have together.
    max_slow: usize,
    /// Permits that slow and new lanes may have together.
    max_unproven: usize,
    /// Permits that slow lanes have now.
    slow: usize,
    /// Permits that slow and new lanes have now.
    unproven: usize,
    /// What each slow or new lane adds to these counts.
    counted: HashMap<HookId, (Speed, usize)>,
    /// FIFO queues of lanes that wait for a permit here instead of in the board's turns: new lanes,
    /// slow lanes.
    held_back: [VecDeque<HookId>; 2],
    /// The lanes that wait. Entries of the queues that are not in this set are stale.
    waiting: HashSet<HookId>,
}

impl Bulkhead {
    pub(super) fn new(permits: usize) -> Self {
        Self {
            max_slow: (permits - permits / 4).max(1),
            max_unproven: permits.saturating_sub((permits / 32).max(1)).max(1),
            slow: 0,
            unproven: 0,
            counted: HashMap::new(),
            held_back: Default::default(),
            waiting: HashSet::new(),
        }
    }

    /// Updates the count of a lane: its speed and its attempts in flight.
    pub(super) fn note(&mut self, hook: HookId, speed: Speed, in_flight: usize) {
        let is_counted = speed != Speed::Quick && in_flight > 0;
        let before = match is_counted {
            true => self.counted.insert(hook, (speed, in_flight)),
            false => self.counted.remove(&hook),
        };
        if let Some((speed, in_flight)) = before {
            self.unproven -= in_flight;
            self.slow -= if speed == Speed::Slow { in_flight } else { 0 };
        }
        if is_counted {
            self.unproven += in_flight;
            self.slow += if speed == Speed::Slow { in_flight } else { 0 };
        }
    }

    /// Is no permit left for a lane of this speed?
    pub(super) fn is_full(&self, speed: Speed) -> bool {
        self.free_permits(speed) == 0
    }

    fn free_permits(&self, speed: Speed) -> usize {
        let unproven = self.max_unproven.saturating_sub(self.unproven);
        match speed {
            Speed::Quick => usize::MAX,
            Speed::New => unproven,
            Speed::Slow => unproven.min(self.max_slow.saturating_sub(self.slow)),
        }
    }

    /// Queues a lane until there is a permit for it.
    pub(super) fn hold_back(&mut self, hook: HookId, speed: Speed) {
        if self.waiting.insert(hook) {
            self.held_back[usize::from(speed == Speed::Slow)].push_back(hook);
        }
    }

    /// Takes a lane out of the queue; the caller gives it its turn. `false`: it was not queued.
    pub(super) fn restore(&mut self, hook: HookId) -> bool {
        self.waiting.remove(&hook)
    }

    /// Takes lanes out of the queues, as many as there are permits for: new ones first, each queue
    /// oldest first.
    pub(super) fn released(&mut self) -> Vec<HookId> {
        let mut released = Vec::new();
        for (queue, speed) in [Speed::New, Speed::Slow].into_iter().enumerate() {
            let mut free = self.free_permits(speed).saturating_sub(released.len());
            while free > 0
                && let Some(hook) = self.held_back[queue].pop_front()
            {
                if self.waiting.remove(&hook) {
                    released.push(hook);
                    free -= 1;
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
    fn slow_lanes_leave_a_quarter_of_the_permits_and_wait_in_fifo_order() {
        let mut bulkhead = Bulkhead::new(8);
        (1..=6).for_each(|number| bulkhead.note(hook(number), Speed::Slow, 1));
        assert!(bulkhead.is_full(Speed::Slow) && !bulkhead.is_full(Speed::New));
        (7..=9).for_each(|number| bulkhead.hold_back(hook(number), Speed::Slow));
        assert_eq!(bulkhead.released(), []);
        assert!(bulkhead.restore(hook(7)) && !bulkhead.restore(hook(7)), "it is quick now");
        bulkhead.note(hook(1), Speed::Quick, 1);
        assert_eq!(bulkhead.released(), [hook(8)]);
        bulkhead.note(hook(8), Speed::Slow, 1);
        assert_eq!(bulkhead.released(), []);
        bulkhead.note(hook(2), Speed::Slow, 0);
        assert_eq!(bulkhead.released(), [hook(9)]);
        assert_eq!(bulkhead.released(), []);
    }

    #[test]
    fn new_lanes_leave_one_permit_and_precede_slow_lanes() {
        let mut bulkhead = Bulkhead::new(8);
        (1..=5).for_each(|number| bulkhead.note(hook(number), Speed::Slow, 1));
        (6..=7).for_each(|number| bulkhead.note(hook(number), Speed::New, 1));
        assert!(bulkhead.is_full(Speed::New) && bulkhead.is_full(Speed::Slow));
        bulkhead.hold_back(hook(8), Speed::Slow);
        bulkhead.hold_back(hook(9), Speed::New);
        bulkhead.note(hook(6), Speed::Quick, 1);
        assert_eq!(bulkhead.released(), [hook(9)]);
        bulkhead.note(hook(1), Speed::Slow, 0);
        assert_eq!(bulkhead.released(), [hook(8)]);
    }

    #[test]
    fn with_one_permit_every_lane_may_send() {
        let bulkhead = Bulkhead::new(1);
        assert!(!bulkhead.is_full(Speed::New) && !bulkhead.is_full(Speed::Slow));
        for permits in 4..40 {
            let Bulkhead { max_slow, max_unproven, .. } = Bulkhead::new(permits);
            assert!(
                max_slow < permits && max_unproven < permits,
                "{permits}: {max_slow}, {max_unproven}"
            );
        }
    }
}
