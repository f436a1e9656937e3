//! What a lane hears of its attempts: that one is over, that it is on record, and how the hook stands after it.

use super::Lane;
use crate::domain::{health::Health, id::DeliveryId, time::Timestamp};

/// Successes after a pause until nothing holds a hook back that has no limit of its own.
const RAMPED: u32 = 64;

impl Lane {
    /// An attempt is over; what came of it is being recorded, and the receiver is free for the next.
    pub fn sent(&mut self) {
        self.sending = self.sending.saturating_sub(1);
        self.came_back = self.came_back.saturating_add(1);
    }

    /// It was not sent at all, and is still where it was: looked for again at `at`, whether it is a first attempt or not.
    pub fn unsent(&mut self, at: Timestamp) {
        self.sent();
        self.look_again(at);
    }

    /// An attempt that is over was recorded (or refused); `due_at` is its retry, which waits in the database. `health` is how the hook
    /// stands after it, where that is known.
    pub fn finished(&mut self, id: DeliveryId, due_at: Option<Timestamp>, health: Option<Health>, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let known = self.known.remove(id);
        self.may_probe |= self.is_paused();
        if self.in_flight == 0 {
            self.is_probing = false;
        }
        if self.loading {
            self.settled.insert(id, known.as_ref().map_or(0, |known| known.attempts));
        }
        if known.as_ref().is_some_and(|known| known.is_outdated) {
            self.more(now);
        }
        let is_in_line = self.finish_in_line(id, due_at);
        if let Some(at) = due_at.filter(|_| !is_in_line || !self.is_ordered()) {
            self.again.note_more(at);
            // Perhaps it is not on record, and is what it was: a first attempt or a probe.
            if health.is_none() {
                self.fresh.note_more(at);
                self.may_probe = true;
            }
        }
        // The change may have been read already, and be newer than this: both are in the database.
        let is_of_before = known.is_some_and(|known| self.known.is_of_before(&known));
        match health {
            Some(_) if is_of_before => self.look_up(now),
            Some(health) => self.stand(health, now),
            None => {}
        }
        self.make_sure_of_wish(now);
    }

    /// How the hook stands now. Pausing puts everything away; recovering begins gently.
    pub(super) fn stand(&mut self, health: Health, now: Timestamp) {
        let was_paused = self.is_paused();
        self.hear_wish(&health, now);
        self.health = health;
        match (was_paused, self.is_paused()) {
            // News can arrive in another order than they were written: a turn is looked up before it is believed.
            (false, true) => {
                self.drop_queued();
                self.look_up(now);
            }
            (true, false) => {
                self.drop_queued();
                self.ramp = Some(1);
                self.look_up(now);
            }
            (false, false) => {
                let limit = self.target.as_ref().and_then(|target| target.hook.tuning.in_flight).unwrap_or(RAMPED);
                let ramp = self.ramp.map(|ramp| if health.is_well() { ramp + 1 } else { 1 });
                self.ramp = ramp.filter(|ramp| *ramp < limit as usize);
            }
            (true, true) => self.may_probe = true,
        }
    }
}
