//! This server among others on one PostgreSQL: its heart beats every second, which keeps its lanes, takes those of nodes
//! that fell silent and gives others away; and it tells the others, and hears from them, that something waits or changed.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    sync::{Notify, mpsc},
    task::AbortHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    board::News,
    lease::{BEAT, LEASE, Lease},
    scheduler::Handle,
};
use crate::{
    domain::id::{HookId, NodeId},
    engine::{
        clock::{Clock, Stopwatch},
        store::{
            Error, Store,
            claim::{self, Beat, Pulse},
            error::chain,
            queue,
            wake::{self, Ear, Hint},
        },
    },
};

/// How often a node looks for work that no hint told it of.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const HEAR_AGAIN: Duration = Duration::from_secs(1);
/// The least time between two beats, however often the bell rings.
const BREATH: Duration = Duration::from_millis(200);
/// A node is new for so long, and looks whether it replaces one that died: PostgreSQL may need a moment to notice that.
const YOUTH: Duration = Duration::from_secs(3);
/// How long a node that goes waits until the others are told what it knows.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    tasks: TaskTracker,
    aborts: Arc<OnceLock<Vec<AbortHandle>>>,
    going: CancellationToken,
}

impl Node {
    pub fn new(id: NodeId, store: Store) -> Self {
        Self { id, store, tasks: TaskTracker::new(), aborts: Arc::default(), going: CancellationToken::new() }
    }

    /// Takes part from now on.
    pub fn start(&self, clock: Clock, lease: Lease, handle: Handle, words: mpsc::UnboundedReceiver<Word>) {
        let bell = Arc::new(Notify::new());
        let heart = Heart {
            pulse: Pulse::new(self.store.db(), self.id, LEASE),
            store: self.store.clone(),
            clock,
            lease,
            handle: handle.clone(),
            bell: bell.clone(),
            going: self.going.clone(),
        };
        let (hear, speak) = (hear(self.store.clone(), handle, bell), speak(self.store.clone(), words));
        let hear = self.going.clone().run_until_cancelled_owned(hear);
        let tasks = [self.tasks.spawn(heart.serve()), self.tasks.spawn(hear.map(drop)), self.tasks.spawn(speak)];
        let _already_started = self.aborts.set(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
    }

    /// Begins to leave its lanes to the others: those with nothing in flight at once, each of the rest when it is done.
    pub fn retire(&self) {
        self.going.cancel();
        self.tasks.close();
    }

    /// Ends, after what was in flight. Whatever is still this node's is free from now on.
    pub async fn leave(&self) {
        let _late = tokio::time::timeout(LAST_WORDS, self.tasks.wait()).await;
        for task in self.aborts.get().into_iter().flatten() {
            task.abort();
        }
        if let Err(error) = claim::leave(self.store.db(), self.id).await {
            tracing::warn!(error = chain(&error), "the lanes stay until their leases end");
        }
    }
}

struct Heart {
    pulse: Pulse,
    store: Store,
    clock: Clock,
    lease: Lease,
    handle: Handle,
    /// Rung when hooks changed somewhere: a new one waits for its node.
    bell: Arc<Notify>,
    going: CancellationToken,
}

impl Heart {
    async fn serve(mut self) {
        let (mut version, mut looked): (Option<i64>, Option<Stopwatch>) = (None, None);
        let (mut lanes, mut strangers, mut parted) = (HashSet::new(), HashSet::new(), HashSet::new());
        let born = self.clock.stopwatch();
        while !self.going.is_cancelled() {
            let asked = self.clock.stopwatch();
            let is_new = born.elapsed() < YOUTH;
            // Also to say that nothing is to go any more.
            let is_news = strangers != parted || !strangers.is_empty();
            let idle = if is_news { self.handle.part(strangers.clone()).await } else { None }.unwrap_or_default();
            parted.clone_from(&strangers);
            match self.pulse.beat(&idle, is_new).await {
                Ok(Some(beat)) => {
                    self.lease.renewed(asked, beat.lanes.clone());
                    strangers.clone_from(&beat.strangers);
                    lanes = beat.lanes.keys().copied().collect();
                    let is_changed = version.replace(beat.version).is_some_and(|before| before != beat.version);
                    self.pass_on(beat, is_changed);
                    if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
                        looked = Some(self.clock.stopwatch());
                        self.look(&lanes).await;
                    }
                }
                Ok(None) => return,
                Err(error) => tracing::error!(error = chain(&error), "a beat of this node failed"),
            }
            self.rest(asked, if is_new { BREATH } else { BEAT }).await;
        }
        self.retire(lanes).await;
    }

    /// Until the next beat.
    async fn rest(&self, asked: Stopwatch, beat: Duration) {
        tokio::time::sleep(BREATH.saturating_sub(asked.elapsed())).await;
        tokio::select! {
            () = tokio::time::sleep(beat.saturating_sub(asked.elapsed())) => {}
            () = self.bell.notified() => {}
            () = self.going.cancelled() => {}
        }
    }

    /// Hands over what it has, lane by lane, while what is in flight comes to its end.
    async fn retire(&mut self, mut lanes: HashSet<HookId>) {
        while !lanes.is_empty() {
            // Nobody answers once the scheduler has ended: then nothing is in flight.
            let Some(idle) = self.handle.part(lanes.clone()).await else { return };
            match self.pulse.retire(&idle).await {
                Ok(()) => lanes.retain(|hook| !idle.contains(hook)),
                Err(error) => tracing::error!(error = chain(&error), "lanes could not be handed over"),
            }
            tokio::time::sleep(BREATH).await;
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

async fn hear(store: Store, handle: Handle, bell: Arc<Notify>) {
    loop {
        let failed = match wake::ear(store.db()).await {
            Ok(None) => return,
            Ok(Some(ear)) => listen(ear, &handle, &bell).await,
            Err(error) => error,
        };
        tracing::warn!(error = chain(&failed), "hints from other nodes cannot be heard");
        tokio::time::sleep(HEAR_AGAIN).await;
    }
}

/// Until that fails.
async fn listen(mut ear: Ear, handle: &Handle, bell: &Notify) -> Error {
    // The heart beats already: what was said of its lanes before anybody listened is lost.
    handle.tell(News::Deaf);
    loop {
        match ear.hear().await {
            Ok(Hint::Missed) => handle.tell(News::Deaf),
            Ok(Hint::More(hooks)) => handle.tell(News::Heard { hooks, is_change: false }),
            Ok(Hint::Changed(hooks)) => {
                handle.tell(News::Heard { hooks, is_change: true });
                bell.notify_one();
            }
            Err(error) => return error,
        }
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
