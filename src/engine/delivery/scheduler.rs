//! Fair shares over the lanes: one task that owns them all and does nothing while there is nothing to do. It hands out
//! the global permits in turn, a delivery a lane, and sleeps exactly until the next thing is due.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    lane::{Lane, Page},
    worker::Worker,
};
use crate::{
    domain::{
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        config::Delivery,
        store::{deliveries::Open, error::chain},
    },
};

/// After a load failed: how long until it is tried again.
const LOAD_AGAIN: Duration = Duration::from_secs(1);

/// What the scheduler is told.
pub enum Message {
    /// Committed just now.
    Offer(Vec<Open>),
    /// These hooks have something open in the database, or changed.
    Changed(Vec<HookId>),
    Loaded(HookId, Result<Page, crate::engine::store::Error>),
    Finished {
        hook: HookId,
        delivery: DeliveryId,
        due_at: Option<Timestamp>,
    },
    /// Start nothing more; answer when nothing is in flight.
    Stop(oneshot::Sender<()>),
}

/// The way to the scheduler.
#[derive(Clone)]
pub struct Handle {
    messages: mpsc::UnboundedSender<Message>,
    finished: broadcast::Sender<DeliveryId>,
}

impl Handle {
    /// Tells the scheduler something. After it stopped nobody listens, and the database still knows.
    pub fn tell(&self, message: Message) {
        let _stopped = self.messages.send(message);
    }

    /// Hears of every delivery that an attempt was recorded for.
    pub fn listen(&self) -> broadcast::Receiver<DeliveryId> {
        self.finished.subscribe()
    }

    /// Starts nothing more and waits for what is in flight.
    pub async fn stop(&self) {
        let (stopped, wait) = oneshot::channel();
        self.tell(Message::Stop(stopped));
        let _gone = wait.await;
    }
}

struct Scheduler {
    lanes: HashMap<HookId, Lane>,
    /// Lanes that could send, in the order of their turns; each at most once.
    turns: VecDeque<HookId>,
    has_turn: HashSet<HookId>,
    /// When lanes have to load; at most one entry a lane.
    timers: BTreeSet<(Timestamp, HookId)>,
    timer_of: HashMap<HookId, Timestamp>,
    in_flight: usize,
    stopping: Option<oneshot::Sender<()>>,
    settings: Delivery,
    clock: Clock,
    worker: Arc<Worker>,
    handle: Handle,
}

/// Starts the task. It knows of nothing until it is told.
pub fn start(settings: Delivery, clock: Clock, worker: Worker) -> Handle {
    let (sender, messages) = mpsc::unbounded_channel();
    let (finished, _) = broadcast::channel(1024);
    let handle = Handle { messages: sender, finished };
    let scheduler = Scheduler {
        lanes: HashMap::new(),
        turns: VecDeque::new(),
        has_turn: HashSet::new(),
        timers: BTreeSet::new(),
        timer_of: HashMap::new(),
        in_flight: 0,
        stopping: None,
        settings,
        clock,
        worker: Arc::new(worker),
        handle: handle.clone(),
    };
    tokio::spawn(scheduler.serve(messages));
    handle
}

impl Scheduler {
    async fn serve(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                count = messages.recv_many(&mut batch, 256) => {
                    if count == 0 {
                        return;
                    }
                    for message in batch.drain(..) {
                        self.hear(message);
                    }
                }
                () = self.next_timer() => {}
            }
            self.run_timers();
            self.hand_out();
            if self.in_flight == 0
                && let Some(stopped) = self.stopping.take()
            {
                let _gone = stopped.send(());
                return;
            }
        }
    }

    /// Sleeps until a lane has to load; for ever when none has to.
    async fn next_timer(&self) {
        match self.timers.first() {
            Some((at, _)) => tokio::time::sleep(self.clock.now().until(*at)).await,
            None => std::future::pending().await,
        }
    }

    fn hear(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::Offer(deliveries) => {
                let window = self.settings.lane_window;
                for open in deliveries {
                    let hook = open.hook;
                    self.lane(hook, now).offer(open, window, now);
                    self.touch(hook);
                }
            }
            Message::Changed(hooks) => {
                for hook in hooks {
                    self.lane(hook, now).changed(now);
                    self.touch(hook);
                }
            }
            Message::Loaded(hook, page) => {
                let lane = self.lane(hook, now);
                match page {
                    Ok(page) => lane.loaded(page),
                    Err(error) => {
                        tracing::error!(hook.id = %hook, error = chain(&error), "open deliveries could not be read");
                        lane.load_failed(now.after(LOAD_AGAIN));
                    }
                }
                self.touch(hook);
            }
            Message::Finished { hook, delivery, due_at } => {
                self.in_flight -= 1;
                self.lane(hook, now).finished(delivery, due_at);
                let _nobody_listens = self.handle.finished.send(delivery);
                self.touch(hook);
            }
            Message::Stop(stopped) => self.stopping = Some(stopped),
        }
    }

    fn lane(&mut self, hook: HookId, now: Timestamp) -> &mut Lane {
        self.lanes.entry(hook).or_insert_with(|| Lane::new(now))
    }

    /// Brings the turns and timers up to date with a lane that something happened to.
    fn touch(&mut self, hook: HookId) {
        let now = self.clock.now();
        let Some(lane) = self.lanes.get_mut(&hook) else { return };
        if self.stopping.is_none()
            && let Some(wanted) = lane.wants_load(self.settings.lane_window, now)
        {
            lane.begin_load(wanted);
            let limit = self.settings.lane_window + lane.known();
            self.worker.clone().load(hook, now, wanted, limit, self.handle.clone());
        }
        if lane.is_ready(self.settings.in_flight_per_hook) && self.has_turn.insert(hook) {
            self.turns.push_back(hook);
        }
        // A timer that has passed waits for room in the window, not for time.
        let wake_at = lane.wake_at().filter(|at| *at > now);
        if lane.is_idle() {
            self.lanes.remove(&hook);
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

    fn run_timers(&mut self) {
        let now = self.clock.now();
        while let Some((at, hook)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, hook));
            self.timer_of.remove(&hook);
            self.touch(hook);
        }
    }

    /// One delivery a lane and turn, while there are permits.
    fn hand_out(&mut self) {
        while self.stopping.is_none() && self.in_flight < self.settings.in_flight {
            let Some(hook) = self.turns.pop_front() else { return };
            self.has_turn.remove(&hook);
            let Some(lane) = self.lanes.get_mut(&hook) else { continue };
            if let Some((target, open)) = lane.next(self.settings.in_flight_per_hook) {
                self.in_flight += 1;
                self.worker.clone().attempt(target, open, self.handle.clone());
            }
            self.touch(hook);
        }
    }
}
