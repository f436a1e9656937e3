//! The reference store: the contract of `engine::store` for deliveries, hooks and their health, in
//! memory. Each function is one transaction, and has the name of the function that it models.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use service_hooks::{
    domain::{
        delivery::{Answer, State},
        event::EventType,
        health::{BreakerPolicy, Health, HealthChange, Purpose, Signal},
        hook::{ApiKey, Hook, Tuning},
        id::{DeliveryId, EventId, HookId},
        time::Timestamp,
    },
    engine::{
        delivery::{
            attempt::Target,
            lane::{Page, PagePart, Wanted},
            signing,
        },
        store::{
            hooks::Secrets,
            lines::ReadRequest,
            open::{Key, Open},
            queue::{Kind, PageLimit, STEP},
        },
    },
};
use uuid::Uuid;

/// A delivery.
pub struct Row {
    pub hook: usize,
    pub state: State,
    pub due_at: Option<Timestamp>,
    pub attempts: u32,
    pub tries_before: u32,
    pub was_redelivered: bool,
    /// It is held because of a pause.
    is_paused: bool,
    pub is_test: bool,
    pub order_key: Option<u64>,
    pub size: usize,
    /// When it entered its state.
    pub since: Timestamp,
    /// It ended with 410, or because its schedule was used up.
    pub is_gone: bool,
    pub is_exhausted: bool,
}

/// A hook, its health and its open deliveries.
pub struct HookRow {
    pub is_deleted: bool,
    pub health: Health,
    pub target: Arc<Target>,
    pub open: BTreeSet<usize>,
    pub by_key: BTreeMap<u64, BTreeSet<usize>>,
    /// The row for the next probe.
    probe_with: Option<usize>,
    /// A manual retry of waiting rows: its start, and its progress.
    forward: Option<(Timestamp, (Timestamp, usize))>,
    /// Incremented by every change that the engine is notified of.
    pub version: u64,
    /// The time of its last change between open, paused, off and deleted.
    pub since: Timestamp,
}

/// The result of an attempt.
pub struct Outcome {
    pub row: usize,
    pub number: u32,
    pub purpose: Purpose,
    pub answer: Answer,
    pub state: State,
    pub retry_in: Option<Duration>,
    pub is_extra: bool,
    pub asks: Option<Duration>,
    pub is_gone: bool,
    pub is_exhausted: bool,
    /// When the scheduler is notified of the end of the attempt, if before the record: not for a
    /// failure.
    pub heard_at: Option<i64>,
}

impl Outcome {
    pub fn signal(&self, now: Timestamp) -> Signal {
        match self.asks {
            _ if self.answer.is_success() => Signal::Success,
            Some(wait) => Signal::Wait(now.after(wait)),
            None => Signal::Failure,
        }
    }

    pub fn finds_it_well(&self) -> bool {
        self.answer.is_success() && self.purpose != Purpose::Delivery
    }
}

/// Rows and hooks are identified by their index; ids are derived from it.
#[derive(Default)]
pub struct Store {
    pub rows: Vec<Row>,
    pub hooks: Vec<HookRow>,
    pub breaker: BreakerPolicy,
}

/// Keys of deliveries without a key of their own.
const OWN_KEYS: u64 = 1_000_000;

/// Sorts like the number.
pub fn key_text(key: u64) -> Key {
    format!("{key:08}").into()
}

pub fn hook_id(hook: usize) -> HookId {
    HookId(Uuid::from_u128(hook as u128))
}

pub fn hook_of(id: HookId) -> usize {
    id.0.as_u128() as usize
}

pub fn row_of(id: DeliveryId) -> usize {
    id.0.as_u128() as usize
}

fn target(hook: usize, enabled: bool, tuning: Tuning, version: u64) -> Arc<Target> {
    let hook = Hook {
        id: hook_id(hook),
        name: "hook".into(),
        event_type: EventType::WorkItemClosed,
        callback_url: "https://example.com/".into(),
        enabled,
        off_reason: None,
        api_key_hint: String::new(),
        tuning,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        version: i64::try_from(version).unwrap(),
    };
    let secrets =
        Secrets { api_key: ApiKey::parse("key").unwrap(), signing_secret: signing::new_secret() };
    Arc::new(Target::new(hook, &secrets).unwrap())
}

