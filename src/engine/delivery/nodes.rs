//! This server among others on one PostgreSQL. Its heartbeat goes out every second: it renews the
//! lease, takes the lanes of nodes that fell silent and gives others away. And it tells the others,
//! and hears from them, that something waits or changed.
//!
//! Heartbeat, listener and notifier have connections of their own, and nothing that reads stands in
//! their way.

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
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
    handle::{Handle, PeerHint},
    lease::{BEAT, LEASE, Lease},
};
use crate::{
    domain::id::{HookId, NodeId},
    engine::{
        clock::{Clock, Stopwatch},
        store::{
            Error, Store,
            claim::{self, Beat, Heartbeat},
            due,
            error::chain,
            wake::{self, Ear, Hint, Voice},
        },
        supervise,
    },
};

/// How often a node looks for work that no hint told it of.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const HEAR_AGAIN: Duration = Duration::from_secs(1);
/// The least time between two beats, however often the bell rings.
const BREATH: Duration = Duration::from_millis(200);
/// A node is new for so long, and looks whether it replaces one that died: PostgreSQL may need a
/// moment to notice that.
const YOUTH: Duration = Duration::from_secs(3);
/// How long a node that goes waits until the others are told what it knows.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The tasks of a node.
#[derive(Clone)]
pub struct Node {
    pub id: NodeId,
    store: Store,
    tasks: TaskTracker,
    aborts: Arc<OnceLock<Vec<AbortHandle>>>,
    going: CancellationToken,
    /// A task that cannot be begun again has panicked.
    ended: CancellationToken,
}

impl Node {
    pub fn new(id: NodeId, store: Store) -> Self {
        let (going, ended) = (CancellationToken::new(), CancellationToken::new());
        Self { id, store, tasks: TaskTracker::new(), aborts: Arc::default(), going, ended }
    }

    /// Takes part from now on. `jobs` is rung when there is a job that no living node works on.
    pub fn start(
        &self,
        clock: Clock,
        lease: Lease,
        handle: Handle,
        jobs: Arc<Notify>,
        words: mpsc::UnboundedReceiver<PeerHint>,
    ) {
        let bell = Arc::new(Notify::new());
        let heartbeat = HeartbeatTask {
            heartbeat: Heartbeat::new(self.store.db(), self.id, LEASE, clock.clone()),
            clock: clock.clone(),
            lease,
            handle: handle.clone(),
            jobs,
            bell: bell.clone(),
            going: self.going.clone(),
        };
        let (store, teller) = (self.store.clone(), handle.clone());
        let hear =
            supervise::again("hints", move || hear(store.clone(), teller.clone(), bell.clone()));
        let store = self.store.clone();
        let look =
            supervise::again("looks", move || look(store.clone(), clock.clone(), handle.clone()));
        let tasks = [
            self.tasks.spawn(self.vital(heartbeat.serve())),
            self.tasks.spawn(self.going.clone().run_until_cancelled_owned(hear).map(drop)),
            self.tasks.spawn(self.going.clone().run_until_cancelled_owned(look).map(drop)),
            self.tasks.spawn(self.vital(speak(self.store.clone(), words))),
        ];
        let _already_started =
            self.aborts.set(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
    }

    /// What such a task knows is lost with it: only a new process mends that.
    fn vital(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let ended = self.ended.clone();
        AssertUnwindSafe(task).catch_unwind().map(move |done| {
            if done.is_err() {
                tracing::error!("a task of this node panicked; it takes no part any more");
                ended.cancel();
            }
        })
    }

    /// It takes no part any more although it was not asked to leave.
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Resolves when that is so.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Begins to leave its lanes to the others: those with nothing in flight at once, each of the
    /// rest when it is done.
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
            tracing::warn!(error = chain(&error), "the lanes stay until the lease ends");
        }
    }
}

struct HeartbeatTask {
    heartbeat: Heartbeat,
    clock: Clock,
    lease: Lease,
    handle: Handle,
    jobs: Arc<Notify>,
    /// Rung when hooks changed somewhere: a new one waits for its node.
    bell: Arc<Notify>,
    going: CancellationToken,
}

