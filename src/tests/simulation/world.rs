//! The environment of the board: virtual time, an event heap, and the scheduler's tasks (loads,
//! steps, attempts, records), with random delays and failures.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use service_hooks::{
    domain::{
        delivery::{Answer, State},
        health::Purpose,
        retry::{AttemptFacts, LoadSignal, RetryPolicy, Verdict, classify, load_signal},
        time::Timestamp,
    },
    engine::{
        delivery::{
            board::{Action, Board, Input, OwnedLane},
            lane::{Limits, Outgoing, Wanted},
        },
        store::{Error, lines::ReadRequest, open::Open, queue::PageLimit},
    },
};

use super::{
    checks::{Checks, Wish},
    receivers::Receiver,
    rng::Rng,
    store::{Outcome, Store, hook_id, hook_of, row_of},
};

pub const SECOND: i64 = 1000;
pub const DAY: i64 = 24 * 3600 * SECOND;
pub const HOOKS: usize = 50;
pub const PERMITS: usize = 64;
pub const LIMITS: Limits = Limits {
    in_flight: 8,
    window: PageLimit { rows: 100, bytes: 40_000 },
    drain_per_second: 250,
    has_memory: true,
    is_shared: false,
};
/// Memory budget of all lanes: sometimes less than they need.
pub const MEMORY: usize = 150_000;
/// As `worker::RECORD_AGAIN`.
const RECORD_AGAIN: i64 = SECOND;

/// An event in the heap.
pub enum Happening {
    /// The scheduler's timer, unless a later one was set.
    Wake(u64),
    Emit,
    Admin,
    Act(usize),
    Weather,
    Look,
    /// The scheduler receives a message.
    Receive(Input),
    Read {
        hook: usize,
        wanted: Wanted,
        room: PageLimit,
        ask: ReadRequest,
        now: Timestamp,
    },
    Write {
        hook: usize,
    },
    Rewind,
    Answered(Flight, Answer, Option<Duration>),
    Commit(Outcome),
    /// From now on nothing fails.
    Calm,
}

/// An attempt in flight.
pub struct Flight {
    pub row: usize,
    pub hook: usize,
    pub purpose: Purpose,
    pub number: u32,
    given: Outgoing,
}

