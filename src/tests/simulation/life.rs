//! Events of the simulated week: emits, changes, tests, crashes, clock changes.

use std::time::Duration;

use service_hooks::{
    domain::{delivery::State, hook::Tuning, id::HookId},
    engine::delivery::board::Input,
};

use super::{
    receivers::Receiver,
    rng::Rng,
    store::{hook_id, hook_of},
    world::{DAY, HOOKS, Happening, SECOND, World},
};

/// Duration of the simulation.
const WEEK: i64 = 7 * DAY;
/// Average time between two events.
const EMIT_EVERY: i64 = 8 * 60 * SECOND;
const ADMIN_EVERY: i64 = 30 * 60 * SECOND;

fn tuning(rng: &mut Rng) -> Tuning {
    let mut tuning = Tuning::default();
    if rng.once_in(5) {
        tuning.order_by = Some("id".into());
    }
    if rng.once_in(5) {
        tuning.rate_per_second = Some(rng.between(1, 50) as u32);
    }
    if rng.once_in(5) {
        tuning.in_flight = Some(rng.between(1, 20) as u32);
    }
    if rng.once_in(5) {
        let waits = rng.below(6);
        tuning.retry_schedule =
            Some((0..waits).map(|_| Duration::from_secs(rng.between(1, 300) as u64)).collect());
    }
    tuning
}

impl World {
    /// Creates the hooks and schedules the first of each recurring event.
    pub fn settle_in(&mut self) {
        for _ in 0..HOOKS {
            let tuning = tuning(&mut self.rng);
            self.store.insert_hook(tuning);
            let receiver = Receiver::random(&mut self.rng, 0);
            self.receivers.push(receiver);
        }
        self.checks.settle_in(HOOKS);
        self.later(0, Happening::Emit);
        self.later(0, Happening::Admin);
        self.later(0, Happening::Weather);
        self.later(0, Happening::Look);
        self.later(WEEK, Happening::Calm);
    }

    /// Emits single events and occasional bursts.
    pub fn emit(&mut self) {
        if self.is_calm {
            return;
        }
        let is_flood = self.rng.once_in(80);
        let count = if is_flood { self.rng.between(50, 700) } else { self.rng.between(1, 4) };
        // Half of all events go to a tenth of the hooks.
        let busy = if self.rng.once_in(2) { HOOKS } else { HOOKS / 10 };
        let hook = self.rng.below(busy);
        let (mut offers, mut is_held) = (Vec::new(), false);
        for _ in 0..count {
            if self.store.hooks[hook].is_deleted {
                break;
            }
            let key = (!self.rng.once_in(10)).then(|| self.rng.between(0, 6).unsigned_abs());
            let size = if self.rng.once_in(20) { 4096 } else { self.rng.between(10, 300) as usize };
            let now = self.now();
            let row = self.store.accept(hook, key, size, false, now);
            self.checks.accepted(row, &self.store, self.receivers[hook], self.real);
            match self.store.rows[row].state {
                State::Pending => offers.push(self.store.open(row)),
                State::Held => is_held = true,
                _ => {}
            }
        }
        if self.rng.once_in(100) {
            // The commit's result was lost.
            let all = self.store.hooks_with_open();
            self.send(Input::More(all));
        } else if !offers.is_empty() {
            self.offer(offers);
        } else if is_held {
            self.send(Input::Held(vec![hook_id(hook)]));
        }
        // Users often act during such a burst.
        for _ in 0..if is_flood { 6 } else { 0 } {
            let wait = self.rng.between(0, 60 * SECOND);
            self.later(wait, Happening::Act(hook));
        }
        let wait = self.rng.between(0, 2 * EMIT_EVERY);
        self.later(wait, Happening::Emit);
    }

    /// An occasional action on a random hook.
    pub fn administer(&mut self) {
        if self.is_calm {
            return;
        }
        let hook = self.rng.below(HOOKS);
        self.act(hook);
        let wait = self.rng.between(0, 2 * ADMIN_EVERY);
        self.later(wait, Happening::Admin);
    }

