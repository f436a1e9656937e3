//! Invariants of the simulated week: checked at every moment, and at its end.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use service_hooks::{
    domain::{
        delivery::State,
        health::{Purpose, Signal},
        id::DeliveryId,
        retry::{LONGEST_WAIT, LoadSignal},
        time::Timestamp,
    },
    engine::{
        delivery::{board::Input, lane::Outgoing},
        store::{lines::ReadRequest, open::Key},
    },
};

use super::{
    receivers::Receiver,
    store::{Outcome, Store, hook_of},
    world::{DAY, Flight, HOOKS, LIMITS, MEMORY, PERMITS, SECOND},
};

/// How long a due row may wait while its hook is idle: a failed load is retried after a second, and
/// released rows follow at 250 per second.
const PATIENCE: i64 = 10 * SECOND;
/// Maximum delay of a first attempt to a healthy receiver, regardless of the other hooks.
const PROMPT: i64 = 20 * SECOND;
/// A hook that was just changed or reloaded is not measured for this long.
const DISTURBED: i64 = 120 * SECOND;

/// State of a hook, tracked independently of the store.
#[derive(Default)]
struct Seen {
    /// The last version of the hook that the board was notified of, and its pause.
    version: u64,
    paused_since: Option<Timestamp>,
    /// Attempts in flight; finished but not yet reported as recorded; ordered and not yet answered.
    sending: usize,
    in_flight: usize,
    awaited: usize,
    probing: usize,
    /// Consecutive loads that returned nothing new without any other change of the hook, and the
    /// number of rows in memory before the last.
    loads_in_a_row: usize,
    known: usize,
    loaded_at: i64,
    /// The lines, and positions among all keys, requested since then.
    asked: HashSet<(bool, Option<Key>, Option<DeliveryId>)>,
    /// Start times of the attempts of the last ten seconds, under the same rate.
    began: VecDeque<i64>,
    rate: Option<u32>,
    began_at: i64,
    disturbed_at: i64,
    /// The board was notified that the receiver asked for no requests until then.
    waits_until: Option<Timestamp>,
    /// Waits that the receiver asked for, which the board knows or is about to know.
    wishes: Vec<Wish>,
    /// Start of an uninterrupted series of failures, and the number of clock changes before it.
    failing: Option<(i64, i64)>,
}

/// The checks, with the state that they track.
#[derive(Default)]
pub struct Checks {
    pub happened: u64,
    pub attempts: u64,
    pub loads: u64,
    pub steps: u64,
    seen: Vec<Seen>,
    /// Attempts in flight, and whether they are ordered.
    sending: HashMap<usize, bool>,
    /// Delivered, and not yet recorded.
    unrecorded: HashSet<usize>,
    accepted_at: HashMap<usize, i64>,
    in_flight: usize,
    latest: Option<Timestamp>,
    advanced_at: Option<Timestamp>,
    /// Number of clock changes.
    jumps: i64,
    /// Number of hooks that were turned off after too many failures.
    pub given_up: u64,
    pub slowest: i64,
}

/// A receiver asked for no requests for some time.
pub struct Wish {
    /// By the wall clock, and in elapsed time.
    until: Timestamp,
    truly_until: i64,
    heard_at: i64,
}

impl Wish {
    pub fn new(wait: Duration, heard_at: i64, real: i64, now: Timestamp) -> Self {
        let truly_until = real.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        Self { until: now.after(wait), truly_until, heard_at }
    }
}

impl Seen {
    /// Does it request something that the current series of loads has not requested yet?
    fn asks_anew(&mut self, ask: &ReadRequest) -> bool {
        let before = self.asked.len();
        self.asked.extend(ask.heads.iter().map(|after| (true, after.clone(), None)));
        self.asked.extend(ask.lines.iter().map(|part| (false, Some(part.key.clone()), part.after)));
        self.asked.len() > before
    }
}

impl Checks {
    pub fn settle_in(&mut self, hooks: usize) {
        self.seen.resize_with(hooks, Seen::default);
    }

