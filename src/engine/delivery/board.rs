//! Fair scheduling over the lanes, as a pure state machine: [`News`] in, [`Order`]s out, with the
//! time of each as a parameter. The board gives the global permits to the lanes round-robin, one
//! delivery each, and knows when the next timer is due. The [`scheduler`](super::scheduler) is the
//! task that drives it; the tests drive it with a simulation.

mod budget;
mod messages;
mod owned;
mod unproven;

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use budget::Budget;
pub use messages::{News, Order, OwnedLane};
use unproven::Unproven;

use super::lane::{Lane, Limits, Speed};
use crate::{
    domain::{id::HookId, retry::Bearing, time::Timestamp},
    engine::store::{Error, error::chain, lines::Ask, open::Open},
};

/// The wait after a failed step. A clock that goes back by no more than this counts as correct.
const AGAIN_MS: i64 = 1000;
/// Deliveries queued in a lane from which on its lag is worth a look.
const CROWDED: usize = 32;

/// See the module.
pub struct Board {
    lanes: HashMap<HookId, Lane>,
    /// Lanes that could send, in the order of their turns; each at most once.
    turns: VecDeque<HookId>,
    has_turn: HashSet<HookId>,
    /// When lanes have to be looked at; at most one entry a lane.
    timers: BTreeSet<(Timestamp, HookId)>,
    timer_of: HashMap<HookId, Timestamp>,
    in_flight: usize,
    permits: usize,
    limits: Limits,
    /// The fences of this node's lanes; `None`: all hooks are its own.
    owned: Option<HashMap<HookId, i64>>,
    parted: HashSet<HookId>,
    budget: Budget,
    /// Lanes with so much queued that producers may have to be slowed down: see [`Board::lags`].
    crowded: HashSet<HookId>,
    unproven: Unproven,
    is_stopping: bool,
    orders: Vec<Order>,
    /// The time of the last [`Board::advance`]: a later call with an earlier time shows that the
    /// clock was set back.
    last_now: Timestamp,
}