fn is_open(state: State) -> bool {
    !state.is_final()
}

impl HookRow {
    pub fn is_enabled(&self) -> bool {
        self.target.hook.enabled && !self.is_deleted
    }

    pub fn is_open(&self) -> bool {
        self.is_enabled() && self.health.paused.is_none()
    }

    pub fn tuning(&self) -> &Tuning {
        &self.target.hook.tuning
    }
}

impl Store {
    pub fn insert_hook(&mut self, tuning: Tuning) {
        let target = target(self.hooks.len(), true, tuning, 0);
        let (open, by_key) = (BTreeSet::new(), BTreeMap::new());
        let (health, since) = (Health::default(), Timestamp(0));
        let (probe_with, forward) = (None, None);
        let is_deleted = false;
        self.hooks.push(HookRow {
            is_deleted,
            health,
            target,
            open,
            by_key,
            probe_with,
            forward,
            version: 0,
            since,
        });
    }

    /// A user changes a hook; its next attempt can start at once.
    pub fn update_hook(&mut self, hook: usize, enabled: bool, tuning: Tuning, now: Timestamp) {
        let row = &mut self.hooks[hook];
        row.version += 1;
        row.target = target(hook, enabled, tuning, row.version);
        (row.health, row.probe_with) = (Health::default(), None);
        row.since = now;
        self.step(hook, now);
    }

    pub fn delete_hook(&mut self, hook: usize, now: Timestamp) {
        let row = &mut self.hooks[hook];
        row.is_deleted = true;
        row.health = Health::default();
        row.version += 1;
        row.since = now;
        self.step(hook, now);
    }

    /// Adds one delivery, in the state that the hook requires.
    pub fn accept(
        &mut self,
        hook: usize,
        order_key: Option<u64>,
        size: usize,
        is_test: bool,
        now: Timestamp,
    ) -> usize {
        let hook_row = &self.hooks[hook];
        let state = match (hook_row.is_enabled(), hook_row.is_open()) {
            _ if is_test => State::Pending,
            (false, _) => State::Skipped,
            (true, false) => State::Held,
            (true, true) => State::Pending,
        };
        let is_ordered = hook_row.tuning().order_by.is_some() && !is_test;
        // A delivery without a key gets a unique one.
        let order_key = is_ordered.then(|| order_key.unwrap_or(OWN_KEYS + self.rows.len() as u64));
        let (attempts, tries_before) = (0, 0);
        let (due_at, since) = (None, now);
        let settled = State::Skipped;
        self.rows.push(Row {
            hook,
            state: settled,
            due_at,
            attempts,
            tries_before,
            was_redelivered: false,
            is_paused: false,
            is_test,
            order_key,
            size,
            since,
            is_gone: false,
            is_exhausted: false,
        });
        let row = self.rows.len() - 1;
        self.put(row, state, (state == State::Pending).then_some(now), now);
        row
    }

    pub fn redeliver(&mut self, row: usize, now: Timestamp) {
        let is_open = self.hooks[self.rows[row].hook].is_open();
        let attempts = self.rows[row].attempts;
        self.rows[row].tries_before = attempts;
        self.rows[row].was_redelivered = true;
        self.give_key(row);
        (self.rows[row].is_gone, self.rows[row].is_exhausted) = (false, false);
        let state = match (is_open, attempts) {
            (false, _) => State::Held,
            (true, 0) => State::Pending,
            (true, _) => State::Waiting,
        };
        self.put(row, state, is_open.then_some(now), now);
    }

    /// As `store::forward::all`. Returns the number of rows.
    pub fn try_now(&mut self, hook: usize, now: Timestamp) {
        self.ask_forward(hook, now);
        self.probe_now(hook, None, now);
    }

    /// As `store::forward::one`, for a delivery that is waiting or held, of a hook that is on.
    pub fn try_one(&mut self, row: usize, now: Timestamp) {
        let hook = self.rows[row].hook;
        if self.hooks[hook].is_open() {
            let Row { state, due_at, attempts, .. } = self.rows[row];
            if state == State::Held || due_at.is_some_and(|due| due > now) {
                self.gain_a_try(row);
                let state = if attempts == 0 { State::Pending } else { State::Waiting };
                self.put(row, state, Some(now), now);
            }
            self.probe_now(hook, None, now);
        } else {
            let first = self.older_of_key(row).next().unwrap_or(row);
            self.probe_now(hook, Some(first), now);
        }
    }