    /// Notes when it was accepted, if nothing about it or its hook justifies a later start.
    pub fn accepted(&mut self, row: usize, store: &Store, receiver: Receiver, real: i64) {
        let delivery = &store.rows[row];
        let hook = &store.hooks[delivery.hook];
        let tuning = hook.tuning();
        let is_plain = tuning.order_by.is_none()
            && tuning.rate_per_second.is_none()
            && tuning.in_flight.is_none();
        let is_healthy =
            hook.is_open() && hook.health.is_healthy() && receiver == Receiver::Healthy;
        let is_calm = self.seen[delivery.hook].disturbed_at < real - DISTURBED;
        if is_plain && is_healthy && is_calm && hook.open.len() <= LIMITS.in_flight {
            self.accepted_at.insert(row, real);
        }
    }

    pub fn disturb(&mut self, hook: usize, real: i64) {
        self.seen[hook].disturbed_at = real;
    }

    pub fn clock_set(&mut self, real: i64) {
        self.jumps += 1;
        // A wait noted under a wrong clock is cut to one day, so earlier waits can no longer be
        // checked.
        self.seen.iter_mut().for_each(|seen| seen.wishes.clear());
        for seen in &mut self.seen {
            seen.disturbed_at = real;
            seen.began.clear();
        }
    }

    /// The process has lost its state; the next one loads everything.
    pub fn crashed(&mut self, store: &Store) {
        self.sending.clear();
        self.unrecorded.clear();
        self.in_flight = 0;
        for (seen, hook) in self.seen.iter_mut().zip(&store.hooks) {
            let failing = seen.failing;
            *seen =
                Seen { version: hook.version, disturbed_at: seen.disturbed_at, ..Seen::default() };
            seen.paused_since = hook.health.paused.map(|pause| pause.since);
            seen.failing = failing;
        }
        self.accepted_at.clear();
    }

    pub fn asked(&mut self, hook: usize, wish: Wish) {
        let wishes = &mut self.seen[hook].wishes;
        wishes.retain(|known| known.truly_until > wish.heard_at);
        wishes.push(wish);
    }

    pub fn sent(&mut self, news: &Input) {
        each_hook(news, |hook| self.seen[hook].awaited += 1);
    }

    /// The scheduler receives a message.
    pub fn received(&mut self, news: &Input, store: &Store, now: Timestamp) {
        each_hook(news, |hook| self.seen[hook].awaited -= 1);
        match news {
            Input::Loaded(owned, page) => {
                let seen = &mut self.seen[hook_of(owned.hook)];
                seen.awaited -= 1;
                if page.is_err() {
                    seen.loads_in_a_row = 0;
                }
                return;
            }
            Input::Stepped(owned, _) => self.seen[hook_of(owned.hook)].awaited -= 1,
            Input::Changed(hooks) => {
                for hook in hooks {
                    // The next load reads whether it still applies.
                    let seen = &mut self.seen[hook_of(*hook)];
                    seen.waits_until = None;
                    seen.wishes.clear();
                    seen.version = store.hooks[hook_of(*hook)].version;
                }
            }
            Input::RequestEnded {
                owned,
                load_signal: LoadSignal::Overloaded { retry_after: Some(wait) },
                ..
            } => {
                let seen = &mut self.seen[hook_of(owned.hook)];
                seen.waits_until = seen.waits_until.max(Some(now.after(*wait)));
            }
            Input::Finished { owned, health, .. } => {
                let seen = &mut self.seen[hook_of(owned.hook)];
                seen.in_flight -= 1;
                self.in_flight -= 1;
                if let Some(pause) = health.and_then(|health| health.paused) {
                    seen.paused_since = Some(pause.since);
                }
            }
            _ => {}
        }
        each_hook(news, |hook| self.seen[hook].loads_in_a_row = 0);
    }

    pub fn advanced(&mut self, now: Timestamp, memory: usize) {
        // Beyond the budget each lane may have one delivery, and each load one more than it has
        // room for.
        let most = MEMORY + HOOKS * 2 * 5000;
        assert!(memory <= most, "the lanes use {memory} bytes in total");
        self.advanced_at = Some(now);
        self.latest = self.latest.max(Some(now));
    }

    /// A load is requested; `known` rows are in memory already.
    pub fn load(&mut self, hook: usize, known: usize, ask: &ReadRequest, real: i64) {
        self.loads += 1;
        let seen = &mut self.seen[hook];
        seen.awaited += 1;
        let goes_on = seen.known == known && real - seen.loaded_at < SECOND;
        // Rows in memory become due once more after the clock was set back.
        if !goes_on || seen.disturbed_at + DISTURBED > real {
            seen.loads_in_a_row = 0;
        }
        if seen.loads_in_a_row == 0 {
            seen.asked.clear();
        }
        // Lines are read one after the other, each once, as far as there is room.
        let is_new = seen.asks_anew(ask);
        seen.loads_in_a_row += usize::from(!is_new || seen.loads_in_a_row == 0);
        (seen.known, seen.loaded_at) = (known, real);
        assert!(seen.loads_in_a_row <= 8, "hook {hook} is loaded repeatedly without any change");
    }

