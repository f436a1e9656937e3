//! What a lane hears of its attempts: that one is over, that it is on record, and how the hook
//! stands after it.

use std::time::Duration;

use super::Lane;
use crate::domain::{health::Health, id::DeliveryId, time::Timestamp};

/// The slow start after a pause ends at this many concurrent attempts, unless the hook has a limit
/// of its own.
const RAMPED: u32 = 64;

/// What is known of a lane's receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    Quick,
    /// No attempt has ended yet.
    New,
    /// Lately its attempts took long.
    Slow,
}

/// An attempt that takes no longer is quick.
const QUICK: Duration = Duration::from_secs(1);
/// A quick attempt gains one credit; a slow one loses several. A receiver that was quick a thousand
/// times and hangs now must not live on that for long.
const MOST_CREDIT: usize = 64;
const LOST: usize = 8;

impl Lane {
    /// How long an attempt took.
    pub fn took(&mut self, took: Duration) {
        let credit = self.credit.unwrap_or(0);
        self.credit = Some(match took <= QUICK {
            true => (credit + 1).min(MOST_CREDIT),
            false => credit.saturating_sub(LOST),
        });
    }

    pub fn speed(&self) -> Speed {
        match self.credit {
            None => Speed::New,
            Some(0) => Speed::Slow,
            Some(_) => Speed::Quick,
        }
    }

    /// An attempt is over; what came of it is being recorded, and the receiver is free for the
    /// next.
    pub fn sent(&mut self) {
        self.sending = self.sending.saturating_sub(1);
        self.attempts_ended = self.attempts_ended.saturating_add(1);
    }

    /// An attempt ended before it was sent, so its delivery is unchanged in the database: a load
    /// looks for it at `at`.
    pub fn unsent(&mut self, at: Timestamp) {
        self.sent();
        self.note_more(at);
    }

    /// An attempt was recorded, or the store refused it. `due_at` is its retry, which waits in the
    /// database. `health` is the hook's health after it; `None` where it did not change or is not
    /// known.
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
            self.more(now);
        }
        let is_in_line = self.finish_in_line(id, due_at);
        if !is_in_line && self.is_ordered() {
            // It may be what the line of its key waits for: see `ordered::AGAIN_MS`.
            self.lines.other_finished();
        }
        if let Some(at) = due_at.filter(|_| !is_in_line || !self.is_ordered()) {
            self.again.note_more(at);
            // Perhaps it was not recorded: then it is still due as a first attempt, or held as a
            // probe.
            if health.is_none() {
                self.fresh.note_more(at);
                self.may_probe = true;
            }
        }
        // The hook changed after this attempt was sent. A load may have read newer health than
        // this: read it again.
        let was_sent_before_change =
            known.is_some_and(|known| self.known.was_sent_before_change(&known));
        match health {
            Some(_) if was_sent_before_change => self.mark_stale(now),
            Some(health) => self.stand(health, now),
            None => {}
        }
        self.reread_if_unsure(now);
    }

    /// Takes the hook's new health. A pause empties the shelves; after a recovery the lane begins
    /// with one attempt at once.
    pub(super) fn stand(&mut self, health: Health, now: Timestamp) {
        let was_paused = self.is_paused();
        self.extend_wait(&health, now);
        self.health = health;
        match (was_paused, self.is_paused()) {
            // Outcomes can arrive in another order than they were recorded: the next load confirms
            // a pause or recovery.
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
                    .unwrap_or(RAMPED);
                let ramp = self.ramp.map(|ramp| if health.is_well() { ramp + 1 } else { 1 });
                self.ramp = ramp.filter(|ramp| *ramp < limit as usize);
            }
            (true, true) => self.may_probe = true,
        }
    }
}
