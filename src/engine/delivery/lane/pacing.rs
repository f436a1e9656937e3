//! Adaptive pacing (AIMD): learns from a receiver's answers how fast it may be called. One answer
//! counts for all deliveries to that receiver.
//!
//! - `429` or `503` with `Retry-After`: the lane sends nothing before that time. (The time is also
//!   part of the hook's health in the database, so after a restart or on another node a load brings
//!   it back.)
//! - Any `429`, and `503` with `Retry-After`: the rate drops a little below what the receiver took
//!   in the last second, or to half of what it was, and then grows slowly. Far from the rate at
//!   which the receiver last refused, it grows fast.
//! - An attempt that this machine could not send: the lane rests for [`UNSENT`], and twice as long
//!   after the next one in a row.
//! - The window of concurrent attempts begins at one and grows with each answer; without an answer,
//!   every quarter of a second. So a burst does not hit a receiver that would refuse all of it, and
//!   a slow one still gets its share.
//!
//! The rate is in memory only: after a restart it is learned again within seconds, at the cost of a
//! few refusals.

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
/// The widest window: above this only the limit of concurrent attempts holds.
const MAX_WINDOW: usize = 256;
/// Multiplicative decrease: the share of the refused rate that is kept.
const KEEPS: f64 = 0.9;
/// How the rate grows near the one at which it was refused: by this share of it in a second.
const GROWS: f64 = 0.02;
/// Above this share of it the receiver has changed, and the rate grows by one with each answer, as
/// it does below `KEEPS`.
const CHANGED: f64 = 1.2;
/// Attempts a second, at least: one in five seconds.
const MIN_RATE: f64 = 0.2;
/// From this rate on, there is no rate limit any more.
const UNLIMITED: f64 = 5000.0;
/// What a receiver took is counted over this long, or over so many attempts where they are rare.
const SPAN: Duration = Duration::from_secs(1);
const SPAN_ATTEMPTS: f64 = 5.0;
/// After an attempt that this machine could not send, none is made for this long; twice as long
/// after the second in a row, and so on.
const UNSENT: Duration = Duration::from_secs(1);
const MOST_DOUBLED: u32 = 2;
/// A receiver that takes fewer a second is slow itself, or hardly asked.
const KEEPS_UP: f64 = 100.0;

/// See the module.
pub(super) struct Pacing {
    /// From `Retry-After`: send nothing before this.
    until: Option<Timestamp>,
    /// This machine could not send: send nothing before this. In memory only.
    rests_until: Option<Timestamp>,
    /// Attempts in a row that this machine could not send.
    unsent: u32,
    /// The part of `until` from answers that may not be recorded yet: a load can be older than they
    /// are.
    unrecorded_until: Option<Timestamp>,
    /// A changed hook was read while an answer was not recorded yet. Perhaps a person has ended the
    /// wait: read it once more.
    is_unsure: bool,
    /// Attempts per second; `None`: the receiver has refused nothing so far.
    rate: Option<f64>,
    /// The rate at which the receiver last refused some attempts and took others.
    ceiling: Option<f64>,
    /// An attempt was sent since the rate was lowered. Refusals before that are of the same burst,
    /// and do not lower it again.
    sent_since_lowered: bool,
    taken: SlidingCount,
    /// How many attempts may be under way; one more after each [`STEP`] since `opened_at`.
    window: usize,
    opened_at: Timestamp,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            until: None,
            rests_until: None,
            unsent: 0,
            unrecorded_until: None,
            is_unsure: false,
            rate: None,
            ceiling: None,
            sent_since_lowered: false,
            taken: SlidingCount::default(),
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
        self.waits_until(now).is_none() && under_way < self.window_now(now)
    }

    /// Nobody may ask for more than the longest wait: a later time was noted while the clock was
    /// wrong.
    fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.until.filter(|until| *until > now && *until <= now.after(LONGEST_WAIT));
        let longest_rest = UNSENT * (1 << MOST_DOUBLED);
        let rest = self.rests_until.filter(|at| *at > now && *at <= now.after(longest_rest));
        until.max(rest)
    }

    /// When time alone lets something go that may not go now.
    pub(super) fn wake_at(&self, under_way: usize, now: Timestamp) -> Option<Timestamp> {
        if let Some(until) = self.waits_until(now) {
            return Some(until);
        }
        let is_full = under_way >= self.window_now(now) && self.window < MAX_WINDOW;
        let steps = u32::try_from(self.steps(now)).unwrap_or(u32::MAX).saturating_add(1);
        is_full.then(|| self.opened_at.after(STEP.saturating_mul(steps)))
    }

    fn steps(&self, now: Timestamp) -> usize {
        usize::try_from(self.opened_at.until(now).as_millis() / STEP.as_millis())
            .unwrap_or(MAX_WINDOW)
            .min(MAX_WINDOW)
    }

    fn window_now(&self, now: Timestamp) -> usize {
        (self.window + self.steps(now)).min(MAX_WINDOW)
    }

    /// One is sent, beside those that are under way.
    pub(super) fn sends(&mut self, under_way: usize, now: Timestamp) {
        if under_way == 0 {
            if self.opened_at.until(now) > IDLE {
                self.window = 1;
            }
            self.opened_at = now;
        }
        self.sent_since_lowered = true;
    }

    pub(super) fn hear(&mut self, bearing: Bearing, now: Timestamp) {
        let window_now = self.window_now(now);
        self.opened_at = now;
        if bearing != Bearing::Unsent {
            self.unsent = 0;
        }
        match bearing {
            Bearing::Silent => self.window = window_now,
            Bearing::Unsent => {
                self.window = 1;
                self.rests_until = Some(now.after(UNSENT * (1 << self.unsent.min(MOST_DOUBLED))));
                self.unsent = self.unsent.saturating_add(1);
            }
            Bearing::Bears => {
                self.window = (window_now + 1).min(MAX_WINDOW);
                let span = self.span();
                self.taken.note(span, now);
                self.grow(now);
            }
            Bearing::TooMuch { asks } => {
                self.window = 1;
                let until = asks.map(|wait| now.after(wait));
                (self.until, self.unrecorded_until) =
                    (self.until.max(until), self.unrecorded_until.max(until));
                self.lower(now);
            }
        }
    }

    fn clock_set_back(&mut self, now: Timestamp) {
        self.opened_at = now;
        self.taken = SlidingCount::default();
        (self.until, self.unrecorded_until) =
            (bounded(self.until, now), bounded(self.unrecorded_until, now));
    }

    fn span(&self) -> Duration {
        let few = self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(SPAN_ATTEMPTS / rate.max(MIN_RATE))
        });
        SPAN.max(few)
    }

    fn grow(&mut self, now: Timestamp) {
        let Some(rate) = self.rate else { return };
        let grown = match self.ceiling {
            // Sent before the refusal, answered after it: the receiver takes more than was counted
            // then.
            ceiling if !self.sent_since_lowered => {
                let taken = self.taken.per_second(self.span(), now);
                if ceiling.is_none_or(|ceiling| ceiling >= taken) {
                    return;
                }
                self.ceiling = Some(taken);
                rate.max(KEEPS * taken)
            }
            Some(ceiling) if rate >= KEEPS * ceiling && rate <= CHANGED * ceiling => {
                rate + GROWS * ceiling / rate
            }
            _ => rate + 1.0,
        };
        self.rate = Some(grown).filter(|rate| *rate < UNLIMITED);
    }

    fn lower(&mut self, now: Timestamp) {
        let taken = self.taken.per_second(self.span(), now);
        let at = match self.rate {
            Some(_) if !self.sent_since_lowered => return,
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
        self.rate = Some((KEEPS * at).max(MIN_RATE));
        self.sent_since_lowered = false;
    }
}