    pub fn step(&mut self, hook: usize) {
        self.steps += 1;
        self.seen[hook].awaited += 1;
        self.seen[hook].loads_in_a_row = 0;
    }

    /// An attempt starts.
    pub fn attempt(
        &mut self,
        flight: &Flight,
        given: &Outgoing,
        store: &Store,
        real: i64,
        now: Timestamp,
    ) {
        self.attempts += 1;
        let Flight { row, hook, purpose, .. } = *flight;
        self.check_order(row, given, store);
        let is_ordered = given.target.hook.tuning.order_by.is_some() && !given.open.is_test;
        let before = self.sending.insert(row, is_ordered);
        assert!(before.is_none(), "delivery {row} is sent twice at the same time");
        let latest = self.latest.unwrap_or(now);
        self.check_target(flight, given, store, latest);
        self.check_wait(flight, store, real, (latest, now));
        let seen = &mut self.seen[hook];
        (seen.loads_in_a_row, seen.began_at) = (0, real);
        (seen.sending, seen.in_flight, self.in_flight) =
            (seen.sending + 1, seen.in_flight + 1, self.in_flight + 1);
        if purpose == Purpose::Probe {
            seen.probing += 1;
            assert!(seen.probing == 1, "hook {hook} is probed twice at the same time");
        }
        let limit =
            given.target.hook.tuning.in_flight.map_or(LIMITS.in_flight, |limit| limit as usize);
        assert!(
            seen.sending <= limit,
            "{} in flight to hook {hook}, limited to {limit}",
            seen.sending
        );
        assert!(self.in_flight <= PERMITS, "{} in flight", self.in_flight);
        self.check_rate(hook, given.target.hook.tuning.rate_per_second, real);
        self.check_prompt(row, hook, real);
    }

    fn check_target(&self, flight: &Flight, given: &Outgoing, store: &Store, latest: Timestamp) {
        let Flight { row, hook, purpose, .. } = *flight;
        let (delivery, hook_row, seen) = (&store.rows[row], &store.hooks[hook], &self.seen[hook]);
        let knows = seen.version == hook_row.version;
        assert!(!(knows && hook_row.is_deleted), "hook {hook} is deleted, but {row} is sent");
        let is_off = !hook_row.is_enabled() && purpose != Purpose::Test;
        assert!(!(knows && is_off), "hook {hook} is off, but {row} is sent");
        let is_settled =
            matches!(delivery.state, State::Delivered | State::Failed | State::Skipped);
        assert!(!is_settled, "delivery {row} is {:?}, but is sent again", delivery.state);
        assert!(
            delivery.attempts == given.open.attempts,
            "delivery {row} is sent from a row that is out of date"
        );
        assert!(
            delivery.due_at.is_none_or(|due| due <= latest),
            "delivery {row} is sent before it is due"
        );
        if let Some(pause) = hook_row.health.paused {
            let is_known = seen.paused_since == Some(pause.since);
            assert!(
                !is_known || purpose != Purpose::Delivery,
                "hook {hook} is paused, but {row} is sent"
            );
            let is_early = purpose == Purpose::Probe && pause.probe_at > latest;
            assert!(!is_early, "hook {hook} is probed {} ms early", pause.probe_at.0 - latest.0);
        }
    }

    /// A receiver that asked for a wait gets no request until then.
    fn check_wait(
        &self,
        flight: &Flight,
        store: &Store,
        real: i64,
        (latest, now): (Timestamp, Timestamp),
    ) {
        let stored = store.hooks[flight.hook].health.waits_until;
        // Waits are limited to one day: a later time was noted while the clock was wrong.
        let is_binding = |until: Timestamp| until > latest && until <= now.after(LONGEST_WAIT);
        let heard = self.seen[flight.hook]
            .wishes
            .iter()
            .filter(|wish| wish.heard_at < real && wish.truly_until > real);
        let heard = heard.map(|wish| wish.until).max();
        let waits = heard.is_some_and(is_binding) && stored.is_some_and(is_binding);
        assert!(
            !waits || flight.purpose == Purpose::Test,
            "hook {} asked for no requests until {heard:?}, stored {stored:?}; it is {now:?}, \
             {latest:?} at the latest",
            flight.hook
        );
    }

