//! Fair scheduling over the lanes, as a pure state machine: [`Input`] in, [`Action`]s out, and the
//! current time is a parameter. The board assigns the global permits to the lanes round-robin, one
//! delivery per turn, and knows when the next timer is due. The [`scheduler`](super::scheduler)
//! task drives it in production, a simulation in the tests.
//!
//! Start reading at [`Board::apply`] and [`Board::advance`]. The parts: `messages` (input and
//! output types), `permits` (round-robin), `bulkhead` (permits of slow lanes), `budget` (memory of
//! all lanes), `owned` (lanes that move between nodes).

mod budget;
mod bulkhead;
mod messages;
mod owned;
mod permits;

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use budget::Budget;
use bulkhead::Bulkhead;
pub use messages::{Action, Input, OwnedLane};

use super::lane::{Lane, Limits, Speed};
use crate::{
    domain::{id::HookId, retry::LoadSignal, time::Timestamp},
    engine::store::{Error, error::chain, lines::ReadRequest, open::Open},
};

/// The wait after a failed step.
const STEP_RETRY_MS: i64 = 1000;
/// A clock that goes back by no more than this does not count as set back.
const CLOCK_TOLERANCE_MS: i64 = 1000;
/// A lane with at least this many queued deliveries is considered for back-pressure.
const CROWDED: usize = 32;

/// The state of the scheduler: all lanes of this node, and their permits.
pub struct Board {
    lanes: HashMap<HookId, Lane>,
    /// The round-robin queue of lanes that can send. Each lane is in it at most once.
    turns: VecDeque<HookId>,
    /// Lanes that are in `turns` or held back by the bulkhead.
    has_turn: HashSet<HookId>,
    /// When lanes have to be refreshed. At most one entry per lane; `timer_of` is the inverse.
    timers: BTreeSet<(Timestamp, HookId)>,
    timer_of: HashMap<HookId, Timestamp>,
    in_flight: usize,
    permits: usize,
    limits: Limits,
    /// The fencing tokens of this node's lanes; `None`: there are no other nodes, so all lanes are
    /// its own.
    fences: Option<HashMap<HookId, i64>>,
    /// Lanes that another node is about to take over: they send nothing more.
    handing_over: HashSet<HookId>,
    budget: Budget,
    /// Lanes with at least [`CROWDED`] queued deliveries: see [`Board::lags`].
    crowded: HashSet<HookId>,
    bulkhead: Bulkhead,
    is_stopping: bool,
    actions: Vec<Action>,
    /// The time of the last [`Board::advance`]. If the next call has an earlier time, the clock was
    /// set back.
    last_now: Timestamp,
}