impl Board {
    /// `is_shared`: other nodes may deliver too, so nothing is this one's before it is told so.
    /// `memory` is what all lanes may take together, in bytes.
    pub fn new(permits: usize, limits: Limits, memory: usize, is_shared: bool) -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            has_turn: HashSet::new(),
            timers: BTreeSet::new(),
            timer_of: HashMap::new(),
            in_flight: 0,
            permits,
            limits: Limits { is_shared, ..limits },
            owned: is_shared.then(HashMap::new),
            parted: HashSet::new(),
            budget: Budget::new(memory),
            crowded: HashSet::new(),
            unproven: Unproven::new(permits),
            is_stopping: false,
            orders: Vec::new(),
            last_now: Timestamp(i64::MIN),
        }
    }

    /// Notes what happened. Nothing is sent before [`Board::advance`].
    pub fn hear(&mut self, news: News, now: Timestamp) {
        match news {
            News::Offer(deliveries) => self.offer(deliveries, now),
            News::Held(hooks) => self.each(hooks, now, |lane| lane.held(now)),
            News::More(hooks) => self.each(hooks, now, |lane| lane.more(now)),
            News::Changed(hooks) => self.changed(hooks, now),
            News::Heard { hooks, is_change } => {
                let own = hooks.into_iter().filter(|hook| self.is_own(*hook)).collect();
                self.each(
                    own,
                    now,
                    |lane| if is_change { lane.changed(now) } else { lane.more(now) },
                );
            }
            News::Overdue(hooks) => {
                let own = hooks.into_iter().filter(|hook| self.is_own(*hook)).collect();
                self.each(own, now, |lane| lane.start_over(now));
            }
            News::HintsMissed => {
                // In their order, so that what follows can be repeated.
                let all: BTreeSet<HookId> = self.lanes.keys().copied().collect();
                self.each(all.into_iter().collect(), now, |lane| lane.more(now));
            }
            News::Loaded(held, Ok(page)) => {
                self.load_over(held);
                self.with_known_lane(held, now, |lane| lane.loaded(*page, now));
            }
            News::Loaded(held, Err(error)) => self.load_failed(held, &error, now),
            News::Stepped(held, Ok(is_more)) => {
                let limits = self.limits;
                self.with_known_lane(held, now, |lane| lane.stepped(is_more, &limits, now));
            }
            News::Stepped(held, Err(error)) => self.step_failed(held, &error, now),
            News::Sent { held, delivery, bearing, is_delivered, took } => {
                self.with_known_lane(held, now, |lane| {
                    lane.heard(bearing, now);
                    lane.sent();
                    if bearing != Bearing::Unsent {
                        lane.took(took);
                    }
                    if is_delivered {
                        lane.delivered(delivery);
                    }
                })
            }
            News::Finished { held, delivery, was_sent, due_at, health } => {
                self.in_flight -= 1;
                self.with_known_lane(held, now, |lane| {
                    lane.finished(delivery, due_at, health, now);
                    if !was_sent {
                        lane.unsent(due_at.unwrap_or(now));
                    }
                });
            }
            News::Lanes(owned) => self.own(owned, now),
            News::Part(hooks) => self.part(hooks, now),
            News::Stop => self.is_stopping = true,
        }
    }

    fn changed(&mut self, hooks: Vec<HookId>, now: Timestamp) {
        let (own, others): (Vec<_>, Vec<_>) =
            hooks.into_iter().partition(|hook| self.is_own(*hook));
        self.each(own, now, |lane| lane.changed(now));
        let tell = |hook| Order::Tell { hook, is_change: true };
        self.orders.extend(others.into_iter().map(tell));
    }

    fn step_failed(&mut self, held: OwnedLane, error: &Error, now: Timestamp) {
        let error = chain(error);
        tracing::error!(hook.id = %held.hook, error, "open deliveries could not be moved");
        self.with_known_lane(held, now, |lane| lane.step_failed(Timestamp(now.0 + AGAIN_MS)));
    }

    fn offer(&mut self, deliveries: Vec<Open>, now: Timestamp) {
        for open in deliveries {
            let hook = open.hook;
            let has_memory = self.budget.has_room(hook, open.event, open.body.len());
            let limits = Limits { has_memory, ..self.limits };
            self.with_lane(hook, now, |lane| lane.offer(open, &limits, now));
        }
    }

    fn load_failed(&mut self, held: OwnedLane, error: &Error, now: Timestamp) {
        self.load_over(held);
        self.with_known_lane(held, now, |lane| {
            let at = lane.load_again_at(error.is_lasting(), now);
            let (wait, error) = (now.until(at), chain(error));
            tracing::error!(hook.id = %held.hook, error, ?wait, "deliveries wait: the hook can't \
                be read");
            lane.load_failed(at);
        });
    }

    /// Runs the timers that are due and hands out what may be sent.
    pub fn advance(&mut self, now: Timestamp) {
        // Nodes that share a database use its clock, so a start needs no rewind there.
        let is_set_back = now.0.saturating_add(AGAIN_MS) < self.last_now.0;
        if is_set_back || (self.last_now.0 == i64::MIN && self.owned.is_none()) {
            self.orders.push(Order::Rewind);
        }
        // Short waits of a lane (a failed load's, a rate limit's) would last as long as the clock
        // was set back.
        if is_set_back {
            // In their order, so that what follows can be repeated.
            for hook in self.lanes.keys().copied().collect::<BTreeSet<_>>() {
                self.with_known_lane(self.held(hook), now, |lane| lane.clock_set_back(now));
            }
        }
        self.last_now = now;
        while let Some((at, hook)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, hook));
            self.timer_of.remove(&hook);
            self.touch(hook, now);
        }
        for hook in self.budget.admissible() {
            self.touch(hook, now);
        }
        self.hand_out(now);
    }

    /// What is to be done because of all that.
    pub fn orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// When [`Board::advance`] has to be called next; `None`: only when something happens.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// For each crowded lane whose receiver keeps answering: how long a delivery that is accepted
    /// now will wait for its attempt.
    pub fn lags(&self, now: Timestamp) -> HashMap<HookId, Duration> {
        let lag = |hook: &HookId| Some((*hook, self.lanes.get(hook)?.lag(now)?));
        self.crowded.iter().filter_map(lag).collect()
    }

    /// Bytes that all lanes take together.
    pub fn memory(&self) -> usize {
        self.budget.used()
    }

    /// Told to stop, and nothing is in flight.
    pub fn is_stopped(&self) -> bool {
        self.is_stopping && self.in_flight == 0
    }

    /// Those of `hooks` that have nothing in flight.
    pub fn idle_of(&self, hooks: &HashSet<HookId>) -> HashSet<HookId> {
        let is_idle =
            |hook: &&HookId| self.lanes.get(hook).is_none_or(|lane| lane.in_flight() == 0);
        hooks.iter().filter(is_idle).copied().collect()
    }

    fn each(&mut self, hooks: Vec<HookId>, now: Timestamp, tell: impl Fn(&mut Lane)) {
        for hook in hooks {
            self.with_lane(hook, now, &tell);
        }
    }

    /// The lane of one of this node's hooks; for those of others their node is told.
    fn with_lane(&mut self, hook: HookId, now: Timestamp, tell: impl FnOnce(&mut Lane)) {
        if !self.is_own(hook) {
            self.orders.push(Order::Tell { hook, is_change: false });
            return;
        }
        tell(self.lanes.entry(hook).or_insert_with(|| Lane::new(now)));
        self.touch(hook, now);
    }

    /// Calls `tell` with the result of an order, unless the lane's ownership has changed since.
    fn with_known_lane(&mut self, held: OwnedLane, now: Timestamp, tell: impl FnOnce(&mut Lane)) {
        if self.held(held.hook) != held {
            return;
        }
        if let Some(lane) = self.lanes.get_mut(&held.hook) {
            tell(lane);
            self.touch(held.hook, now);
        }
    }

    /// Brings the orders, turns and timers up to date with a lane that something happened to.
    fn touch(&mut self, hook: HookId, now: Timestamp) {
        let held = self.held(hook);
        self.budget.lanes = self.lanes.len();
        let Some(lane) = self.lanes.get_mut(&hook) else { return };
        self.budget.note(hook, lane.changes());
        if lane.queued() >= CROWDED {
            self.crowded.insert(hook)
        } else {
            self.crowded.remove(&hook)
        };
        if !self.is_stopping {
            let wanted = lane.wants_load(&self.limits, now);
            // Nothing is sent before a changed hook is read, and a probe is one delivery: neither
            // waits for room.
            let is_urgent = wanted.is_some_and(|wanted| lane.is_stale() || wanted.probe);
            if let Some(wanted) = wanted
                && let Some(room) = self.budget.reserve(hook, self.limits.window, is_urgent)
            {
                lane.begin_load(wanted);
                let ask =
                    if wanted.lines { lane.ask(&self.limits, room, now) } else { Ask::default() };
                self.orders.push(Order::Load { held, wanted, known: lane.known(), room, ask });
            }
            if lane.wants_step(now) {
                lane.begin_step();
                self.orders.push(Order::Step(held));
            }
        }
        let speed = lane.speed();
        self.unproven.note(hook, speed, lane.in_flight());
        // A person waits for a test: it does not wait for receivers that hang.
        if (speed == Speed::Quick || lane.has_test()) && self.unproven.take_back(hook) {
            self.turns.push_back(hook);
        }
        if lane.is_ready(&self.limits, now) && self.has_turn.insert(hook) {
            self.turns.push_back(hook);
        }
        let wake_at = lane.wake_at(now);
        if lane.is_over() {
            self.drop_lane(hook);
        }
        self.set_timer(hook, wake_at);
    }

    fn set_timer(&mut self, hook: HookId, wake_at: Option<Timestamp>) {
        let before = match wake_at {
            Some(at) => self.timer_of.insert(hook, at),
            None => self.timer_of.remove(&hook),
        };
        if let Some(before) = before {
            self.timers.remove(&(before, hook));
        }
        if let Some(at) = wake_at {
            self.timers.insert((at, hook));
        }
    }

    /// Gives each lane in turn one delivery, while there are permits. A lane may have at most as
    /// many attempts in flight as permits are free: so lanes whose receivers hang settle at equal
    /// shares, and leave at least such a share free for any other lane. Above its fair share of one
    /// half of all permits, a lane may have one more attempt in flight than ever ended: otherwise,
    /// when many receivers hang from the start, the first few lanes would take all permits before
    /// the others appear. [`Unproven`] keeps some permits for lanes whose receivers are known to
    /// be quick.
    fn hand_out(&mut self, now: Timestamp) {
        let mut skipped = 0;
        // In front: a lane whose attempt just ended may have its next turn behind them already.
        self.unproven.released().into_iter().rev().for_each(|hook| self.turns.push_front(hook));
        let fair_share = (self.permits / 2 / self.lanes.len().max(1)).saturating_sub(1);
        while !self.is_stopping && self.in_flight < self.permits && skipped < self.turns.len() {
            let Some(hook) = self.turns.pop_front() else { return };
            let free = self.permits - self.in_flight;
            let fence = self.held(hook).fence;
            let Some(lane) = self.lanes.get_mut(&hook).filter(|_| !self.parted.contains(&hook))
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
            if self.unproven.is_full(speed) && !lane.has_test() {
                self.unproven.hold_back(hook, speed);
                continue;
            }
            self.has_turn.remove(&hook);
            // `News::Sent` gives the lane its next turn.
            if lane.in_flight() > lane.attempts_ended.max(fair_share) {
                continue;
            }
            if let Some(given) = lane.next(&self.limits, now) {
                self.in_flight += 1;
                skipped = 0;
                self.orders.push(Order::Attempt { given, fence });
            }
            self.touch(hook, now);
        }
    }
}

#[cfg(test)]
mod tests;
