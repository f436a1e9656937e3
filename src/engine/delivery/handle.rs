//! The way to the scheduler, and the messages that go there and to other nodes. Imports the board's
//! messages only, so that whoever tells the scheduler something need not know it.

use std::collections::HashSet;

use tokio::sync::{broadcast, mpsc, oneshot};

use super::{board::News, congestion::Congestion};
use crate::domain::id::{DeliveryId, HookId};

/// What the scheduler is told.
pub enum Message {
    News(News),
    /// Send nothing more for these; which of them have nothing in flight?
    Part(HashSet<HookId>, oneshot::Sender<HashSet<HookId>>),
    /// Only answer.
    Ping(oneshot::Sender<()>),
    /// Start nothing more; answer when nothing is in flight.
    Stop(oneshot::Sender<()>),
}

/// The way to the scheduler.
#[derive(Clone)]
pub struct Handle {
    pub(super) messages: mpsc::UnboundedSender<Message>,
    pub(super) finished: broadcast::Sender<DeliveryId>,
    pub(super) congestion: Congestion,
}

impl Handle {
    /// How long new deliveries wait for their attempts.
    pub fn congestion(&self) -> &Congestion {
        &self.congestion
    }

    /// Tells the scheduler something. After it stopped nobody listens, and the database still
    /// knows.
    pub fn tell(&self, news: News) {
        let _stopped = self.messages.send(Message::News(news));
    }

    /// It stopped, or came to grief: nobody listens any more.
    pub fn has_ended(&self) -> bool {
        self.messages.is_closed()
    }

    /// Resolves when it has.
    pub async fn ended(&self) {
        self.messages.closed().await;
    }

    /// Answers once it has heard everything that it was told before. `None`: it has ended.
    pub async fn ping(&self) -> Option<()> {
        let (sender, answer) = oneshot::channel();
        let _stopped = self.messages.send(Message::Ping(sender));
        answer.await.ok()
    }

    /// Hears of every delivery that an attempt was recorded for.
    pub fn listen(&self) -> broadcast::Receiver<DeliveryId> {
        self.finished.subscribe()
    }

    /// Sends nothing more for these hooks, and says which of them have nothing in flight. `None`:
    /// it has ended.
    pub async fn part(&self, hooks: HashSet<HookId>) -> Option<HashSet<HookId>> {
        let (sender, idle) = oneshot::channel();
        let _stopped = self.messages.send(Message::Part(hooks, sender));
        idle.await.ok()
    }

    /// Starts nothing more and waits for what is in flight.
    pub async fn stop(&self) {
        let (stopped, wait) = oneshot::channel();
        let _stopped = self.messages.send(Message::Stop(stopped));
        let _gone = wait.await;
    }
}

/// What of this node's hooks the others should know.
#[derive(Clone, Copy, Debug)]
pub enum PeerHint {
    More(HookId),
    Changed(HookId),
}