impl Board {
    /// `is_shared`: there may be other nodes, so the board owns no lane before [`Input::Lanes`].
    /// `memory`: the budget of all lanes together, in bytes.
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
            fences: is_shared.then(HashMap::new),
            handing_over: HashSet::new(),
            budget: Budget::new(memory),
            crowded: HashSet::new(),
            bulkhead: Bulkhead::new(permits),
            is_stopping: false,
            actions: Vec::new(),
            last_now: Timestamp(i64::MIN),
        }
    }

    /// Applies one input. Attempts start only in [`Board::advance`].
    pub fn apply(&mut self, news: Input, now: Timestamp) {
        match news {
            Input::Offer(deliveries) => self.offer(deliveries, now),
            Input::Held(hooks) => self.for_each_lane(hooks, now, |lane| lane.note_held(now)),
            Input::More(hooks) => self.for_each_lane(hooks, now, |lane| lane.recheck_database(now)),
            Input::Changed(hooks) => self.changed(hooks, now),
            Input::FromPeer { hooks, is_change } => {
                let own = hooks.into_iter().filter(|hook| self.owns(*hook)).collect();
                self.for_each_lane(own, now, |lane| {
                    if is_change { lane.hook_changed(now) } else { lane.recheck_database(now) }
                });
            }
            Input::Overdue(hooks) => {
                let own = hooks.into_iter().filter(|hook| self.owns(*hook)).collect();
                self.for_each_lane(own, now, |lane| lane.start_over(now));
            }
            Input::HintsMissed => {
                // Sorted, so that a simulation is deterministic.
                let all: BTreeSet<HookId> = self.lanes.keys().copied().collect();
                self.for_each_lane(all.into_iter().collect(), now, |lane| {
                    lane.recheck_database(now)
                });
            }
            Input::Loaded(owned, Ok(page)) => {
                self.release_load(owned);
                self.with_owned_lane(owned, now, |lane| lane.loaded(*page, now));
            }
            Input::Loaded(owned, Err(error)) => self.load_failed(owned, &error, now),
            Input::Stepped(owned, Ok(is_more)) => {
                let limits = self.limits;
                self.with_owned_lane(owned, now, |lane| lane.stepped(is_more, &limits, now));
            }
            Input::Stepped(owned, Err(error)) => self.step_failed(owned, &error, now),
            Input::RequestEnded { owned, delivery, load_signal, is_delivered, duration } => self
                .with_owned_lane(owned, now, |lane| {
                    lane.learn(load_signal, now);
                    lane.request_ended();
                    if load_signal != LoadSignal::NotSent {
                        lane.note_duration(duration);
                    }
                    if is_delivered {
                        lane.delivered(delivery);
                    }
                }),
            Input::Finished { owned, delivery, was_sent, due_at, health } => {
                self.in_flight -= 1;
                self.with_owned_lane(owned, now, |lane| {
                    lane.finished(delivery, due_at, health, now);
                    if !was_sent {
                        lane.not_sent(due_at.unwrap_or(now));
                    }
                });
            }
            Input::Lanes(fences) => self.set_lanes(fences, now),
            Input::HandOver(hooks) => self.set_handovers(hooks, now),
            Input::Stop => self.is_stopping = true,
        }
    }

    fn changed(&mut self, hooks: Vec<HookId>, now: Timestamp) {
        let (own, others): (Vec<_>, Vec<_>) = hooks.into_iter().partition(|hook| self.owns(*hook));
        self.for_each_lane(own, now, |lane| lane.hook_changed(now));
        let hint = |hook| Action::HintPeers { hook, is_change: true };
        self.actions.extend(others.into_iter().map(hint));
    }

    fn step_failed(&mut self, owned: OwnedLane, error: &Error, now: Timestamp) {
        let error = chain(error);
        tracing::error!(hook.id = %owned.hook, error, "failed to update open deliveries");
        self.with_owned_lane(owned, now, |lane| lane.step_failed(Timestamp(now.0 + STEP_RETRY_MS)));
    }

    fn offer(&mut self, deliveries: Vec<Open>, now: Timestamp) {
        for open in deliveries {
            let hook = open.hook;
            let has_memory = self.budget.has_room(hook, open.event, open.body.len());
            let limits = Limits { has_memory, ..self.limits };
            self.with_lane(hook, now, |lane| lane.offer(open, &limits, now));
        }
    }

    fn load_failed(&mut self, owned: OwnedLane, error: &Error, now: Timestamp) {
        self.release_load(owned);
        self.with_owned_lane(owned, now, |lane| {
            let at = lane.count_load_failure(error.is_permanent(), now);
            let (wait, error) = (now.until(at), chain(error));
            tracing::error!(hook.id = %owned.hook, error, ?wait, "deliveries wait, because the \
                                                                  hook can't be read");
            lane.load_failed(at);
        });
    }

    /// Runs the timers that are due and starts as many attempts as the permits allow.
    pub fn advance(&mut self, now: Timestamp) {
        // A single server rewinds at its start too: the clock may have been set back while it was
        // down. Nodes that share a database use the database's clock, so they need not.
        let is_set_back = now.0.saturating_add(CLOCK_TOLERANCE_MS) < self.last_now.0;
        if is_set_back || (self.last_now.0 == i64::MIN && self.fences.is_none()) {
            self.actions.push(Action::Rewind);
        }
        // In-memory waits (after a failed load, for a rate limit) would be prolonged by as much as
        // the clock was set back.
        if is_set_back {
            // Sorted, so that a simulation is deterministic.
            for hook in self.lanes.keys().copied().collect::<BTreeSet<_>>() {
                self.with_owned_lane(self.owned_lane(hook), now, |lane| lane.clock_set_back(now));
            }
        }
        self.last_now = now;
        while let Some((at, hook)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, hook));
            self.timer_of.remove(&hook);
            self.refresh(hook, now);
        }
        for hook in self.budget.admissible() {
            self.refresh(hook, now);
        }
        self.assign_permits(now);
    }

    /// The actions since the last call. The caller must carry out each of them.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// When [`Board::advance`] has to be called next; `None`: not before the next input.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// For each crowded lane that this machine slows down: how long a delivery that is accepted now
    /// will wait for its attempt (see [`Lane::lag`]).
    pub fn lags(&self, now: Timestamp) -> HashMap<HookId, Duration> {
        let lag = |hook: &HookId| Some((*hook, self.lanes.get(hook)?.lag(now)?));
        self.crowded.iter().filter_map(lag).collect()
    }

    /// The memory of all lanes together, in bytes.
    pub fn memory(&self) -> usize {
        self.budget.used()
    }

    /// After [`Input::Stop`], once no attempt is in flight.
    pub fn is_stopped(&self) -> bool {
        self.is_stopping && self.in_flight == 0
    }

    /// The hooks among these whose lanes have no attempt in flight.
    pub fn idle_among(&self, hooks: &HashSet<HookId>) -> HashSet<HookId> {
        let is_idle =
            |hook: &&HookId| self.lanes.get(hook).is_none_or(|lane| lane.in_flight() == 0);
        hooks.iter().filter(is_idle).copied().collect()
    }

    fn for_each_lane(&mut self, hooks: Vec<HookId>, now: Timestamp, update: impl Fn(&mut Lane)) {
        for hook in hooks {
            self.with_lane(hook, now, &update);
        }
    }

    /// Updates a lane of this node, and creates it if needed. A hook of another node is hinted to
    /// that node instead.
    fn with_lane(&mut self, hook: HookId, now: Timestamp, update: impl FnOnce(&mut Lane)) {
        if !self.owns(hook) {
            self.actions.push(Action::HintPeers { hook, is_change: false });
            return;
        }
        update(self.lanes.entry(hook).or_insert_with(|| Lane::new(now)));
        self.refresh(hook, now);
    }

    /// Updates a lane with the result of an action, unless its ownership has changed since.
    fn with_owned_lane(
        &mut self,
        owned: OwnedLane,
        now: Timestamp,
        update: impl FnOnce(&mut Lane),
    ) {
        if self.owned_lane(owned.hook) != owned {
            return;
        }
        if let Some(lane) = self.lanes.get_mut(&owned.hook) {
            update(lane);
            self.refresh(owned.hook, now);
        }
    }

    /// After a lane changed: starts the load or step that it wants, and updates its memory, turn
    /// and timer. Must follow every change of a lane.
    fn refresh(&mut self, hook: HookId, now: Timestamp) {
        let owned = self.owned_lane(hook);
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
            // Urgent loads do not wait for memory: a changed hook sends nothing until it is read,
            // and a probe is a single delivery.
            let is_urgent = wanted.is_some_and(|wanted| lane.is_stale() || wanted.probe);
            if let Some(wanted) = wanted
                && let Some(room) = self.budget.reserve(hook, self.limits.window, is_urgent)
            {
                lane.begin_load(wanted);
                let ask = if wanted.lines {
                    lane.ask_lines(&self.limits, room, now)
                } else {
                    ReadRequest::default()
                };
                self.actions.push(Action::Load { owned, wanted, known: lane.known(), room, ask });
            }
            if lane.wants_step(now) {
                lane.begin_step();
                self.actions.push(Action::Step(owned));
            }
        }
        let speed = lane.speed();
        self.bulkhead.note(hook, speed, lane.in_flight());
        // A person waits for the result of a test, so a test passes the bulkhead.
        if (speed == Speed::Quick || lane.has_test()) && self.bulkhead.restore(hook) {
            self.turns.push_back(hook);
        }
        if lane.is_ready(&self.limits, now) && self.has_turn.insert(hook) {
            self.turns.push_back(hook);
        }
        let wake_at = lane.wake_at(now);
        if lane.can_be_removed() {
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
}

#[cfg(test)]
mod tests;
