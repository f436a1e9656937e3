//! A node: this server among others that share one PostgreSQL. It runs four tasks: the heartbeat
//! renews the lease every second, takes over the lanes of dead nodes and hands lanes over to new
//! ones; the poll finds due deliveries; the listener receives hints from other nodes; the notifier
//! sends hints to them.
//!
//! Heartbeat, listener and notifier each have a database connection of their own, so slow reads
//! cannot delay them.

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
    board::Input,
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
            wake::{self, Hint, HintListener, HintSender},
        },
        supervise,
    },
};

/// How often the database is polled for due deliveries, in case a hint was lost.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// The wait before the listener connects again.
const LISTEN_RETRY: Duration = Duration::from_secs(1);
/// The least time between two heartbeats, however often hooks change.
const MIN_BEAT_GAP: Duration = Duration::from_millis(200);
/// For so long after its start a node beats at the shortest interval and checks whether it replaces
/// a node that died: PostgreSQL may need a moment to notice that the old connection is closed.
const STARTUP: Duration = Duration::from_secs(3);
/// How long a node that leaves waits for its tasks, so that its last hints are sent.
const LAST_HINTS: Duration = Duration::from_secs(1);

/// The tasks of a node.
#[derive(Clone)]
pub struct Node {
    pub id: NodeId,
    store: Store,
    tasks: TaskTracker,
    aborts: Arc<OnceLock<Vec<AbortHandle>>>,
    /// Cancelled by [`Node::retire`].
    leaving: CancellationToken,
    /// Cancelled when a task panicked that cannot be restarted.
    ended: CancellationToken,
}

impl Node {
    pub fn new(id: NodeId, store: Store) -> Self {
        let (leaving, ended) = (CancellationToken::new(), CancellationToken::new());
        Self { id, store, tasks: TaskTracker::new(), aborts: Arc::default(), leaving, ended }
    }

