//! The task that drives the [`board`](super::board): passes messages to it, carries out its
//! actions, and sleeps until its next timer or the next message. Idle while nothing is due.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    board::{Action, Board, Input},
    congestion::Congestion,
    handle::{Handle, Message, PeerHint},
    lane::Limits,
    worker::{LoadRequest, Worker},
};
use crate::{
    domain::id::NodeId,
    engine::{
        clock::Clock,
        config::Delivery,
        metrics,
        store::{claim::Fence, queue::PageLimit},
    },
};

struct Scheduler {
    board: Board,
    /// This node, where other nodes can share the database.
    node: Option<NodeId>,
    /// Takes hints for other nodes.
    peers: mpsc::UnboundedSender<PeerHint>,
    /// Answers [`Handle::stop`].
    stopping: Option<oneshot::Sender<()>>,
    clock: Clock,
    worker: Arc<Worker>,
    handle: Handle,
}

/// Starts the task, without lanes. `node`: this node, where other nodes can share the database;
/// `peers` then takes the hints for them.
pub fn start(
    settings: &Delivery,
    clock: Clock,
    worker: Worker,
    node: Option<NodeId>,
    peers: mpsc::UnboundedSender<PeerHint>,
) -> Handle {
    let (sender, messages) = mpsc::unbounded_channel();
    let (finished, _) = broadcast::channel(1024);
    let handle = Handle { messages: sender, finished, congestion: Congestion::default() };
    let limits = Limits {
        in_flight: settings.in_flight_per_hook,
        window: PageLimit { rows: settings.lane_window, bytes: settings.lane_window_bytes },
        drain_per_second: settings.drain_per_second,
        has_memory: true,
        is_shared: false,
    };
    let board = Board::new(settings.in_flight, limits, settings.memory_bytes, node.is_some());
    let worker = Arc::new(worker);
    let scheduler =
        Scheduler { board, node, peers, stopping: None, clock, worker, handle: handle.clone() };
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
                        self.receive(message);
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

    /// Publishes the lags of lanes, for back-pressure on accepts.
    fn note_lags(&self) {
        let (lags, congestion) = (self.board.lags(self.clock.now()), &self.handle.congestion);
        if !lags.is_empty() || congestion.is_lagging() {
            congestion.set(lags);
        }
    }

    /// Sleeps until the board's next timer; forever if there is none.
    async fn next_timer(&self) {
        match self.board.next_at() {
            Some(at) => tokio::time::sleep(self.clock.now().until(at)).await,
            None => std::future::pending().await,
        }
    }

    fn receive(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::Input(news) => {
                if let Input::Finished { delivery, .. } = &news {
                    let _no_subscribers = self.handle.finished.send(*delivery);
                }
                self.board.apply(news, now);
            }
            Message::HandOver(hooks, idle) => {
                let _gone = idle.send(self.board.idle_among(&hooks));
                self.board.apply(Input::HandOver(hooks), now);
            }
            Message::Ping(answer) => {
                let _gone = answer.send(());
            }
            Message::Stop(stopped) => {
                self.stopping = Some(stopped);
                self.board.apply(Input::Stop, now);
            }
        }
    }

    fn carry_out(&mut self) {
        let mut hints = HashMap::new();
        for action in self.board.take_actions() {
            match action {
                Action::Load { owned, wanted, known, room, ask } => {
                    let window =
                        PageLimit { rows: room.rows + known.rows, bytes: room.bytes + known.bytes };
                    let request = LoadRequest { wanted, window, ask, now: self.clock.now() };
                    self.worker.clone().load(owned, request, self.handle.clone());
                }
                Action::Step(owned) => self.worker.clone().step(owned, self.handle.clone()),
                Action::Rewind => self.worker.clone().rewind(self.handle.clone()),
                Action::Attempt { outgoing, fence } => {
                    let fence = self.node.zip(fence).map(|(node, number)| Fence { node, number });
                    self.worker.clone().attempt(outgoing, fence, self.handle.clone());
                }
                Action::HintPeers { hook, is_change } => {
                    *hints.entry(hook).or_insert(false) |= is_change
                }
            }
        }
        for (hook, is_change) in hints {
            let _notifier_ended = self.peers.send(if is_change {
                PeerHint::Changed(hook)
            } else {
                PeerHint::More(hook)
            });
        }
    }
}
