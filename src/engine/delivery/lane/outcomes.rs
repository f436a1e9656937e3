//! How a lane reacts to its attempts: a request ended, an outcome was recorded, the hook's health
//! changed.

use std::time::Duration;

use super::Lane;
use crate::domain::{health::Health, id::DeliveryId, time::Timestamp};

/// The slow start after a pause ends at this many concurrent attempts, or at the hook's own limit.
const RAMP_LIMIT: u32 = 64;

/// How quickly a lane's receiver responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    Quick,
    /// Unknown: no attempt has ended yet.
    New,
    /// Recent attempts were slow.
    Slow,
}

/// The longest duration of a quick attempt.
const QUICK: Duration = Duration::from_secs(1);
/// A quick attempt gains one credit up to the maximum; a slow one loses several. So a receiver that
/// was quick a thousand times and hangs now counts as slow after a few attempts.
const MAX_CREDIT: usize = 64;
const SLOW_PENALTY: usize = 8;

impl Lane {
    /// Updates the credit with the duration of an attempt that ended.
    pub fn note_duration(&mut self, duration: Duration) {
        let credit = self.credit.unwrap_or(0);
        self.credit = Some(match duration <= QUICK {
            true => (credit + 1).min(MAX_CREDIT),
            false => credit.saturating_sub(SLOW_PENALTY),
        });
    }

    pub fn speed(&self) -> Speed {
        match self.credit {
            None => Speed::New,
            Some(0) => Speed::Slow,
            Some(_) => Speed::Quick,
        }
    }

    /// Notes that a request ended: the receiver can take the next one. Its outcome is being
    /// recorded.
    pub fn request_ended(&mut self) {
        self.sending = self.sending.saturating_sub(1);
        self.attempts_ended = self.attempts_ended.saturating_add(1);
    }

    /// Notes that an attempt ended without being sent. Its delivery is unchanged in the database,
    /// and a load finds it at `at`.
    pub fn not_sent(&mut self, at: Timestamp) {
        self.request_ended();
        self.note_more(at);
    }

    /// Notes that an attempt was recorded, or that recording was refused or given up. `due_at`: its
    /// retry, which waits in the database. `health`: the hook's health after it; `None`: unchanged
    /// or unknown.
    pub fn finished(
        &mut self,
        id: DeliveryId,
        due_at: Option<Timestamp>,
        health: Option<Health>,
        now: Timestamp,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let known = self.known.remove(id);
        self.may_probe |= self.is_paused();
        if self.in_flight == 0 {
            self.is_probing = false;
        }
        if self.loading {
            self.recorded_during_load.insert(id, known.as_ref().map_or(0, |known| known.attempts));
        }
        if known.as_ref().is_some_and(|known| known.is_outdated) {
            self.recheck_database(now);
        }
        let is_in_line = self.finish_in_line(id, due_at);
        if !is_in_line && self.is_ordered() {
            // The line of its key may be waiting for it: see `ordered::REREAD_MS`.
            self.lines.unlined_finished();
        }
        if let Some(at) = due_at.filter(|_| !is_in_line || !self.is_ordered()) {
            self.retries.note_more(at);
            // Possibly it was not recorded. Then it is still due as a first attempt, or held as a
            // probe.
            if health.is_none() {
                self.first_attempts.note_more(at);
                self.may_probe = true;
            }
        }
        // If the hook changed after this attempt was sent, a load may have read newer health than
        // this one: reload it.
        let was_sent_before_change =
            known.is_some_and(|known| self.known.was_sent_before_change(&known));
        match health {
            Some(_) if was_sent_before_change => self.mark_stale(now),
            Some(health) => self.apply_health(health, now),
            None => {}
        }
        self.reread_if_needed(now);
    }

    /// Applies the hook's new health. A pause drops queued deliveries; after a recovery the lane
    /// starts with one concurrent attempt (slow start).
    pub(super) fn apply_health(&mut self, health: Health, now: Timestamp) {
        let was_paused = self.is_paused();
        self.extend_wait(&health, now);
        self.health = health;
        match (was_paused, self.is_paused()) {
            // Outcomes can arrive out of order, so a load has to confirm a pause or a recovery.
            (false, true) => {
                self.drop_queued();
                self.mark_stale(now);
            }
            (true, false) => {
                self.drop_queued();
                self.ramp = Some(1);
                self.mark_stale(now);
            }
            (false, false) => {
                let limit = self
                    .target
                    .as_ref()
                    .and_then(|target| target.hook.tuning.in_flight)
                    .unwrap_or(RAMP_LIMIT);
                let ramp = self.ramp.map(|ramp| if health.is_healthy() { ramp + 1 } else { 1 });
                self.ramp = ramp.filter(|ramp| *ramp < limit as usize);
            }
            (true, true) => self.may_probe = true,
        }
    }
}