    /// Starts the tasks. `jobs` is notified when there is a job that no live node works on; `hints`
    /// are the scheduler's hints to other nodes.
    pub fn start(
        &self,
        clock: Clock,
        lease: Lease,
        handle: Handle,
        jobs: Arc<Notify>,
        hints: mpsc::UnboundedReceiver<PeerHint>,
    ) {
        let hooks_changed = Arc::new(Notify::new());
        let heartbeat = HeartbeatTask {
            heartbeat: Heartbeat::new(self.store.db(), self.id, LEASE, clock.clone()),
            clock: clock.clone(),
            lease,
            handle: handle.clone(),
            jobs,
            hooks_changed: hooks_changed.clone(),
            leaving: self.leaving.clone(),
        };
        let (store, scheduler) = (self.store.clone(), handle.clone());
        let receive = supervise::run("hints", move || {
            receive_hints(store.clone(), scheduler.clone(), hooks_changed.clone())
        });
        let store = self.store.clone();
        let poll = supervise::run("due poll", move || {
            poll_due(store.clone(), clock.clone(), handle.clone())
        });
        let tasks = [
            self.tasks.spawn(self.must_not_panic(heartbeat.serve())),
            self.tasks.spawn(self.leaving.clone().run_until_cancelled_owned(receive).map(drop)),
            self.tasks.spawn(self.leaving.clone().run_until_cancelled_owned(poll).map(drop)),
            self.tasks.spawn(self.must_not_panic(send_hints(self.store.clone(), hints))),
        ];
        let _already_started =
            self.aborts.set(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
    }

    /// Wraps a task that cannot be restarted after a panic, because its state is lost: the node
    /// ends, and the process has to be restarted.
    fn must_not_panic(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let ended = self.ended.clone();
        AssertUnwindSafe(task).catch_unwind().map(move |done| {
            if done.is_err() {
                tracing::error!("a task of this node panicked; the node has stopped");
                ended.cancel();
            }
        })
    }

    /// Has the node stopped because one of its tasks panicked?
    pub fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Resolves when [`Node::has_ended`].
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Starts to hand over all lanes: idle ones immediately, each other one when its attempts in
    /// flight have ended.
    pub fn retire(&self) {
        self.leaving.cancel();
        self.tasks.close();
    }

    /// Ends the node and frees the lanes that it still owns. To be called after
    /// [`Node::retire`], when no attempt is in flight.
    pub async fn leave(&self) {
        let _late = tokio::time::timeout(LAST_HINTS, self.tasks.wait()).await;
        for task in self.aborts.get().into_iter().flatten() {
            task.abort();
        }
        if let Err(error) = claim::leave(self.store.db(), self.id).await {
            tracing::warn!(
                error = chain(&error),
                "could not release the lanes; they are free when the lease expires"
            );
        }
    }
}

struct HeartbeatTask {
    heartbeat: Heartbeat,
    clock: Clock,
    lease: Lease,
    handle: Handle,
    jobs: Arc<Notify>,
    /// Notified when hooks changed on any node. Triggers a heartbeat, because a new hook's lane
    /// needs an owner.
    hooks_changed: Arc<Notify>,
    leaving: CancellationToken,
}

impl HeartbeatTask {
    /// Beats until the node leaves, then hands over its lanes.
    async fn serve(mut self) {
        // Lanes that other nodes should own, and those that the scheduler knows of.
        let (mut handovers, mut known_handovers) = (HashSet::new(), HashSet::new());
        let started = self.clock.stopwatch();
        while !self.leaving.is_cancelled() {
            let requested = self.clock.stopwatch();
            let is_new = started.elapsed() < STARTUP;
            // Also when the set has become empty: a cancelled handover resumes sending.
            let is_handover = handovers != known_handovers || !handovers.is_empty();
            let idle =
                if is_handover { self.handle.hand_over(handovers.clone()).await } else { None }
                    .unwrap_or_default();
            known_handovers.clone_from(&handovers);
            let mut is_lost = false;
            match self.heartbeat.beat(&idle, is_new).await {
                Ok(Some(beat)) => {
                    is_lost = beat.is_lost;
                    handovers.clone_from(&beat.misplaced);
                    self.apply(requested, beat);
                }
                Ok(None) => return,
                Err(error) => tracing::error!(error = chain(&error), "a heartbeat failed"),
            }
            self.wait_for_beat(requested, if is_new || is_lost { MIN_BEAT_GAP } else { BEAT })
                .await;
        }
        self.retire().await;
    }

    /// Waits until the next heartbeat is due. `requested`: the start of the last one.
    async fn wait_for_beat(&self, requested: Stopwatch, beat: Duration) {
        tokio::time::sleep(MIN_BEAT_GAP.saturating_sub(requested.elapsed())).await;
        tokio::select! {
            () = tokio::time::sleep(beat.saturating_sub(requested.elapsed())) => {}
            () = self.hooks_changed.notified() => {}
            () = self.leaving.cancelled() => {}
        }
    }

    /// Hands over all lanes, each as soon as it has no attempt in flight, and keeps the lease alive
    /// meanwhile.
    async fn retire(&mut self) {
        let mut lanes = self.heartbeat.hooks();
        while !lanes.is_empty() {
            // `None`: the scheduler has ended, so no attempt is in flight.
            let Some(idle) = self.handle.hand_over(lanes.clone()).await else { return };
            let requested = self.clock.stopwatch();
            match self.heartbeat.retire(&idle).await {
                Ok(false) => return self.lease.clear(),
                Ok(true) => {
                    self.lease.renew(requested, None, false);
                    lanes.retain(|hook| !idle.contains(hook));
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "failed to hand over lanes")
                }
            }
            tokio::time::sleep(MIN_BEAT_GAP).await;
        }
    }