    /// An action of a user on a hook, or an event of the machine.
    pub fn act(&mut self, hook: usize) {
        if self.is_calm {
            return;
        }
        self.checks.disturb(hook, self.real);
        let (is_living, tuning) =
            (!self.store.hooks[hook].is_deleted, self.store.hooks[hook].tuning().clone());
        match self.rng.below(24) {
            0..5 if is_living => self.change(hook, false, tuning),
            5..10 if is_living => self.change(hook, true, tuning),
            10 if is_living && self.rng.once_in(5) => {
                let now = self.now();
                self.store.delete_hook(hook, now);
                self.send(Input::Changed(vec![hook_id(hook)]));
            }
            11 | 12 if is_living => {
                let tuning = self::tuning(&mut self.rng);
                let is_on = self.store.hooks[hook].is_enabled();
                self.change(hook, is_on, tuning);
            }
            13 if is_living => {
                let now = self.now();
                let row = self.store.accept(hook, None, 100, true, now);
                let offer = self.store.open(row);
                self.offer(vec![offer]);
            }
            14 | 15 => self.redeliver(1),
            16 => self.redeliver(120),
            17 | 18 => self.crash(),
            19 if self.rng.once_in(3) => {
                let by = [DAY, 3600 * SECOND, 10 * DAY][self.rng.below(3)];
                self.offset += if self.rng.once_in(2) { by } else { -by };
                self.checks.clock_set(self.real);
            }
            20 | 21 if is_living && self.store.hooks[hook].is_enabled() => {
                let now = self.now();
                self.store.try_now(hook, now);
                self.send(Input::Changed(vec![hook_id(hook)]));
            }
            22 | 23 if is_living && self.store.hooks[hook].is_enabled() => self.try_one(hook),
            _ => {}
        }
    }

    /// A user retries a delivery that is waiting or held now.
    fn try_one(&mut self, hook: usize) {
        let open = &self.store.hooks[hook].open;
        let may_go = |row: &usize| {
            matches!(self.store.rows[*row].state, State::Waiting | State::Held)
                && !self.store.rows[*row].is_test
        };
        let rows: Vec<usize> = open.iter().copied().filter(may_go).collect();
        if rows.is_empty() {
            return;
        }
        let (row, now) = (rows[self.rng.below(rows.len())], self.now());
        self.store.try_one(row, now);
        self.send(Input::Changed(vec![hook_id(hook)]));
    }

    fn change(&mut self, hook: usize, is_on: bool, tuning: Tuning) {
        let now = self.now();
        self.store.update_hook(hook, is_on, tuning, now);
        self.send(Input::Changed(vec![hook_id(hook)]));
    }

    /// Redelivers, by hand or by a job. A hook with ordered deliveries is reloaded.
    fn redeliver(&mut self, count: usize) {
        if self.store.rows.is_empty() {
            return;
        }
        // Recently settled deliveries are the most likely to be redelivered.
        let recent =
            if self.rng.once_in(2) { 20.min(self.store.rows.len()) } else { self.store.rows.len() };
        let from = self.store.rows.len() - 1 - self.rng.below(recent);
        let is_settled = |row: &usize| {
            let delivery = &self.store.rows[*row];
            delivery.state.is_final()
                && !delivery.is_test
                && !self.store.hooks[delivery.hook].is_deleted
        };
        let rows: Vec<usize> =
            (from..self.store.rows.len()).filter(is_settled).take(count).collect();
        let now = self.now();
        let mut hooks = Vec::new();
        for row in &rows {
            self.store.redeliver(*row, now);
            hooks.push(hook_id(self.store.rows[*row].hook));
        }
        hooks.sort_unstable();
        hooks.dedup();
        let is_ordered =
            |hook: &HookId| self.store.hooks[hook_of(*hook)].tuning().order_by.is_some();
        let (ordered, others): (Vec<_>, Vec<_>) = hooks.into_iter().partition(is_ordered);
        for hook in &ordered {
            self.store.hooks[hook_of(*hook)].version += 1;
        }
        self.send(Input::Changed(ordered));
        self.send(Input::More(others));
    }

    /// A receiver changes its behaviour.
    pub fn change_weather(&mut self) {
        if self.is_calm {
            return;
        }
        let hook = self.rng.below(HOOKS);
        self.receivers[hook] = Receiver::random(&mut self.rng, self.real);
        self.checks.disturb(hook, self.real);
        let wait = self.rng.between(0, 60 * 60 * SECOND);
        self.later(wait, Happening::Weather);
    }

    /// All receivers are healthy, all hooks are on, nothing fails, and users do nothing: now
    /// everything must arrive.
    pub fn calm(&mut self) {
        self.is_calm = true;
        for hook in 0..HOOKS {
            self.receivers[hook] = Receiver::Healthy;
            if !self.store.hooks[hook].is_deleted && !self.store.hooks[hook].is_enabled() {
                let tuning = self.store.hooks[hook].tuning().clone();
                self.change(hook, true, tuning);
            }
        }
    }
}