    /// An attempt is recorded. A hook is turned off only after failures over real elapsed time;
    /// after a clock change half a day may count.
    pub fn answered(&mut self, row: usize, is_delivered: bool) {
        if is_delivered {
            self.unrecorded.insert(row);
        }
    }

    pub fn recorded(
        &mut self,
        hook: usize,
        outcome: &Outcome,
        store: &Store,
        (real, now): (i64, Timestamp),
    ) {
        self.unrecorded.remove(&outcome.row);
        let (seen, jumps) = (&mut self.seen[hook], self.jumps);
        match outcome.signal(now) {
            Signal::Success => seen.failing = None,
            Signal::Failure if outcome.purpose != Purpose::Test => {
                seen.failing.get_or_insert((real, jumps));
            }
            Signal::Failure | Signal::Wait(_) | Signal::LocalFailure => {}
        }
        let hook_row = &store.hooks[hook];
        if hook_row.health.failed_for >= store.breaker.give_up_after {
            self.given_up += 1;
            let (since, jumps_then) = seen.failing.unwrap_or((real, jumps));
            let counted = real - since + (jumps - jumps_then) * DAY / 2;
            assert!(
                counted >= 5 * DAY,
                "hook {hook} was turned off after {} s",
                (real - since) / SECOND
            );
        }
    }

    /// No delivery overtakes an older open one of its key, and a key has at most one attempt in
    /// flight. A redelivery is at its position as soon as the board is notified of it.
    fn check_order(&self, row: usize, given: &Outgoing, store: &Store) {
        if given.target.hook.tuning.order_by.is_none() || given.open.is_test {
            return;
        }
        let (hook, key) = (store.rows[row].hook, store.rows[row].order_key);
        let knows = self.seen[hook].version == store.hooks[hook].version;
        // A delivery that the receiver has already got is not overtaken, although it is not
        // recorded yet.
        let overtakes = |older: &usize| {
            !self.unrecorded.contains(older) && (knows || !store.rows[*older].was_redelivered)
        };
        if let Some(older) = store.older_of_key(row).find(overtakes) {
            panic!(
                "delivery {row} of hook {hook} overtakes {older}, which is {:?}",
                store.rows[older].state
            );
        }
        let is_of_key =
            |other: &usize| store.rows[*other].hook == hook && store.rows[*other].order_key == key;
        let beside =
            self.sending.iter().find(|(other, is_ordered)| **is_ordered && is_of_key(other));
        assert!(
            key.is_none() || beside.is_none(),
            "delivery {row} is sent concurrently with {beside:?} of its key"
        );
    }

    fn check_rate(&mut self, hook: usize, rate: Option<u32>, real: i64) {
        let seen = &mut self.seen[hook];
        if seen.rate != rate {
            (seen.rate, seen.began) = (rate, VecDeque::new());
        }
        let Some(rate) = rate else { return };
        seen.began.push_back(real);
        while seen.began.front().is_some_and(|began| *began <= real - 10 * SECOND) {
            seen.began.pop_front();
        }
        let most = rate * 10 + rate.div_ceil(10) + 1;
        assert!(
            seen.began.len() <= most as usize,
            "{} in ten seconds to hook {hook}: {rate}",
            seen.began.len()
        );
    }

    fn check_prompt(&mut self, row: usize, hook: usize, real: i64) {
        let Some(accepted_at) = self.accepted_at.remove(&row) else { return };
        if self.seen[hook].disturbed_at < accepted_at {
            self.slowest = self.slowest.max(real - accepted_at);
            assert!(
                real - accepted_at <= PROMPT,
                "the first attempt of {row} to {hook} is {} ms late",
                real - accepted_at
            );
        }
    }

    /// The receiver has answered, or never will.
    pub fn landed(&mut self, flight: &Flight) {
        self.sending.remove(&flight.row);
        let seen = &mut self.seen[flight.hook];
        seen.sending -= 1;
        if flight.purpose == Purpose::Probe {
            seen.probing -= 1;
        }
    }