/// Cuts a wait to the longest allowed. One that was noted while the clock was ahead would hide a
/// shorter one.
fn bounded(until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    until.map(|until| until.min(now.after(LONGEST_WAIT)))
}

/// A sliding-window counter: the events of the current span, and the share of the previous span
/// that the window covers.
#[derive(Default)]
struct SlidingCount {
    began_at: Timestamp,
    current: f64,
    previous: f64,
}

impl SlidingCount {
    fn note(&mut self, span: Duration, now: Timestamp) {
        let passed = self.began_at.until(now).as_secs_f64() / span.as_secs_f64();
        if passed >= 1.0 {
            self.previous = if passed < 2.0 { self.current } else { 0.0 };
            (self.current, self.began_at) = (0.0, now);
        }
        self.current += 1.0;
    }

    fn per_second(&self, span: Duration, now: Timestamp) -> f64 {
        let passed = self.began_at.until(now).as_secs_f64() / span.as_secs_f64();
        let count = match passed {
            ..1.0 => self.current + self.previous * (1.0 - passed),
            1.0..2.0 => self.current * (2.0 - passed),
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

    /// How long a delivery that is accepted now will wait for its attempt. `None` where slower
    /// producers would not help: the hook sends nothing, or its receiver or a limit is what it
    /// waits for.
    pub fn lag(&self, now: Timestamp) -> Option<Duration> {
        let per_second = self.pacing.taken.per_second(SPAN, now);
        let keeps_up = self.is_open() && self.rate(false).is_none() && per_second >= KEEPS_UP;
        keeps_up.then(|| Duration::from_secs_f64(self.queued() as f64 / per_second))
    }

    /// A load begins. If every answer is recorded, the wait that it reads from the hook's health is
    /// complete.
    pub(super) fn begin_wait_read(&mut self) {
        if self.in_flight == self.sending {
            self.pacing.unrecorded_until = None;
        }
    }

    /// A load read the hook's health: a wait that is no longer in it has ended, unless its answer
    /// is not recorded yet. `was_stale`: the load was begun because the hook changed.
    pub(super) fn take_wait(&mut self, health: &Health, was_stale: bool, now: Timestamp) {
        let pacing = &mut self.pacing;
        pacing.until = pacing.unrecorded_until.max(bounded(health.waits_until, now));
        pacing.is_unsure |= was_stale && pacing.unrecorded_until.is_some();
    }

    /// An attempt was recorded with this health. It can extend a wait but not end one: outcomes may
    /// arrive out of order.
    pub(super) fn extend_wait(&mut self, health: &Health, now: Timestamp) {
        self.pacing.until = self.pacing.until.max(bounded(health.waits_until, now));
    }

    /// Has the hook read once more, where that was put off until every answer is recorded, and they
    /// are now.
    pub(super) fn reread_if_unsure(&mut self, now: Timestamp) {
        if self.pacing.is_unsure && !self.loading && self.in_flight == self.sending {
            self.pacing.is_unsure = false;
            self.mark_stale(now);
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

    /// Attempts a second that may be made now: the hook's own limit, or the receiver's. A person
    /// waits for a test, so only the hook's own limit holds it back.
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