/// An entry of the heap: its time, its position among entries of the same time, and the process
/// that it belongs to.
pub struct Entry {
    at: i64,
    sequence: u64,
    life: Option<u32>,
    what: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// The simulated environment of the board.
pub struct World {
    pub rng: Rng,
    /// Elapsed milliseconds, and the offset of the wall clock.
    pub real: i64,
    pub offset: i64,
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    /// The number of the current process; events of earlier processes are dropped.
    pub life: u32,
    wake: u64,
    pub board: Board,
    pub store: Store,
    pub receivers: Vec<Receiver>,
    pub is_calm: bool,
    pub checks: Checks,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            rng: Rng::new(seed),
            real: 0,
            offset: 1_700_000_000_000,
            heap: BinaryHeap::new(),
            sequence: 0,
            life: 0,
            wake: 0,
            board: Board::new(PERMITS, LIMITS, MEMORY, false),
            store: Store::default(),
            receivers: Vec::new(),
            is_calm: false,
            checks: Checks::default(),
        };
        world.settle_in();
        world
    }

    /// The wall clock of the machine.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.real + self.offset)
    }

    /// Runs until the heap is empty.
    pub fn run(&mut self) {
        while let Some(Reverse(entry)) = self.heap.pop() {
            if entry.life.is_some_and(|life| life != self.life) {
                continue;
            }
            assert!(entry.at >= self.real, "time is monotonic");
            self.real = entry.at;
            self.checks.happened += 1;
            self.happen(entry.what);
        }
    }

    /// Schedules an event that is independent of the process.
    pub fn later(&mut self, wait: i64, what: Happening) {
        self.push(wait, None, what);
    }

    /// Schedules an event of this process, which is dropped when the process crashes.
    fn soon(&mut self, wait: i64, what: Happening) {
        self.push(wait, Some(self.life), what);
    }

    fn push(&mut self, wait: i64, life: Option<u32>, what: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry {
            at: self.real + wait,
            sequence: self.sequence,
            life,
            what,
        }));
    }

    /// Sends the scheduler a message, which arrives after a short delay.
    pub fn send(&mut self, news: Input) {
        self.send_after(news, self.real);
    }

    /// The same, but not before `earliest`: messages of one task arrive in order. Returns the time
    /// of arrival.
    fn send_after(&mut self, news: Input, earliest: i64) -> i64 {
        let wait = self.rng.moment().max(earliest - self.real);
        self.checks.sent(&news);
        self.soon(wait, Happening::Receive(news));
        self.real + wait
    }

    /// As [`World::send`] after an accept's commit, when the task that waited for it only has to
    /// wake up. An offer that is slower than a load, an attempt and its record together would be
    /// sent twice; its second result is rejected.
    pub fn offer(&mut self, offers: Vec<Open>) {
        let wait = self.rng.between(0, 5);
        let news = Input::Offer(offers);
        self.checks.sent(&news);
        self.soon(wait, Happening::Receive(news));
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Wake(wake) if wake != self.wake => {}
            Happening::Wake(_) => self.advance(),
            Happening::Receive(news) => {
                let now = self.now();
                self.checks.received(&news, &self.store, now);
                self.board.apply(news, now);
                self.advance();
            }
            Happening::Read { hook, wanted, room, ask, now } => {
                self.read(hook, wanted, room, &ask, now)
            }
            Happening::Write { hook } => self.write(hook),
            Happening::Rewind => {
                let now = self.now();
                let hooks = self.store.rewind(now);
                self.send(Input::More(hooks));
            }
            Happening::Answered(flight, answer, retry_after) => {
                self.answered(&flight, answer, retry_after)
            }
            Happening::Commit(outcome) => self.commit(outcome),
            Happening::Look => {
                self.checks.look(&self.store, self.real, self.now());
                if !self.is_calm {
                    self.later(7 * 60 * SECOND, Happening::Look);
                }
            }
            Happening::Emit => self.emit(),
            Happening::Admin => self.administer(),
            Happening::Act(hook) => self.act(hook),
            Happening::Weather => self.change_weather(),
            Happening::Calm => self.calm(),
        }
    }

    /// One round of the scheduler's loop.
    fn advance(&mut self) {
        let now = self.now();
        self.board.advance(now);
        self.checks.advanced(now, self.board.memory());
        for action in self.board.take_actions() {
            match action {
                Action::Load { owned, wanted, known, room, ask } => {
                    let hook = hook_of(owned.hook);
                    self.checks.load(hook, known.rows, &ask, self.real);
                    let wait = self.rng.moment();
                    let room =
                        PageLimit { rows: room.rows + known.rows, bytes: room.bytes + known.bytes };
                    self.soon(wait, Happening::Read { hook, wanted, room, ask, now });
                }
                Action::Step(owned) => {
                    let hook = hook_of(owned.hook);
                    self.checks.step(hook);
                    let wait = self.rng.moment();
                    self.soon(wait, Happening::Write { hook });
                }
                Action::Rewind => {
                    let wait = self.rng.moment();
                    self.soon(wait, Happening::Rewind);
                }
                Action::Attempt { outgoing, .. } => self.attempt(outgoing),
                Action::HintPeers { .. } => panic!("there are no other nodes"),
            }
        }
        self.wake += 1;
        if let Some(at) = self.board.next_at() {
            let wait = i64::try_from(now.until(at).as_millis()).unwrap_or(i64::MAX);
            self.soon(wait, Happening::Wake(self.wake));
        }
    }

    /// Does it fail? Never in the calm phase.
    fn fails(&mut self, once_in: usize) -> bool {
        !self.is_calm && self.rng.once_in(once_in)
    }

    fn read(
        &mut self,
        hook: usize,
        wanted: Wanted,
        room: PageLimit,
        ask: &ReadRequest,
        now: Timestamp,
    ) {
        let page = if self.fails(50) {
            self.checks.disturb(hook, self.real);
            Err(Error::Closed)
        } else {
            Ok(Box::new(self.store.page(hook, now, wanted, room, ask)))
        };
        self.send(Input::Loaded(owned(hook_id(hook)), page));
    }

    fn write(&mut self, hook: usize) {
        let now = self.now();
        // The result of a commit can be lost although the commit succeeded.
        let is_more = if self.fails(100) { None } else { Some(self.store.step(hook, now)) };
        let stepped = if self.fails(50) { None } else { is_more };
        self.send(Input::Stepped(owned(hook_id(hook)), stepped.ok_or(Error::Closed)));
    }

    fn attempt(&mut self, given: Outgoing) {
        let (row, hook) = (row_of(given.open.id), hook_of(given.open.hook));
        let flight =
            Flight { row, hook, purpose: given.purpose, number: given.open.attempts + 1, given };
        self.checks.attempt(&flight, &flight.given, &self.store, self.real, self.now());
        let id = flight.given.open.id;
        if self.fails(2000) {
            // Its task panicked.
            self.checks.landed(&flight);
            let due_at = Some(Timestamp(self.now().0 + RECORD_AGAIN));
            let hook = hook_id(hook);
            self.send(Input::Finished {
                owned: owned(hook),
                delivery: id,
                was_sent: false,
                due_at,
                health: None,
            });
            return;
        }
        let reply = self.receivers[hook].reply(&mut self.rng, self.real);
        self.soon(reply.after, Happening::Answered(flight, reply.answer, reply.retry_after));
    }

    fn answered(&mut self, flight: &Flight, answer: Answer, asked: Option<Duration>) {
        self.checks.landed(flight);
        let load_signal = load_signal(answer, asked, RetryPolicy::default().longest_wait);
        let is_delivered = answer.is_success();
        let (owned, delivery) = (owned(hook_id(flight.hook)), flight.given.open.id);
        // A failure keeps its permit until it is counted.
        let heard_at = match load_signal {
            LoadSignal::Neutral => None,
            _ => Some(self.send_after(
                Input::RequestEnded {
                    owned,
                    delivery,
                    load_signal,
                    is_delivered,
                    duration: Duration::ZERO,
                },
                self.real,
            )),
        };
        self.checks.answered(flight.row, is_delivered);
        if let (LoadSignal::Overloaded { retry_after: Some(wait) }, Some(heard_at)) =
            (load_signal, heard_at)
        {
            self.checks.asked(flight.hook, Wish::new(wait, heard_at, self.real, self.now()));
        }
        let verdict = self.verdict(flight, answer, asked);
        let state = match verdict {
            Verdict::Delivered => State::Delivered,
            Verdict::RetryIn(_) | Verdict::Postpone(_) => State::Waiting,
            Verdict::Failed | Verdict::Gone => State::Failed,
        };
        let is_extra = matches!(verdict, Verdict::Postpone(_));
        let Flight { row, number, purpose, .. } = *flight;
        let is_gone = verdict == Verdict::Gone;
        let is_exhausted =
            flight.number - flight.given.open.tries_before > Self::schedule(flight).len() as u32;
        // The disk may be full for a while.
        let is_stopped = self.fails(1000);
        let wait =
            if is_stopped { self.rng.between(SECOND, 60 * SECOND) } else { self.rng.moment() };
        if is_stopped {
            // Until it is recorded it uses room that other rows of its load may need.
            self.checks.disturb(flight.hook, self.real);
        }
        self.soon(
            wait,
            Happening::Commit(Outcome {
                row,
                number,
                purpose,
                answer,
                state,
                retry_in: verdict.wait(),
                is_extra,
                asks: load_signal.retry_after(),
                is_gone,
                is_exhausted,
                heard_at,
            }),
        );
    }

    /// As `Worker::verdict`.
    fn verdict(&mut self, flight: &Flight, answer: Answer, asked: Option<Duration>) -> Verdict {
        if flight.given.open.is_test {
            return if answer.is_success() { Verdict::Delivered } else { Verdict::Failed };
        }
        let Open { attempts, tries_before, .. } = flight.given.open;
        let counted = attempts.saturating_sub(tries_before);
        let is_probe = flight.purpose == Purpose::Probe;
        let tried =
            AttemptFacts { counted, uncounted: tries_before, is_probe, answer, retry_after: asked };
        classify(
            &Self::schedule(flight),
            RetryPolicy::default().longest_wait,
            &tried,
            self.rng.share(),
        )
    }

    fn schedule(flight: &Flight) -> Vec<Duration> {
        let own = &flight.given.target.hook.tuning.retry_schedule;
        own.clone().unwrap_or_else(|| RetryPolicy::default().schedule)
    }

    fn commit(&mut self, outcome: Outcome) {
        let (now, hook) = (self.now(), self.store.rows[outcome.row].hook);
        let recorded = self.store.record(&outcome, now);
        self.checks.recorded(hook, &outcome, &self.store, (self.real, now));
        if recorded.is_some() && outcome.finds_it_well() {
            self.send(Input::Changed(vec![hook_id(hook)]));
        }
        let delivery = self.store.open(outcome.row).id;
        let hook = hook_id(hook);
        let again = Some(Timestamp(now.0 + RECORD_AGAIN));
        let due_at = outcome.retry_in.map(|wait| now.after(wait));
        let (due_at, health) = match recorded {
            Some((health, false)) => (due_at, Some(health)),
            Some((_, true)) | None => {
                self.send(Input::Changed(vec![hook]));
                (due_at.or(again.filter(|_| recorded.is_none())), None)
            }
        };
        let finished =
            Input::Finished { owned: owned(hook), delivery, was_sent: true, due_at, health };
        let heard_at = outcome.heard_at.unwrap_or_else(|| {
            let (load_signal, is_delivered) = (LoadSignal::Neutral, false);
            // As slow as a timeout: most of these are timeouts.
            let duration = Duration::from_secs(15);
            self.send_after(
                Input::RequestEnded {
                    owned: owned(hook),
                    delivery,
                    load_signal,
                    is_delivered,
                    duration,
                },
                self.real,
            )
        });
        self.send_after(finished, heard_at);
    }

    /// `kill -9`, and a new process some seconds later. Some of the attempts in flight were
    /// recorded, others not.
    pub fn crash(&mut self) {
        self.life += 1;
        self.board = Board::new(PERMITS, LIMITS, MEMORY, false);
        self.checks.crashed(&self.store);
        let resume = self.store.hooks_with_open();
        self.send(Input::More(resume));
    }
}

/// There is only one node: no lane is shared.
fn owned(hook: service_hooks::domain::id::HookId) -> OwnedLane {
    OwnedLane { hook, fence: None }
}
