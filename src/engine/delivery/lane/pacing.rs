//! How fast a receiver may be called, as its answers tell: additive increase, multiplicative decrease. What one answer says
//! holds for all that is sent to that receiver.
//!
//! - `429` or `503` with `Retry-After`: nothing is sent before that time. (The time is in the database too, as part of the
//!   hook's health, and comes back with a load: after a restart, and on another node.)
//! - Any `429`, and `503` with `Retry-After`: the rate becomes a little less than what the receiver took in the last second, or half of what it
//!   was, and then grows slowly again. Far from the rate at which it was last refused it grows fast.
//! - How many are under way at once begins at one and grows with each answer; without an answer, every quarter of a second.
//!   So a burst does not hit a receiver that would refuse all of it, and one that answers slowly still gets its share.
//!
//! The rate is kept in memory only: it is learned again within seconds, at the cost of a few refusals.

use std::time::Duration;

use super::Lane;
use crate::domain::{
    health::Health,
    retry::{Bearing, LONGEST_WAIT},
    time::Timestamp,
};

/// Without an answer one more may be under way after each of these.
const STEP: Duration = Duration::from_millis(250);
/// After so long without anything under way the window begins at one again.
const IDLE: Duration = Duration::from_secs(10);
/// The most that is worth counting; a hook's own limit is lower.
const WIDEST: usize = 256;
/// Of the rate at which a receiver refused, this much is kept.
const KEEPS: f64 = 0.9;
/// How the rate grows near the one at which it was refused: by this share of it in a second.
const GROWS: f64 = 0.02;
/// Above this share of it the receiver has changed, and the rate grows by one with each answer, as it does below `KEEPS`.
const CHANGED: f64 = 1.2;
/// Attempts a second, at least: one in five seconds.
const SLOWEST: f64 = 0.2;
/// At this rate there is nothing left to hold back.
const FREE: f64 = 5000.0;
/// What a receiver took is counted over this long, or over so many attempts where they are rare.
const SPAN: Duration = Duration::from_secs(1);
const SPAN_ATTEMPTS: f64 = 5.0;

/// See the module.
pub(super) struct Pacing {
    /// The receiver asked for it: nothing before this.
    until: Option<Timestamp>,
    /// The same of answers that may not be on record yet: a load can be older than they are.
    unstored: Option<Timestamp>,
    /// The hook was read while not every answer was on record: perhaps the wish is over, and it is read once more.
    is_unsure: bool,
    /// Attempts a second; `None`: it has refused nothing so far.
    rate: Option<f64>,
    /// The rate at which it refused last while it took others.
    ceiling: Option<f64>,
    /// Something was sent since the rate was lowered. Refusals before that are of the same burst, and lower it no more.
    is_tried: bool,
    taken: Taken,
    /// How many may be under way; one more after each [`STEP`] since `opened_at`.
    window: usize,
    opened_at: Timestamp,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            until: None,
            unstored: None,
            is_unsure: false,
            rate: None,
            ceiling: None,
            is_tried: false,
            taken: Taken::default(),
            window: 1,
            opened_at: Timestamp(0),
        }
    }
}

impl Pacing {
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// May one more be sent beside those that are under way?
    pub(super) fn lets_go(&self, under_way: usize, now: Timestamp) -> bool {
        self.waits_until(now).is_none() && under_way < self.at_once(now)
    }

    /// Nobody may ask for more than the longest wait: a later time was noted while the clock was wrong.
    fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now && *until <= now.after(LONGEST_WAIT))
    }

    /// When time alone lets something go that may not go now.
    pub(super) fn wake_at(&self, under_way: usize, now: Timestamp) -> Option<Timestamp> {
        if let Some(until) = self.waits_until(now) {
            return Some(until);
        }
        let is_full = under_way >= self.at_once(now) && self.window < WIDEST;
        let steps = u32::try_from(self.steps(now)).unwrap_or(u32::MAX).saturating_add(1);
        is_full.then(|| self.opened_at.after(STEP.saturating_mul(steps)))
    }

    fn steps(&self, now: Timestamp) -> usize {
        usize::try_from(self.opened_at.until(now).as_millis() / STEP.as_millis()).unwrap_or(WIDEST).min(WIDEST)
    }

    fn at_once(&self, now: Timestamp) -> usize {
        (self.window + self.steps(now)).min(WIDEST)
    }

    /// One is sent, beside those that are under way.
    pub(super) fn sends(&mut self, under_way: usize, now: Timestamp) {
        if under_way == 0 {
            if self.opened_at.until(now) > IDLE {
                self.window = 1;
            }
            self.opened_at = now;
        }
        self.is_tried = true;
    }

    pub(super) fn hear(&mut self, bearing: Bearing, now: Timestamp) {
        let at_once = self.at_once(now);
        self.opened_at = now;
        match bearing {
            Bearing::Silent => self.window = at_once,
            Bearing::Bears => {
                self.window = (at_once + 1).min(WIDEST);
                let span = self.span();
                self.taken.note(span, now);
                self.grow(now);
            }
            Bearing::TooMuch { asks } => {
                self.window = 1;
                let until = asks.map(|wait| now.after(wait));
                (self.until, self.unstored) = (self.until.max(until), self.unstored.max(until));
                self.lower(now);
            }
        }
    }

    fn clock_set_back(&mut self, now: Timestamp) {
        self.opened_at = now;
        self.taken = Taken::default();
        (self.until, self.unstored) = (bounded(self.until, now), bounded(self.unstored, now));
    }

    fn span(&self) -> Duration {
        let few = self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(SPAN_ATTEMPTS / rate.max(SLOWEST)));
        SPAN.max(few)
    }

    fn grow(&mut self, now: Timestamp) {
        let Some(rate) = self.rate else { return };
        let grown = match self.ceiling {
            // It was under way when another was refused: the receiver takes more than was counted then.
            ceiling if !self.is_tried => {
                let taken = self.taken.per_second(self.span(), now);
                if ceiling.is_none_or(|ceiling| ceiling >= taken) {
                    return;
                }
                self.ceiling = Some(taken);
                rate.max(KEEPS * taken)
            }
            Some(ceiling) if rate >= KEEPS * ceiling && rate <= CHANGED * ceiling => rate + GROWS * ceiling / rate,
            _ => rate + 1.0,
        };
        self.rate = Some(grown).filter(|rate| *rate < FREE);
    }

    fn lower(&mut self, now: Timestamp) {
        let taken = self.taken.per_second(self.span(), now);
        let at = match self.rate {
            Some(_) if !self.is_tried => return,
            Some(rate) if taken < rate / 2.0 => {
                self.ceiling = None;
                rate / 2.0 / KEEPS
            }
            None if taken == 0.0 => 1.0 / KEEPS,
            rate => {
                let at = rate.map_or(taken, |rate| rate.min(taken));
                self.ceiling = Some(at);
                at
            }
        };
        self.rate = Some((KEEPS * at).max(SLOWEST));
        self.is_tried = false;
    }
}

