//! Adaptive pacing (AIMD): learns from responses how fast a receiver may be called. Each response
//! counts for all deliveries to that receiver.
//!
//! - Wait: after `429` or `503` with `Retry-After` the lane sends nothing before that time. The
//!   time is also part of the hook's health in the database, so a load restores it after a restart
//!   or on another node.
//! - Rate: any `429`, and `503` with `Retry-After`, lowers the rate to a little below what the
//!   receiver accepted in the last second, or to half. Then it grows: slowly near the rate at which
//!   the receiver last refused, fast elsewhere.
//! - Local failure: after an attempt that this machine could not send, the lane pauses for
//!   [`UNSENT_PAUSE`], and twice as long after the next one in a row.
//! - Window: the limit of concurrent attempts starts at one and grows by one with each accepted
//!   delivery, or every quarter of a second without a response. So a burst does not hit a receiver
//!   that would refuse it, and a slow receiver still gets concurrent attempts.
//!
//! Rate and window are in memory only. After a restart they are learned again within seconds, at
//! the cost of a few refusals.

use std::time::Duration;

use super::Lane;
use crate::domain::{
    health::Health,
    retry::{LONGEST_WAIT, LoadSignal},
    time::Timestamp,
};

/// Without a response the window grows by one after each of these.
const WINDOW_STEP: Duration = Duration::from_millis(250);
/// After so long without a response or an attempt, the window restarts at one.
const IDLE: Duration = Duration::from_secs(10);
/// The largest window. Above it only the configured limit of concurrent attempts applies.
const MAX_WINDOW: usize = 256;
/// Multiplicative decrease: the fraction of the accepted rate that is kept.
const DECREASE: f64 = 0.9;
/// Additive increase near the ceiling: this fraction of the ceiling per second.
const INCREASE: f64 = 0.02;
/// Above this multiple of the ceiling the receiver has evidently recovered, and the rate grows by
/// one with each accepted delivery, as it does below [`DECREASE`] times the ceiling.
const RECOVERED: f64 = 1.2;
/// The lowest rate: one attempt in five seconds.
const MIN_RATE: f64 = 0.2;
/// At this rate the limit is removed.
const UNLIMITED: f64 = 5000.0;
/// Accepted deliveries are counted over this span, or at low rates over the time for this many
/// attempts.
const COUNT_SPAN: Duration = Duration::from_secs(1);
const COUNT_SPAN_ATTEMPTS: f64 = 5.0;
/// The pause after an attempt that this machine could not send. It doubles with each further one in
/// a row, up to [`MAX_UNSENT_DOUBLINGS`] times.
const UNSENT_PAUSE: Duration = Duration::from_secs(1);
const MAX_UNSENT_DOUBLINGS: u32 = 2;
/// Below this rate of accepted deliveries per second a lane's queue does not count as lag: the
/// receiver itself is slow, or has little to receive.
const MIN_LAG_RATE: f64 = 100.0;

/// The adaptive rate and concurrency limits of one lane.
pub(super) struct Pacing {
    /// From `Retry-After`: send nothing before this time.
    until: Option<Timestamp>,
    /// This machine could not send: send nothing before this time. In memory only.
    unsent_until: Option<Timestamp>,
    /// Consecutive attempts that this machine could not send.
    unsent: u32,
    /// The part of `until` from responses that may not be recorded yet. A load can be older than
    /// they are, so it must not shorten this part.
    unrecorded_until: Option<Timestamp>,
    /// A changed hook was read while a response was not recorded yet. A person may have ended the
    /// wait, so the hook is read again once every response is recorded.
    needs_reread: bool,
    /// Attempts per second; `None`: not limited, because the receiver refuses nothing.
    rate: Option<f64>,
    /// The rate at which the receiver last refused some attempts and accepted others.
    ceiling: Option<f64>,
    /// An attempt was sent since the rate was decreased. Refusals before that belong to the same
    /// burst and do not decrease it again.
    sent_since_decrease: bool,
    accepted: SlidingCount,
    /// Attempts that may be in flight; one more after each [`WINDOW_STEP`] since `opened_at`.
    window: usize,
    opened_at: Timestamp,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            until: None,
            unsent_until: None,
            unsent: 0,
            unrecorded_until: None,
            needs_reread: false,
            rate: None,
            ceiling: None,
            sent_since_decrease: false,
            accepted: SlidingCount::default(),
            window: 1,
            opened_at: Timestamp(0),
        }
    }
}

impl Pacing {
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// May another attempt be sent while so many are in flight?
    pub(super) fn may_send(&self, under_way: usize, now: Timestamp) -> bool {
        self.waits_until(now).is_none() && under_way < self.window_now(now)
    }