    fn probe_now(&mut self, hook: usize, with: Option<usize>, now: Timestamp) {
        let hook = &mut self.hooks[hook];
        hook.health.waits_until = None;
        if let Some(pause) = &mut hook.health.paused {
            pause.probe_at = now;
        }
        hook.probe_with = with.or(hook.probe_with);
    }

    fn ask_forward(&mut self, hook: usize, now: Timestamp) {
        let waits = |row: &usize| {
            self.rows[*row].state == State::Waiting && self.rows[*row].due_at > Some(now)
        };
        if self.hooks[hook].open.iter().any(waits) {
            self.hooks[hook].forward = Some((now, (now, 0)));
        }
    }

    fn gain_a_try(&mut self, row: usize) {
        let row = &mut self.rows[row];
        row.tries_before += u32::from(row.tries_before < row.attempts);
    }

    /// As `store::forward::step`.
    fn bring_forward(&mut self, hook: usize, now: Timestamp) -> bool {
        let Some((asked_at, cursor)) = self.hooks[hook].forward else { return false };
        let of_row = |row: &usize| {
            let delivery = &self.rows[*row];
            (delivery.state == State::Waiting).then_some((delivery.due_at?, *row))
        };
        let mut found: Vec<(Timestamp, usize)> = self.hooks[hook]
            .open
            .iter()
            .filter_map(of_row)
            .filter(|place| *place > cursor)
            .collect();
        found.sort_unstable();
        found.truncate(STEP);
        let is_more = found.len() == STEP;
        self.hooks[hook].forward = found.last().filter(|_| is_more).map(|last| (asked_at, *last));
        for (_, row) in found {
            if self.rows[row].since <= asked_at {
                self.gain_a_try(row);
                self.put(row, State::Waiting, Some(now), now);
            }
        }
        is_more
    }

    /// Every change of a row goes through this function, which updates the indexes.
    fn put(&mut self, at: usize, state: State, due_at: Option<Timestamp>, now: Timestamp) {
        let row = &mut self.rows[at];
        (row.state, row.due_at, row.since) = (state, due_at, now);
        let hook = &mut self.hooks[row.hook];
        if is_open(state) {
            hook.open.insert(at)
        } else {
            hook.open.remove(&at)
        };
        if let Some(key) = row.order_key {
            let of_key = hook.by_key.entry(key).or_default();
            if is_open(state) {
                of_key.insert(at)
            } else {
                of_key.remove(&at)
            };
        }
    }

    /// A released delivery of a hook with ordered deliveries has a key.
    fn give_key(&mut self, at: usize) {
        let row = &mut self.rows[at];
        if self.hooks[row.hook].tuning().order_by.is_some() && !row.is_test {
            row.order_key.get_or_insert(OWN_KEYS + at as u64);
        }
    }

    /// Is an older delivery of its key open?
    pub fn is_behind(&self, row: usize) -> bool {
        self.older_of_key(row).next().is_some()
    }

    pub fn older_of_key(&self, row: usize) -> impl Iterator<Item = usize> {
        let Row { hook, order_key, .. } = &self.rows[row];
        let of_key = order_key.and_then(|key| self.hooks[*hook].by_key.get(&key));
        of_key.into_iter().flat_map(move |of_key| of_key.range(..row).copied())
    }

    pub fn open(&self, row: usize) -> Open {
        static BODY: [u8; 4096] = [b'x'; 4096];
        let Row { hook, attempts, tries_before, is_test, size, order_key, .. } = self.rows[row];
        Open {
            id: DeliveryId(Uuid::from_u128(row as u128)),
            event: EventId(Uuid::from_u128(row as u128)),
            hook: hook_id(hook),
            event_type: EventType::WorkItemClosed,
            body: bytes::Bytes::from_static(&BODY[..size]),
            attempts,
            tries_before,
            is_test,
            order_key: order_key.map(key_text),
        }
    }

