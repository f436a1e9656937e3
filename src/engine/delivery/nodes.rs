//! This server among others on one PostgreSQL: its heart beats every second, which keeps its lanes, takes those of nodes
//! that fell silent and gives others away; and it tells the others, and hears from them, that something waits or changed.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{sync::mpsc, task::AbortHandle};

use super::{
    board::News,
    lease::{BEAT, LEASE, Lease},
    scheduler::Handle,
};
use crate::{
    domain::id::{HookId, NodeId},
    engine::{
        clock::Clock,
        store::{
            Error, Store,
            claim::{self, Beat},
            error::chain,
            queue,
            wake::{self, Hint},
        },
    },
};

/// How often a node looks for work that no hint told it of.
const LOOK_EVERY: u32 = 5;
const HEAR_AGAIN: Duration = Duration::from_secs(1);

/// What of this node's hooks the others should know.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    More(HookId),
    Changed(HookId),
}

/// The tasks of a node.
#[derive(Clone)]
pub struct Node {
    pub id: NodeId,
    store: Store,
    tasks: Arc<OnceLock<Vec<AbortHandle>>>,
}

impl Node {
    pub fn new(id: NodeId, store: Store) -> Self {
        Self { id, store, tasks: Arc::default() }
    }

    /// Takes part from now on.
    pub fn start(&self, clock: Clock, lease: Lease, handle: Handle, words: mpsc::UnboundedReceiver<Word>) {
        let heart = Heart { id: self.id, store: self.store.clone(), clock, lease, handle: handle.clone() };
        let tasks = [
            tokio::spawn(heart.serve()),
            tokio::spawn(hear(self.store.clone(), handle)),
            tokio::spawn(speak(self.store.clone(), words)),
        ];
        let _already_started = self.tasks.set(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
    }

    /// Leaves its lanes to the others at once.
    pub async fn leave(&self) {
        for task in self.tasks.get().into_iter().flatten() {
            task.abort();
        }
        if let Err(error) = claim::leave(self.store.db(), self.id).await {
            tracing::warn!(error = chain(&error), "the lanes stay until their leases end");
        }
    }
}

struct Heart {
    id: NodeId,
    store: Store,
    clock: Clock,
    lease: Lease,
    handle: Handle,
}

impl Heart {
    async fn serve(self) {
        let mut version = None;
        let mut strangers = HashSet::new();
        for count in 0u32.. {
            let asked = self.clock.stopwatch();
            // Said even when there are none: a lane whose other node went away is to send again.
            let idle = self.handle.part(strangers.clone()).await;
            match claim::beat(self.store.db(), self.id, LEASE, &idle).await {
                Ok(Some(beat)) => {
                    self.lease.renewed(asked);
                    strangers.clone_from(&beat.strangers);
                    let lanes: HashSet<HookId> = beat.lanes.keys().copied().collect();
                    let is_changed = version.replace(beat.version).is_some_and(|before| before != beat.version);
                    self.pass_on(beat, is_changed);
                    if count.is_multiple_of(LOOK_EVERY) {
                        self.look(&lanes).await;
                    }
                }
                Ok(None) => return,
                Err(error) => tracing::error!(error = chain(&error), "a beat of this node failed"),
            }
            tokio::time::sleep(BEAT.saturating_sub(asked.elapsed())).await;
        }
    }

    fn pass_on(&self, beat: Beat, is_changed: bool) {
        let hooks: Vec<HookId> = beat.lanes.keys().copied().collect();
        self.handle.tell(News::Lanes(beat.lanes));
        if is_changed {
            self.handle.tell(News::Changed(hooks));
        }
    }

    /// Hints can get lost; what is in the database cannot.
    async fn look(&self, lanes: &HashSet<HookId>) {
        let found: Result<Vec<HookId>, Error> = async {
            let mut conn = self.store.read().await?;
            queue::hooks_with_open(&mut conn).await
        }
        .await;
        match found {
            Ok(hooks) => {
                let ours = hooks.into_iter().filter(|hook| lanes.contains(hook)).collect();
                self.handle.tell(News::More(ours));
            }
            Err(error) => tracing::error!(error = chain(&error), "open deliveries could not be looked for"),
        }
    }
}

async fn hear(store: Store, handle: Handle) {
    loop {
        let failed = match wake::ear(store.db()).await {
            Ok(None) => return,
            Ok(Some(mut ear)) => loop {
                match ear.hear().await {
                    Ok(Hint::More(hooks)) => handle.tell(News::Heard { hooks, is_change: false }),
                    Ok(Hint::Changed(hooks)) => handle.tell(News::Heard { hooks, is_change: true }),
                    Err(error) => break error,
                }
            },
            Err(error) => error,
        };
        tracing::warn!(error = chain(&failed), "hints from other nodes cannot be heard");
        tokio::time::sleep(HEAR_AGAIN).await;
    }
}

async fn speak(store: Store, mut words: mpsc::UnboundedReceiver<Word>) {
    let mut said = Vec::new();
    while words.recv_many(&mut said, usize::MAX).await > 0 {
        let (mut more, mut changed) = (HashSet::new(), HashSet::new());
        for word in said.drain(..) {
            match word {
                Word::More(hook) => more.insert(hook),
                Word::Changed(hook) => changed.insert(hook),
            };
        }
        if let Err(error) = wake::tell(store.db(), &more, &changed).await {
            tracing::warn!(error = chain(&error), "other nodes were not told");
        }
        tokio::time::sleep(wake::QUIET).await;
    }
}