    /// The end of the current wait. A time beyond the longest allowed wait was noted while the
    /// clock was wrong, and is ignored.
    fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.until.filter(|until| *until > now && *until <= now.after(LONGEST_WAIT));
        let longest = UNSENT_PAUSE * (1 << MAX_UNSENT_DOUBLINGS);
        let unsent_until = self.unsent_until.filter(|at| *at > now && *at <= now.after(longest));
        until.max(unsent_until)
    }

    /// When another attempt may be sent although no response arrives.
    pub(super) fn wake_at(&self, under_way: usize, now: Timestamp) -> Option<Timestamp> {
        if let Some(until) = self.waits_until(now) {
            return Some(until);
        }
        let is_full = under_way >= self.window_now(now) && self.window < MAX_WINDOW;
        let steps = u32::try_from(self.steps(now)).unwrap_or(u32::MAX).saturating_add(1);
        is_full.then(|| self.opened_at.after(WINDOW_STEP.saturating_mul(steps)))
    }

    /// How often the window has grown since `opened_at`.
    fn steps(&self, now: Timestamp) -> usize {
        usize::try_from(self.opened_at.until(now).as_millis() / WINDOW_STEP.as_millis())
            .unwrap_or(MAX_WINDOW)
            .min(MAX_WINDOW)
    }

    fn window_now(&self, now: Timestamp) -> usize {
        (self.window + self.steps(now)).min(MAX_WINDOW)
    }

    /// Notes that an attempt is sent while so many are in flight.
    pub(super) fn note_sent(&mut self, under_way: usize, now: Timestamp) {
        if under_way == 0 {
            if self.opened_at.until(now) > IDLE {
                self.window = 1;
            }
            self.opened_at = now;
        }
        self.sent_since_decrease = true;
    }

    /// Learns from a response, or from its absence.
    pub(super) fn learn(&mut self, load_signal: LoadSignal, now: Timestamp) {
        let window_now = self.window_now(now);
        self.opened_at = now;
        if load_signal != LoadSignal::NotSent {
            self.unsent = 0;
        }
        match load_signal {
            LoadSignal::Neutral => self.window = window_now,
            LoadSignal::NotSent => {
                self.window = 1;
                self.unsent_until =
                    Some(now.after(UNSENT_PAUSE * (1 << self.unsent.min(MAX_UNSENT_DOUBLINGS))));
                self.unsent = self.unsent.saturating_add(1);
            }
            LoadSignal::Accepted => {
                self.window = (window_now + 1).min(MAX_WINDOW);
                let span = self.span();
                self.accepted.note(span, now);
                self.increase(now);
            }
            LoadSignal::Overloaded { retry_after } => {
                self.window = 1;
                let until = retry_after.map(|wait| now.after(wait));
                (self.until, self.unrecorded_until) =
                    (self.until.max(until), self.unrecorded_until.max(until));
                self.decrease(now);
            }
        }
    }

    fn clock_set_back(&mut self, now: Timestamp) {
        self.opened_at = now;
        self.accepted = SlidingCount::default();
        (self.until, self.unrecorded_until) =
            (bounded(self.until, now), bounded(self.unrecorded_until, now));
    }

    /// The span over which accepted deliveries are counted.
    fn span(&self) -> Duration {
        let few = self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(COUNT_SPAN_ATTEMPTS / rate.max(MIN_RATE))
        });
        COUNT_SPAN.max(few)
    }

    fn increase(&mut self, now: Timestamp) {
        let Some(rate) = self.rate else { return };
        let grown = match self.ceiling {
            // Sent before the refusal and accepted after it: the receiver accepts more than was
            // counted at the refusal.
            ceiling if !self.sent_since_decrease => {
                let accepted = self.accepted.per_second(self.span(), now);
                if ceiling.is_none_or(|ceiling| ceiling >= accepted) {
                    return;
                }
                self.ceiling = Some(accepted);
                rate.max(DECREASE * accepted)
            }
            Some(ceiling) if rate >= DECREASE * ceiling && rate <= RECOVERED * ceiling => {
                rate + INCREASE * ceiling / rate
            }
            _ => rate + 1.0,
        };
        self.rate = Some(grown).filter(|rate| *rate < UNLIMITED);
    }

    fn decrease(&mut self, now: Timestamp) {
        let accepted = self.accepted.per_second(self.span(), now);
        let at = match self.rate {
            Some(_) if !self.sent_since_decrease => return,
            Some(rate) if accepted < rate / 2.0 => {
                self.ceiling = None;
                rate / 2.0 / DECREASE
            }
            None if accepted == 0.0 => 1.0 / DECREASE,
            rate => {
                let at = rate.map_or(accepted, |rate| rate.min(accepted));
                self.ceiling = Some(at);
                at
            }
        };
        self.rate = Some((DECREASE * at).max(MIN_RATE));
        self.sent_since_decrease = false;
    }
}