    /// As `Worker::page`.
    pub fn page(
        &self,
        hook: usize,
        now: Timestamp,
        wanted: Wanted,
        room: PageLimit,
        ask: &ReadRequest,
    ) -> Page {
        let row = &self.hooks[hook];
        if row.is_deleted {
            return Page { needs_step: self.needs_step(hook), ..Page::default() };
        }
        let reads_lines = wanted.lines && row.is_open() && row.tuning().order_by.is_some();
        let fresh = wanted.first_attempts && !reads_lines;
        let again = wanted.retries && row.is_open() && !reads_lines;
        let probes = wanted.probe && row.health.paused.is_some() && row.is_enabled();
        let is_held = |row: &&usize| self.rows[**row].state == State::Held;
        let first_of_key =
            |row: usize| self.older_of_key(row).find(|older| is_held(&older)).unwrap_or(row);
        let asked = || row.probe_with.as_ref().filter(is_held).copied();
        let asked = || {
            asked().map(
                |asked| if row.tuning().order_by.is_some() { first_of_key(asked) } else { asked },
            )
        };
        let held = || asked().or_else(|| row.open.iter().find(is_held).copied());
        Page {
            target: Some(row.target.clone()),
            health: row.health,
            needs_step: self.needs_step(hook),
            lines: reads_lines.then(|| self.lines(hook, ask, now)),
            first_attempts: fresh.then(|| self.find(hook, Kind::First, now, room)),
            retries: again.then(|| self.find(hook, Kind::Retry, now, room)),
            probe: if probes { held().map(|row| self.open(row)) } else { None },
        }
    }

    fn find(&self, hook: usize, kind: Kind, now: Timestamp, room: PageLimit) -> PagePart {
        let HookRow { open, target, .. } = &self.hooks[hook];
        let (is_ordered, hook_is_open) =
            (target.hook.tuning.order_by.is_some(), self.hooks[hook].is_open());
        let state = if kind == Kind::First { State::Pending } else { State::Waiting };
        let of_kind = || open.iter().copied().filter(|row| self.rows[*row].state == state);
        let is_due = |row: &usize| {
            let delivery = &self.rows[*row];
            let may_go = hook_is_open || delivery.is_test;
            delivery.due_at.is_some_and(|at| at <= now)
                && may_go
                && !(is_ordered && delivery.order_key.is_some())
        };
        let mut due: Vec<usize> = of_kind().filter(is_due).collect();
        due.sort_by_key(|row| (self.rows[*row].due_at, *row));
        due.truncate(room.rows);
        let mut bytes = 0;
        let fitting = due.iter().position(|row| {
            bytes += self.rows[*row].size;
            bytes >= room.bytes
        });
        let is_full = fitting.is_some() || due.len() >= room.rows;
        due.truncate(fitting.map_or(due.len(), |last| last + 1));
        let has_place = |row: &usize| is_ordered && self.rows[*row].order_key.is_some();
        let next = of_kind()
            .filter(|row| !has_place(row))
            .filter_map(|row| self.rows[row].due_at)
            .filter(|at| *at > now)
            .min();
        let more_at = if is_full { Some(now) } else { next };
        PagePart {
            due: due.into_iter().map(|row| self.open(row)).collect(),
            more_at: more_at.filter(|_| hook_is_open),
        }
    }

    fn needs_step(&self, hook: usize) -> bool {
        let row = &self.hooks[hook];
        let (is_open, is_deleted) = (row.is_open(), row.is_deleted);
        let is_forwarded = is_open && row.forward.is_some();
        is_forwarded
            || row.open.iter().map(|row| &self.rows[*row]).any(|row| match row.state {
                _ if is_deleted => true,
                State::Held => is_open,
                _ => !is_open && !row.is_test,
            })
    }

    /// The rows of one step.
    fn some(&self, hook: usize, state: State, tests: bool) -> Vec<usize> {
        let is_meant =
            |row: &usize| self.rows[*row].state == state && (tests || !self.rows[*row].is_test);
        self.hooks[hook].open.iter().copied().filter(is_meant).take(STEP).collect()
    }

