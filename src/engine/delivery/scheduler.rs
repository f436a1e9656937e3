//! The task around the [`board`](super::board): tells it what happens, carries out its orders, and
//! sleeps exactly until the next thing is due. Does nothing while there is nothing to do.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    board::{Board, News, Order},
    congestion::Congestion,
    handle::{Handle, Message, PeerHint},
    lane::Limits,
    worker::{Sought, Worker},
};
use crate::{
    domain::id::NodeId,
    engine::{
        clock::Clock,
        config::Delivery,
        metrics,
        store::{claim::Fence, queue::Room},
    },
};

struct Scheduler {
    board: Board,
    /// Which node this is, where there can be others.
    node: Option<NodeId>,
    /// Where it is told which hooks of other nodes have something to do.
    others: mpsc::UnboundedSender<PeerHint>,
    stopping: Option<oneshot::Sender<()>>,
    clock: Clock,
    worker: Arc<Worker>,
    handle: Handle,
}

/// Starts the task. It knows of nothing until it is told. `node` is given where there can be
/// others; `others` hears of their hooks.
pub fn start(
    settings: &Delivery,
    clock: Clock,
    worker: Worker,
    node: Option<NodeId>,
    others: mpsc::UnboundedSender<PeerHint>,
) -> Handle {
    let (sender, messages) = mpsc::unbounded_channel();
    let (finished, _) = broadcast::channel(1024);
    let handle = Handle { messages: sender, finished, congestion: Congestion::default() };
    let limits = Limits {
        in_flight: settings.in_flight_per_hook,
        window: Room { rows: settings.lane_window, bytes: settings.lane_window_bytes },
        drain_per_second: settings.drain_per_second,
        has_memory: true,
        is_shared: false,
    };
    let board = Board::new(settings.in_flight, limits, settings.memory_bytes, node.is_some());
    let worker = Arc::new(worker);
    let scheduler =
        Scheduler { board, node, others, stopping: None, clock, worker, handle: handle.clone() };
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
            self.board.advance(self.clock.now());
            self.carry_out();
            self.note_lags();
            metrics::in_flight(self.board.in_flight());
            metrics::lane_memory(self.board.memory());
            if self.board.is_stopped()
                && let Some(stopped) = self.stopping.take()
            {
                let _gone = stopped.send(());
                return;
            }
        }
    }

    /// Tells the accepts how long their deliveries will wait.
    fn note_lags(&self) {
        let (lags, congestion) = (self.board.lags(self.clock.now()), &self.handle.congestion);
        if !lags.is_empty() || congestion.any() {
            congestion.set(lags);
        }
    }

    /// Sleeps until a lane has something due; for ever when none has.
    async fn next_timer(&self) {
        match self.board.next_at() {
            Some(at) => tokio::time::sleep(self.clock.now().until(at)).await,
            None => std::future::pending().await,
        }
    }

    fn hear(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::News(news) => {
                if let News::Finished { delivery, .. } = &news {
                    let _nobody_listens = self.handle.finished.send(*delivery);
                }
                self.board.hear(news, now);
            }
            Message::Part(hooks, idle) => {
                let _gone = idle.send(self.board.idle_of(&hooks));
                self.board.hear(News::Part(hooks), now);
            }
            Message::Ping(answer) => {
                let _gone = answer.send(());
            }
            Message::Stop(stopped) => {
                self.stopping = Some(stopped);
                self.board.hear(News::Stop, now);
            }
        }
    }

    fn carry_out(&mut self) {
        let mut told = HashMap::new();
        for order in self.board.orders() {
            match order {
                Order::Load { held, wanted, known, room, ask } => {
                    let window =
                        Room { rows: room.rows + known.rows, bytes: room.bytes + known.bytes };
                    let sought = Sought { wanted, window, ask, now: self.clock.now() };
                    self.worker.clone().load(held, sought, self.handle.clone());
                }
                Order::Step(held) => self.worker.clone().step(held, self.handle.clone()),
                Order::Rewind => self.worker.clone().rewind(self.handle.clone()),
                Order::Attempt { given, fence } => {
                    let fence = self.node.zip(fence).map(|(node, number)| Fence { node, number });
                    self.worker.clone().attempt(given, fence, self.handle.clone());
                }
                Order::Tell { hook, is_change } => *told.entry(hook).or_insert(false) |= is_change,
            }
        }
        for (hook, is_change) in told {
            let _alone = self.others.send(if is_change {
                PeerHint::Changed(hook)
            } else {
                PeerHint::More(hook)
            });
        }
    }
}
