//! What became of one event at one hook: the state of the delivery, and its attempts.

use std::{sync::Arc, time::Duration};

use super::{
    answers::{self, Fault, REJECTIONS},
    cast::Condition,
    life::Life,
    rng::Rng,
};
use crate::{
    domain::{
        acceptance::PAUSED,
        delivery::{Answer, Attempt, Delivery, State},
        id::DeliveryId,
        retry::RetryPolicy,
        time::Timestamp,
    },
    engine::{
        pressure::Overflow,
        store::past::{PastDelivery, PastEvent},
    },
};

/// Nothing is due sooner, so that a server that is started on the demo changes nothing at first.
const SOONEST: Duration = Duration::from_secs(45 * 60);
const A_DAY: Duration = Duration::from_secs(26 * 3600);
/// Faults that pass.
const TRANSIENT: &[Fault] = &[
    Fault::Server(502),
    Fault::Server(503),
    Fault::Server(500),
    Fault::Timeout,
    Fault::Connect,
    Fault::Dns,
    Fault::Own,
];
const OFF: &str = "the hook is off";

/// The delivery of an event to a hook; `None` if it would be due too soon.
pub fn deliver(
    rng: &mut Rng,
    life: &mut Life,
    event: &PastEvent,
    now: Timestamp,
) -> Option<PastDelivery> {
    let at = event.created_at;
    let mut past = blank(rng, life, event, now);
    if at >= life.off {
        // The first event after which nothing more is sent is the one that was answered 410.
        if life.part.condition == Condition::Gone && life.hook.updated_at == life.off {
            try_until(rng, life, &mut past, 1, Some(Fault::Gone));
            past.settle(State::Failed, None);
            life.hook.updated_at = past.delivery.updated_at;
        } else {
            past.settle(State::Skipped, Some("the hook was off"));
        }
    } else if at >= life.full {
        past.settle(State::Skipped, Some(Overflow::Age.reason()));
    } else if at >= life.failing || at >= life.paused {
        return while_failing(rng, life, past, now);
    } else if life.off < now && at.after(open_for(life)) > life.off {
        let (state, reason) = match life.part.condition {
            Condition::Deleted => (State::Cancelled, "the hook was deleted"),
            _ => (State::Held, OFF),
        };
        past.settle(state, Some(reason));
    } else {
        while_working(rng, life, &mut past, now);
    }
    Some(past)
}

/// What arrived in this time before a hook was turned off or deleted was still open then.
fn open_for(life: &Life) -> Duration {
    let hours = if life.part.condition == Condition::Deleted { 96 } else { 3 };
    Duration::from_secs(hours * 3600)
}

/// A person's test: one attempt, and no retry.
pub fn test(rng: &mut Rng, life: &mut Life, event: &PastEvent, now: Timestamp) -> PastDelivery {
    let mut past = blank(rng, life, event, now);
    let fails = event.created_at >= life.failing || rng.percent(20);
    let fault = if life.failing < now { life.fault } else { rng.pick(TRANSIENT) };
    try_until(rng, life, &mut past, 1, fails.then_some(fault));
    past.settle(if fails { State::Failed } else { State::Delivered }, None);
    past
}

fn blank(rng: &mut Rng, life: &Life, event: &PastEvent, now: Timestamp) -> PastDelivery {
    let delivery = Delivery {
        id: DeliveryId(rng.id(event.created_at)),
        event_id: event.id,
        hook_id: life.hook.id,
        event_type: event.event_type,
        state: State::Pending,
        reason: None,
        is_test: event.is_test,
        attempts: 0,
        last_answer: None,
        last_duration_ms: None,
        due_at: Some(event.created_at),
        created_at: event.created_at,
        updated_at: event.created_at,
    };
    debug_assert!(event.created_at <= now);
    PastDelivery { delivery, order_key: None, size: 0, tries_before: 0, attempts: Vec::new() }
}

/// The receiver fails, or the hook is paused because of that.
fn while_failing(
    rng: &mut Rng,
    life: &mut Life,
    mut past: PastDelivery,
    now: Timestamp,
) -> Option<PastDelivery> {
    if life.fault == Fault::Wait {
        // The first attempts were answered with `Retry-After`; the others wait for their first.
        if life.attempts.last().is_none_or(|(at, _)| *at < life.failing) && rng.percent(60) {
            try_until(rng, life, &mut past, 1, Some(Fault::Wait));
            past.tries_before = 1;
            past.delivery.state = State::Waiting;
            past.delivery.due_at = Some(now.after(Duration::from_secs(5 * 3600)));
        }
        return Some(past);
    }
    let until = life.paused.min(life.off).min(now);
    let due = fail(rng, life, &mut past, life.fault, until);
    let Some(due) = due else {
        past.settle(State::Failed, None);
        return Some(past);
    };
    if life.paused.min(life.off) < now {
        let is_off = life.off < now;
        past.settle(State::Held, Some(if is_off { OFF } else { PAUSED }));
        let held_at = if is_off { life.off } else { life.paused };
        past.delivery.updated_at = past.delivery.updated_at.max(held_at);
    } else {
        past.delivery.state = State::Waiting;
        past.delivery.due_at = Some(due);
        if due < now.after(SOONEST) {
            return None;
        }
    }
    Some(past)
}