    /// As `store::queue::step`.
    pub fn step(&mut self, hook: usize, now: Timestamp) -> bool {
        let (is_deleted, is_open) = (self.hooks[hook].is_deleted, self.hooks[hook].is_open());
        let batches: Vec<Vec<usize>> = match (is_deleted, is_open) {
            (true, _) => [State::Pending, State::Waiting, State::Held]
                .map(|state| self.some(hook, state, true))
                .into(),
            (false, true) => vec![self.some(hook, State::Held, true)],
            (false, false) => {
                [State::Pending, State::Waiting].map(|state| self.some(hook, state, false)).into()
            }
        };
        let is_more = batches.iter().any(|batch| batch.len() >= STEP);
        let is_paused = self.hooks[hook].is_enabled() && !is_open;
        for row in batches.into_iter().flatten() {
            if !is_deleted && is_open {
                self.give_key(row);
            }
            match (is_deleted, is_open) {
                (true, _) => self.put(row, State::Cancelled, None, now),
                (false, false) => {
                    self.rows[row].is_paused = is_paused;
                    self.put(row, State::Held, None, now);
                }
                (false, true) => {
                    if self.rows[row].is_paused {
                        self.gain_a_try(row);
                    }
                    let state =
                        if self.rows[row].attempts == 0 { State::Pending } else { State::Waiting };
                    self.put(row, state, Some(now), now);
                }
            }
        }
        if !is_open || is_deleted {
            self.hooks[hook].forward = None;
            return is_more;
        }
        self.bring_forward(hook, now) || is_more
    }

    /// As `store::outcomes::record_all` for one attempt: the hook's health, and whether the portal
    /// turned the hook off. `None` if this attempt is recorded already.
    pub fn record(&mut self, outcome: &Outcome, now: Timestamp) -> Option<(Health, bool)> {
        let row = &mut self.rows[outcome.row];
        if row.attempts >= outcome.number {
            return None;
        }
        row.attempts = outcome.number;
        row.tries_before += u32::from(outcome.is_extra);
        (row.is_gone, row.is_exhausted) = (outcome.is_gone, outcome.is_exhausted);
        let hook = row.hook;
        let was_put_away = matches!(row.state, State::Held | State::Cancelled);
        let state =
            if was_put_away && outcome.state == State::Waiting { row.state } else { outcome.state };
        let due_at = outcome.retry_in.filter(|_| !was_put_away).map(|wait| now.after(wait));
        self.put(outcome.row, state, due_at, now);
        let hook_row = &mut self.hooks[hook];
        let (health, change) =
            hook_row.health.after(outcome.signal(now), outcome.purpose, now, &self.breaker);
        if matches!(change, HealthChange::Paused | HealthChange::Recovered) {
            hook_row.since = now;
        }
        hook_row.health = health;
        let is_off = hook_row.is_enabled() && (outcome.is_gone || change == HealthChange::GaveUp);
        if is_off {
            hook_row.version += 1;
            hook_row.target = target(hook, false, hook_row.tuning().clone(), hook_row.version);
            hook_row.since = now;
        }
        if health.is_healthy() {
            hook_row.probe_with = None;
        }
        if outcome.finds_it_well() {
            self.ask_forward(hook, now);
        }
        Some((health, is_off))
    }

    /// As `delivery::rewind`: times written after `now` are moved back. Returns the hooks with an
    /// earlier time.
    pub fn rewind(&mut self, now: Timestamp) -> Vec<HookId> {
        let mut hooks = BTreeSet::new();
        for (at, hook) in self.hooks.iter_mut().enumerate() {
            let right = hook.health.clamped_to(now, &self.breaker);
            if std::mem::replace(&mut hook.health, right) != right {
                hooks.insert(hook_id(at));
            }
            for row in &hook.open {
                let row = &mut self.rows[*row];
                if row.due_at.is_some() && row.since > now {
                    row.due_at = row.due_at.map(|at| Timestamp(at.0 - (row.since.0 - now.0)));
                    row.since = now;
                    hooks.insert(hook_id(at));
                }
            }
        }
        hooks.into_iter().collect()
    }

    /// The hooks with open deliveries: a start loads these.
    pub fn hooks_with_open(&self) -> Vec<HookId> {
        (0..self.hooks.len())
            .filter(|hook| !self.hooks[*hook].open.is_empty())
            .map(hook_id)
            .collect()
    }
}