/// No wish is longer than the longest wait. One that was noted while the clock was ahead would hide a shorter one.
fn bounded(until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    until.map(|until| until.min(now.after(LONGEST_WAIT)))
}

/// How many were taken within a span that slides: those of the present one, and as much of the one before as it still covers.
#[derive(Default)]
struct Taken {
    began_at: Timestamp,
    present: f64,
    before: f64,
}

impl Taken {
    fn note(&mut self, span: Duration, now: Timestamp) {
        let passed = self.began_at.until(now).as_secs_f64() / span.as_secs_f64();
        if passed >= 1.0 {
            self.before = if passed < 2.0 { self.present } else { 0.0 };
            (self.present, self.began_at) = (0.0, now);
        }
        self.present += 1.0;
    }

    fn per_second(&self, span: Duration, now: Timestamp) -> f64 {
        let passed = self.began_at.until(now).as_secs_f64() / span.as_secs_f64();
        let count = match passed {
            ..1.0 => self.present + self.before * (1.0 - passed),
            1.0..2.0 => self.present * (2.0 - passed),
            _ => 0.0,
        };
        count / span.as_secs_f64()
    }
}

impl Lane {
    /// What an answer says of the receiver: to be told before [`Lane::sent`].
    pub fn heard(&mut self, bearing: Bearing, now: Timestamp) {
        self.pacing.hear(bearing, now);
    }

    /// A load begins. What it reads is all there is to know of the receiver's wishes, if every answer is on record.
    pub(super) fn pace_is_read(&mut self) {
        if self.in_flight == self.sending {
            self.pacing.unstored = None;
        }
    }

    /// The hook was read: a wish that the database does not know any more is over, unless it is not on record yet.
    /// `was_stale`: it was read because it changed.
    pub(super) fn follow_pace(&mut self, health: &Health, was_stale: bool, now: Timestamp) {
        let pacing = &mut self.pacing;
        pacing.until = pacing.unstored.max(bounded(health.waits_until, now));
        pacing.is_unsure |= was_stale && pacing.unstored.is_some();
    }

    /// An attempt's record says how the hook stands. Older records can be heard later, so it ends no wish.
    pub(super) fn hear_wish(&mut self, health: &Health, now: Timestamp) {
        self.pacing.until = self.pacing.until.max(bounded(health.waits_until, now));
    }

    /// Every answer is on record by now, perhaps: then the hook is read once more, if that is needed to be sure of a wish.
    pub(super) fn make_sure_of_wish(&mut self, now: Timestamp) {
        if self.pacing.is_unsure && !self.loading && self.in_flight == self.sending {
            self.pacing.is_unsure = false;
            self.look_up(now);
        }
    }

    /// Another URL is in force: what was learned of the old one is of no use.
    pub(super) fn forget_pace(&mut self) {
        self.pacing = Pacing::default();
        self.bucket.free_at = None;
    }

    pub(super) fn forget_waits(&mut self, now: Timestamp) {
        self.pacing.clock_set_back(now);
    }

    /// Attempts a second that may be made now: the hook's own limit, or the receiver's. A person waits for a test, so only
    /// the hook's own limit holds it back.
    pub(super) fn rate(&self, is_test: bool) -> Option<f64> {
        let own = self.own_rate();
        let borne = self.pacing.rate().filter(|_| !is_test);
        [own, borne].into_iter().flatten().reduce(f64::min)
    }

    pub(super) fn own_rate(&self) -> Option<f64> {
        self.target.as_ref()?.hook.tuning.rate_per_second.map(f64::from)
    }
}

#[cfg(test)]
mod tests;
