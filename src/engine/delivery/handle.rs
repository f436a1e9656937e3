//! The handle of the scheduler task, and the messages to it and to other nodes. Imports the board's
//! messages but not the scheduler, so that senders do not depend on it.

use std::collections::HashSet;

use tokio::sync::{broadcast, mpsc, oneshot};

use super::{board::Input, congestion::Congestion};
use crate::domain::id::{DeliveryId, HookId};

/// A message to the scheduler.
pub enum Message {
    Input(Input),
    /// Stop sending for these lanes. The answer: which of them have no attempt in flight.
    HandOver(HashSet<HookId>, oneshot::Sender<HashSet<HookId>>),
    /// Answer, and do nothing else.
    Ping(oneshot::Sender<()>),
    /// Start no more attempts; answer when none is in flight.
    Stop(oneshot::Sender<()>),
}

/// Sends messages to the scheduler. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) messages: mpsc::UnboundedSender<Message>,
    pub(super) finished: broadcast::Sender<DeliveryId>,
    pub(super) congestion: Congestion,
}

impl Handle {
    /// How long new deliveries wait for their attempts, for back-pressure on accepts.
    pub fn congestion(&self) -> &Congestion {
        &self.congestion
    }

    /// Sends news to the scheduler. After it has stopped the news is dropped, which is safe: the
    /// database has all of it.
    pub fn send(&self, news: Input) {
        let _stopped = self.messages.send(Message::Input(news));
    }

    /// Has the scheduler stopped or panicked?
    pub fn has_ended(&self) -> bool {
        self.messages.is_closed()
    }

    /// Resolves when the scheduler has stopped or panicked.
    pub async fn ended(&self) {
        self.messages.closed().await;
    }

    /// Resolves once the scheduler has processed all earlier messages. `None`: it has ended.
    pub async fn ping(&self) -> Option<()> {
        let (sender, answer) = oneshot::channel();
        let _stopped = self.messages.send(Message::Ping(sender));
        answer.await.ok()
    }

    /// Receives the id of every delivery whose attempt has finished.
    pub fn subscribe(&self) -> broadcast::Receiver<DeliveryId> {
        self.finished.subscribe()
    }

    /// Stops sending for exactly these lanes, and returns those with no attempt in flight. `None`:
    /// the scheduler has ended.
    pub async fn hand_over(&self, hooks: HashSet<HookId>) -> Option<HashSet<HookId>> {
        let (sender, idle) = oneshot::channel();
        let _stopped = self.messages.send(Message::HandOver(hooks, sender));
        idle.await.ok()
    }

    /// Starts no more attempts, and waits until none is in flight.
    pub async fn stop(&self) {
        let (stopped, wait) = oneshot::channel();
        let _stopped = self.messages.send(Message::Stop(stopped));
        let _gone = wait.await;
    }
}

/// A hint to other nodes about a hook of theirs.
#[derive(Clone, Copy, Debug)]
pub enum PeerHint {
    /// The hook may have open deliveries that its node does not know.
    More(HookId),
    /// The hook's row changed.
    Changed(HookId),
}