/// Caps a wait at the longest allowed one. A later time, noted while the clock was ahead, would
/// hide a shorter wait.
fn bounded(until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    until.map(|until| until.min(now.after(LONGEST_WAIT)))
}

/// A sliding-window counter: the count of the current span, plus the part of the previous span's
/// count that the window still covers.
#[derive(Default)]
struct SlidingCount {
    started_at: Timestamp,
    current: f64,
    previous: f64,
}

impl SlidingCount {
    fn note(&mut self, span: Duration, now: Timestamp) {
        let spans = self.started_at.until(now).as_secs_f64() / span.as_secs_f64();
        if spans >= 1.0 {
            self.previous = if spans < 2.0 { self.current } else { 0.0 };
            (self.current, self.started_at) = (0.0, now);
        }
        self.current += 1.0;
    }

    fn per_second(&self, span: Duration, now: Timestamp) -> f64 {
        let spans = self.started_at.until(now).as_secs_f64() / span.as_secs_f64();
        let count = match spans {
            ..1.0 => self.current + self.previous * (1.0 - spans),
            1.0..2.0 => self.current * (2.0 - spans),
            _ => 0.0,
        };
        count / span.as_secs_f64()
    }
}

impl Lane {
    /// Adapts the pace to a response. Must be called before [`Lane::request_ended`].
    pub fn learn(&mut self, load_signal: LoadSignal, now: Timestamp) {
        self.pacing.learn(load_signal, now);
    }

    /// How long a delivery that is accepted now will wait for its attempt. `None` where
    /// back-pressure would not help: the hook sends nothing, its receiver is slow, or a rate limit
    /// holds it back.
    pub fn lag(&self, now: Timestamp) -> Option<Duration> {
        let per_second = self.pacing.accepted.per_second(COUNT_SPAN, now);
        let is_fast = self.is_open() && self.rate(false).is_none() && per_second >= MIN_LAG_RATE;
        is_fast.then(|| Duration::from_secs_f64(self.queued() as f64 / per_second))
    }

    /// Notes that a load begins. If every response is recorded by now, the wait that it reads from
    /// the hook's health is complete.
    pub(super) fn begin_wait_read(&mut self) {
        if self.in_flight == self.sending {
            self.pacing.unrecorded_until = None;
        }
    }

    /// Applies the wait from a loaded health. A wait that is no longer in it has ended, unless its
    /// response is not recorded yet. `was_stale`: the load was started because the hook changed.
    pub(super) fn apply_loaded_wait(&mut self, health: &Health, was_stale: bool, now: Timestamp) {
        let pacing = &mut self.pacing;
        pacing.until = pacing.unrecorded_until.max(bounded(health.waits_until, now));
        pacing.needs_reread |= was_stale && pacing.unrecorded_until.is_some();
    }

    /// Applies the wait from the health of a recorded attempt. It can extend a wait but not end it,
    /// because outcomes can arrive out of order.
    pub(super) fn extend_wait(&mut self, health: &Health, now: Timestamp) {
        self.pacing.until = self.pacing.until.max(bounded(health.waits_until, now));
    }

    /// Reloads the hook if that was postponed until every response is recorded, and now they are.
    pub(super) fn reread_if_needed(&mut self, now: Timestamp) {
        if self.pacing.needs_reread && !self.loading && self.in_flight == self.sending {
            self.pacing.needs_reread = false;
            self.mark_stale(now);
        }
    }

    /// Forgets what was learned, because the hook's URL changed.
    pub(super) fn reset_pacing(&mut self) {
        self.pacing = Pacing::default();
        self.bucket.free_at = None;
    }

    pub(super) fn pacing_clock_set_back(&mut self, now: Timestamp) {
        self.pacing.clock_set_back(now);
    }

    /// The rate limit in attempts per second: the lower of the hook's own and the learned one. A
    /// person waits for the result of a test, so only the hook's own limit applies to it.
    pub(super) fn rate(&self, is_test: bool) -> Option<f64> {
        let own = self.own_rate();
        let learned = self.pacing.rate().filter(|_| !is_test);
        [own, learned].into_iter().flatten().reduce(f64::min)
    }

    pub(super) fn own_rate(&self) -> Option<f64> {
        self.target.as_ref()?.hook.tuning.rate_per_second.map(f64::from)
    }
}

#[cfg(test)]
mod tests;