impl HeartbeatTask {
    async fn serve(mut self) {
        let (mut strangers, mut parted) = (HashSet::new(), HashSet::new());
        let born = self.clock.stopwatch();
        while !self.going.is_cancelled() {
            let asked = self.clock.stopwatch();
            let is_new = born.elapsed() < YOUTH;
            // Also to say that nothing is to go any more.
            let is_news = strangers != parted || !strangers.is_empty();
            let idle = if is_news { self.handle.part(strangers.clone()).await } else { None }
                .unwrap_or_default();
            parted.clone_from(&strangers);
            let mut is_lost = false;
            match self.heartbeat.beat(&idle, is_new).await {
                Ok(Some(beat)) => {
                    is_lost = beat.is_lost;
                    strangers.clone_from(&beat.strangers);
                    self.pass_on(asked, beat);
                }
                Ok(None) => return,
                Err(error) => tracing::error!(error = chain(&error), "a beat of this node failed"),
            }
            self.rest(asked, if is_new || is_lost { BREATH } else { BEAT }).await;
        }
        self.retire().await;
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
    async fn retire(&mut self) {
        let mut lanes = self.heartbeat.hooks();
        while !lanes.is_empty() {
            // There is no answer once the scheduler has ended: then nothing is in flight.
            let Some(idle) = self.handle.part(lanes.clone()).await else { return };
            let asked = self.clock.stopwatch();
            match self.heartbeat.retire(&idle).await {
                Ok(false) => return self.lease.lost(),
                Ok(true) => {
                    self.lease.renewed(asked, None, false);
                    lanes.retain(|hook| !idle.contains(hook));
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "lanes could not be handed over")
                }
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    fn pass_on(&self, asked: Stopwatch, beat: Beat) {
        if beat.is_lost {
            tracing::warn!(
                "this node was silent for a whole lease; its lanes are free, and it begins anew"
            );
            self.lease.lost();
        } else {
            self.lease.renewed(asked, beat.lanes.clone(), beat.is_first);
        }
        if let Some(lanes) = beat.lanes {
            self.handle.tell(News::Lanes(lanes));
        }
        let hooks = beat.changed.unwrap_or_else(|| self.heartbeat.hooks().into_iter().collect());
        if !hooks.is_empty() {
            self.handle.tell(News::Heard { hooks, is_change: true });
        }
        if beat.has_job {
            self.jobs.notify_one();
        }
    }
}

/// Hints can get lost; what is in the database cannot.
async fn look(store: Store, clock: Clock, handle: Handle) {
    loop {
        let found: Result<Vec<HookId>, Error> = async {
            let mut conn = store.read_for_lanes().await?;
            due::hooks(&mut conn, clock.now()).await
        }
        .await;
        match found {
            Ok(hooks) => handle.tell(News::Heard { hooks, is_change: false }),
            Err(Error::Closed) => return,
            Err(error) => {
                tracing::error!(error = chain(&error), "open deliveries could not be looked for")
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
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
    // The heartbeat has begun already: hints about its lanes from before this are lost.
    handle.tell(News::HintsMissed);
    loop {
        match ear.hear().await {
            Ok(Hint::Missed) => handle.tell(News::HintsMissed),
            Ok(Hint::More(hooks)) => handle.tell(News::Heard { hooks, is_change: false }),
            Ok(Hint::Changed(hooks)) => {
                handle.tell(News::Heard { hooks, is_change: true });
                bell.notify_one();
            }
            Err(error) => return error,
        }
    }
}

async fn speak(store: Store, mut words: mpsc::UnboundedReceiver<PeerHint>) {
    let (mut voice, mut said) = (Voice::new(store.db()), Vec::new());
    while words.recv_many(&mut said, usize::MAX).await > 0 {
        let (mut more, mut changed) = (HashSet::new(), HashSet::new());
        for word in said.drain(..) {
            match word {
                PeerHint::More(hook) => more.insert(hook),
                PeerHint::Changed(hook) => changed.insert(hook),
            };
        }
        if let Err(error) = voice.tell(&more, &changed).await {
            tracing::warn!(error = chain(&error), "other nodes were not told");
        }
        tokio::time::sleep(wake::QUIET).await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::engine::config::Settings;

    #[tokio::test]
    async fn a_heart_that_panics_is_told_and_one_that_stops_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: PathBuf::from(folder.path()), ..Settings::default() };
        let store = Store::open(&settings).await.unwrap();
        let node = Node::new(NodeId(Clock::System.id()), store.clone());
        node.vital(async {}).await;
        assert!(!node.has_ended());
        node.vital(async { panic!("on purpose") }).await;
        assert!(node.has_ended());
        node.ended().await;
        store.close().await;
    }
}