    /// Passes the result of a heartbeat on to the lease, the scheduler and the job runner.
    fn apply(&self, requested: Stopwatch, beat: Beat) {
        if beat.is_lost {
            tracing::warn!(
                "the lease expired before this node renewed it; its lanes are free, and it rejoins"
            );
            self.lease.clear();
        } else {
            self.lease.renew(requested, beat.lanes.clone(), beat.is_leader);
        }
        if let Some(lanes) = beat.lanes {
            self.handle.send(Input::Lanes(lanes));
        }
        let hooks = beat.changed.unwrap_or_else(|| self.heartbeat.hooks().into_iter().collect());
        if !hooks.is_empty() {
            self.handle.send(Input::FromPeer { hooks, is_change: true });
        }
        if beat.has_orphaned_job {
            self.jobs.notify_one();
        }
    }
}

/// Polls the database for due deliveries: hints can get lost.
async fn poll_due(store: Store, clock: Clock, handle: Handle) {
    loop {
        let found: Result<Vec<HookId>, Error> = async {
            let mut conn = store.read_for_lanes().await?;
            due::hooks(&mut conn, clock.now()).await
        }
        .await;
        match found {
            Ok(hooks) => handle.send(Input::FromPeer { hooks, is_change: false }),
            Err(Error::Closed) => return,
            Err(error) => {
                tracing::error!(error = chain(&error), "could not poll for due deliveries")
            }
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Receives hints from other nodes, and reconnects after a failure.
async fn receive_hints(store: Store, handle: Handle, hooks_changed: Arc<Notify>) {
    loop {
        let failed = match wake::listen(store.db()).await {
            Ok(None) => return,
            Ok(Some(listener)) => listen(listener, &handle, &hooks_changed).await,
            Err(error) => error,
        };
        tracing::warn!(error = chain(&failed), "hints from other nodes can't be received");
        tokio::time::sleep(LISTEN_RETRY).await;
    }
}

/// Forwards hints until the connection fails.
async fn listen(mut listener: HintListener, handle: &Handle, hooks_changed: &Notify) -> Error {
    // Hints that were sent before the connection was open are lost, and the heartbeat may already
    // have taken lanes.
    handle.send(Input::HintsMissed);
    loop {
        match listener.receive().await {
            Ok(Hint::Missed) => handle.send(Input::HintsMissed),
            Ok(Hint::More(hooks)) => handle.send(Input::FromPeer { hooks, is_change: false }),
            Ok(Hint::Changed(hooks)) => {
                handle.send(Input::FromPeer { hooks, is_change: true });
                hooks_changed.notify_one();
            }
            Err(error) => return error,
        }
    }
}

/// Sends hints to the other nodes, batched and deduplicated, at most one batch per
/// [`wake::HINT_INTERVAL`].
async fn send_hints(store: Store, mut hints: mpsc::UnboundedReceiver<PeerHint>) {
    let (mut sender, mut batch) = (HintSender::new(store.db()), Vec::new());
    while hints.recv_many(&mut batch, usize::MAX).await > 0 {
        let (mut more, mut changed) = (HashSet::new(), HashSet::new());
        for hint in batch.drain(..) {
            match hint {
                PeerHint::More(hook) => more.insert(hook),
                PeerHint::Changed(hook) => changed.insert(hook),
            };
        }
        if let Err(error) = sender.send(&more, &changed).await {
            tracing::warn!(error = chain(&error), "hints to other nodes could not be sent");
        }
        tokio::time::sleep(wake::HINT_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::engine::config::Settings;

    #[tokio::test]
    async fn a_task_that_panics_ends_the_node_and_a_task_that_returns_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: PathBuf::from(folder.path()), ..Settings::default() };
        let store = Store::open(&settings).await.unwrap();
        let node = Node::new(NodeId(Clock::System.id()), store.clone());
        node.must_not_panic(async {}).await;
        assert!(!node.has_ended());
        node.must_not_panic(async { panic!("on purpose") }).await;
        assert!(node.has_ended());
        node.ended().await;
        store.close().await;
    }
}