    /// Does every open delivery have a next time? Does an idle hook sleep although a delivery is
    /// due?
    pub fn look(&self, store: &Store, real: i64, now: Timestamp) {
        for row in store.hooks.iter().flat_map(|hook| &hook.open) {
            let delivery = &store.rows[*row];
            let has_time = delivery.due_at.is_some();
            assert!(
                has_time != (delivery.state == State::Held),
                "{row} is {:?}: {:?}",
                delivery.state,
                delivery.due_at
            );
        }
        let Some(advanced_at) = self.advanced_at.filter(|_| self.in_flight < PERMITS) else {
            return;
        };
        for hook in 0..HOOKS {
            let seen = &self.seen[hook];
            // A hook with a rate limit is idle between two attempts. Deliveries that became due in
            // the past, by a clock change or a change of the hook, can be sent only from now on.
            let stirred_at = seen.began_at.max(seen.disturbed_at);
            if seen.awaited > 0 || seen.in_flight > 0 || stirred_at + PATIENCE > real {
                continue;
            }
            let Some((row, at)) = earliest(store, hook) else { continue };
            let waits_until = store.hooks[hook].health.waits_until.max(seen.waits_until);
            let at =
                waits_until.filter(|_| !store.rows[row].is_test).map_or(at, |until| at.max(until));
            let late = advanced_at.0.min(now.0) - at.0;
            let state = store.rows[row].state;
            assert!(
                late < PATIENCE,
                "hook {hook} sleeps: {row} is {state:?} and was due {late} ms ago"
            );
        }
    }

    /// At the end of the week: is every delivery in its final state?
    pub fn end(&self, store: &Store) {
        for (row, delivery) in store.rows.iter().enumerate() {
            let hook = &store.hooks[delivery.hook];
            let tries = delivery.attempts - delivery.tries_before;
            let is_right = match delivery.state {
                State::Delivered => tries > 0,
                State::Failed => {
                    tries > 0 && (delivery.is_test || delivery.is_gone || delivery.is_exhausted)
                }
                State::Skipped => delivery.attempts == 0,
                State::Cancelled => hook.is_deleted,
                State::Pending | State::Waiting | State::Held => false,
            };
            let state = delivery.state;
            let about = (delivery.hook, hook.is_deleted, delivery.is_test, delivery.due_at);
            assert!(
                is_right,
                "delivery {row} was forgotten: {state:?} after {tries} attempts {about:?}"
            );
        }
    }
}

/// The hooks that a message to the scheduler concerns.
fn each_hook(news: &Input, mut visit: impl FnMut(usize)) {
    match news {
        Input::Offer(offers) => offers.iter().map(|open| hook_of(open.hook)).for_each(visit),
        Input::Held(hooks) | Input::More(hooks) | Input::Changed(hooks) => {
            hooks.iter().copied().map(hook_of).for_each(visit);
        }
        Input::Loaded(owned, _)
        | Input::Stepped(owned, _)
        | Input::RequestEnded { owned, .. }
        | Input::Finished { owned, .. } => {
            visit(hook_of(owned.hook));
        }
        Input::FromPeer { .. }
        | Input::Overdue(_)
        | Input::HintsMissed
        | Input::Lanes(_)
        | Input::HandOver(_)
        | Input::Stop => {}
    }
}

/// The most urgent work of a hook, and when it is due.
fn earliest(store: &Store, hook: usize) -> Option<(usize, Timestamp)> {
    let hook_row = &store.hooks[hook];
    let is_ordered = hook_row.tuning().order_by.is_some();
    let due = |row: &usize| {
        let delivery = &store.rows[*row];
        let since = delivery.since.max(hook_row.since);
        let at = match (delivery.state, hook_row.is_deleted, hook_row.health.paused) {
            (_, true, _) => since,
            (State::Held, _, _) if hook_row.is_open() => since,
            (State::Held, _, Some(pause)) if hook_row.is_enabled() => pause.probe_at.max(since),
            (State::Held, _, _) => return None,
            _ if delivery.is_test => delivery.due_at?,
            _ if !hook_row.is_open() => since,
            _ if is_ordered && store.is_behind(*row) => return None,
            _ => delivery.due_at?,
        };
        Some((*row, at))
    };
    hook_row.open.iter().filter_map(due).min_by_key(|(_, at)| *at)
}