/// The receiver works: nearly every delivery arrives, some after retries, few never.
fn while_working(rng: &mut Rng, life: &mut Life, past: &mut PastDelivery, now: Timestamp) {
    let until = life.works_until(now);
    if rng.between(0, 1000) < 32 {
        let mut rejected = PastDelivery {
            delivery: past.delivery.clone(),
            order_key: None,
            attempts: Vec::new(),
            ..*past
        };
        let fault = rng.pick(REJECTIONS);
        match fail(rng, life, &mut rejected, fault, until) {
            None => {
                rejected.settle(State::Failed, None);
                *past = rejected;
                redeliver_maybe(rng, life, past, until);
                return;
            }
            Some(due) if until == now && due >= now.after(SOONEST) => {
                rejected.delivery.state = State::Waiting;
                rejected.delivery.due_at = Some(due);
                *past = rejected;
                return;
            }
            // It would be due too soon: the event arrived after all.
            Some(_) => {}
        }
    }
    let unlucky = if life.part.condition == Condition::Shaky { 15 } else { 3 };
    let failures = if rng.percent(unlucky) { rng.skewed(1, 5) } else { 0 };
    let fault = rng.pick(TRANSIENT);
    let mut at = past.delivery.created_at.after(millis(rng.between(2, 60)));
    for number in 0.. {
        let retry = wait(rng, life, number);
        let is_last = number >= failures || retry.is_none_or(|retry| at.after(retry) >= until);
        at = once(rng, life, past, at, if is_last { None } else { Some(fault) });
        past.tries_before += u32::from(!is_last && fault == Fault::Own);
        match retry {
            Some(retry) if !is_last => at = at.after(retry),
            _ => break,
        }
    }
    past.settle(State::Delivered, None);
}

/// A person redelivers one of three failed deliveries a day later.
fn redeliver_maybe(rng: &mut Rng, life: &Life, past: &mut PastDelivery, until: Timestamp) {
    let at = past.delivery.updated_at.after(A_DAY);
    if at < until && rng.percent(33) {
        past.tries_before = past.delivery.attempts;
        once(rng, life, past, at, None);
        past.settle(State::Delivered, None);
    }
}

/// Attempts that all fail, up to a time. Returns when the next is due; `None`: there is none.
fn fail(
    rng: &mut Rng,
    life: &Life,
    past: &mut PastDelivery,
    fault: Fault,
    until: Timestamp,
) -> Option<Timestamp> {
    let mut at = past.delivery.created_at.after(millis(rng.between(2, 60)));
    for number in 0.. {
        if at >= until {
            return Some(at);
        }
        at = once(rng, life, past, at, Some(fault));
        at = at.after(wait(rng, life, number)?);
    }
    None
}

/// This many attempts right after each other.
fn try_until(
    rng: &mut Rng,
    life: &Life,
    past: &mut PastDelivery,
    attempts: i64,
    fault: Option<Fault>,
) {
    let mut at = past.delivery.created_at.after(millis(rng.between(2, 60)));
    for _ in 0..attempts {
        at = once(rng, life, past, at, fault);
    }
}

/// One attempt. Returns when it ended.
pub fn once(
    rng: &mut Rng,
    life: &Life,
    past: &mut PastDelivery,
    at: Timestamp,
    fault: Option<Fault>,
) -> Timestamp {
    let delivery = &mut past.delivery;
    delivery.attempts += 1;
    let attempt: Attempt =
        answers::attempt(rng, &life.hook.callback_url, delivery.attempts, at, fault);
    let end = at.after(millis(attempt.duration_ms));
    let answer: Answer = attempt.answer;
    delivery.last_answer = Some(answer);
    delivery.last_duration_ms = Some(attempt.duration_ms);
    delivery.updated_at = end;
    past.attempts.push(Arc::new(attempt));
    end
}

/// The wait after a failed attempt, counted from 0; `None`: no retries are left.
fn wait(rng: &mut Rng, life: &Life, number: i64) -> Option<Duration> {
    let server = RetryPolicy::default();
    let schedule = life.hook.tuning.retry_schedule.as_ref().unwrap_or(&server.schedule);
    let wait = *schedule.get(usize::try_from(number).ok()?)?;
    Some(wait + wait.mul_f64(0.001) * u32::try_from(rng.between(0, 100)).unwrap_or(0))
}

fn millis(number: i64) -> Duration {
    Duration::from_millis(number.unsigned_abs())
}

impl PastDelivery {
    fn settle(&mut self, state: State, reason: Option<&str>) {
        self.delivery.state = state;
        self.delivery.reason = reason.map(str::to_owned);
        self.delivery.due_at = None;
    }
}
