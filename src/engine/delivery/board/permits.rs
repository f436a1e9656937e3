//! Assigns the global permits for attempts: round-robin over the lanes that can send, one delivery
//! per turn, within the limits listed at [`Board::assign_permits`].

use super::{Action, Board};
use crate::domain::time::Timestamp;

impl Board {
    /// Gives each lane in turn one delivery while permits are free. Three limits keep receivers
    /// that hang from starving the others:
    ///
    /// - A lane has at most as many attempts in flight as permits are free. Lanes whose receivers
    ///   hang converge on equal shares, and one such share stays free for any other lane.
    /// - Above its fair share of half of all permits, a lane has at most one more attempt in flight
    ///   than have ever ended. Without this, when many receivers hang from the start, the first
    ///   few lanes would take all permits before the others appear.
    /// - The [bulkhead](super::bulkhead) reserves some permits for lanes whose receivers are known
    ///   to be quick.
    pub(super) fn assign_permits(&mut self, now: Timestamp) {
        let mut skipped = 0;
        // Released lanes go first: a lane whose attempt just ended may already have queued its
        // next turn behind them.
        self.bulkhead.released().into_iter().rev().for_each(|hook| self.turns.push_front(hook));
        let fair_share = (self.permits / 2 / self.lanes.len().max(1)).saturating_sub(1);
        while !self.is_stopping && self.in_flight < self.permits && skipped < self.turns.len() {
            let Some(hook) = self.turns.pop_front() else { return };
            let free = self.permits - self.in_flight;
            let fence = self.owned_lane(hook).fence;
            let Some(lane) =
                self.lanes.get_mut(&hook).filter(|_| !self.handing_over.contains(&hook))
            else {
                self.has_turn.remove(&hook);
                continue;
            };
            if lane.in_flight() >= free && lane.in_flight() > 0 {
                self.turns.push_back(hook);
                skipped += 1;
                continue;
            }
            let speed = lane.speed();
            if self.bulkhead.is_full(speed) && !lane.has_test() {
                self.bulkhead.hold_back(hook, speed);
                continue;
            }
            self.has_turn.remove(&hook);
            // `Input::RequestEnded` gives the lane its next turn.
            if lane.in_flight() > lane.attempts_ended.max(fair_share) {
                continue;
            }
            if let Some(outgoing) = lane.next(&self.limits, now) {
                self.in_flight += 1;
                skipped = 0;
                self.actions.push(Action::Attempt { outgoing, fence });
            }
            self.refresh(hook, now);
        }
    }
}
