//! Readiness and liveness checks for load balancers and supervisors. Every check is bounded by
//! [`CHECK_TIMEOUT`]: a component that does not answer in time counts as down.

use std::{
    sync::{Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use super::Dispatcher;
use crate::engine::store::{Error, error::chain};

/// Time limit for a check. The callers usually give up after one second.
const CHECK_TIMEOUT: Duration = Duration::from_millis(800);

/// The state of one component that the engine cannot work without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    pub name: &'static str,
    pub is_up: bool,
    /// Why it is down; empty if it is up.
    pub words: String,
}

impl Component {
    fn new(name: &'static str, trouble: Option<String>) -> Self {
        Self { name, is_up: trouble.is_none(), words: trouble.unwrap_or_default() }
    }
}

type ProbeResult = Shared<BoxFuture<'static, Result<(), Error>>>;

/// The last probe of the writer. Concurrent checks share a pending probe, so that probes do not
/// queue up when the database hangs.
#[derive(Default)]
pub(super) struct WriterProbe(Mutex<Option<ProbeResult>>);

impl Dispatcher {
    /// The current state of all components. Probes the writer, the scheduler and the master key.
    pub async fn components(&self) -> Vec<Component> {
        let (database, scheduler, ()) = tokio::join!(
            with_timeout(self.probe_database()),
            with_timeout(self.probe_scheduler()),
            self.check_key()
        );
        let mut components = vec![Component::new("database", database.err())];
        components.extend(self.known_components());
        if let (Some(known), Err(problem)) =
            (components.iter_mut().find(|known| known.name == "scheduler"), scheduler)
        {
            *known = Component::new("scheduler", Some(problem));
        }
        components
    }

    /// The states that are known in memory. Probes nothing.
    pub fn known_components(&self) -> Vec<Component> {
        let failing = self.store.failing();
        let writer = match failing {
            _ if self.store.writer_has_ended() => Some("the task has ended".to_owned()),
            Some(failing) if failing.has_reserve => None,
            Some(failing) => Some(format!("writes have failed since {}", failing.since.rfc3339())),
            None => None,
        };
        let has_ended = self.scheduler.has_ended() || self.node.has_ended();
        let scheduler = has_ended.then(|| "the task has ended".to_owned());
        let is_wrong = self.has_wrong_key.load(Ordering::Relaxed);
        let key =
            is_wrong.then(|| "the master key can't decrypt the secrets in the database".to_owned());
        let disk =
            failing.is_some_and(|failing| failing.is_full).then(|| "the disk is full".to_owned());
        let problems = [("writer", writer), ("scheduler", scheduler), ("disk", disk), ("key", key)];
        problems.into_iter().map(|(name, trouble)| Component::new(name, trouble)).collect()
    }

    /// Resolves with the name of an essential task that ended unexpectedly. The process must then
    /// be restarted: a new task would not know the attempts in flight, and all other state is in
    /// the database.
    pub async fn ended(&self) -> &'static str {
        tokio::select! {
            () = self.scheduler.ended() => "the scheduler",
            () = self.node.ended() => "this node's heartbeat",
            () = self.store.writer_ended() => "the writer",
        }
    }

    /// Sends a command that writes nothing. It completes only if the writer accepts commands and
    /// the database commits them.
    fn probe_writer(&self) -> ProbeResult {
        let mut last = self.writer_probe.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = last.as_ref().filter(|probe| probe.peek().is_none()) {
            return pending.clone();
        }
        let store = self.store.clone();
        // A task of its own, so that the probe completes even if all callers gave up waiting.
        let probing =
            tokio::spawn(
                async move { store.write(|_| Box::pin(async { Ok::<(), Error>(()) })).await },
            );
        let probe = probing.map(|result| result.unwrap_or(Err(Error::Panicked))).boxed().shared();
        *last = Some(probe.clone());
        probe
    }

    /// Details of a failure go to the log only, because the health check is public.
    async fn probe_database(&self) -> Result<(), String> {
        self.probe_writer().await.map_err(|error| {
            tracing::warn!(error = chain(&error), "the database rejects writes");
            "the database rejects writes; the server's log has the cause".to_owned()
        })
    }

    /// Updates `has_wrong_key`. If the database does not answer, the last result stays.
    async fn check_key(&self) {
        if let Ok(Ok(fits)) = tokio::time::timeout(CHECK_TIMEOUT, self.store.key_fits()).await {
            self.has_wrong_key.store(!fits, Ordering::Relaxed);
        }
    }

    async fn probe_scheduler(&self) -> Result<(), String> {
        self.scheduler.ping().await.ok_or_else(|| "the task has ended".to_owned())
    }
}

async fn with_timeout(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = |_| Err(format!("no answer within {} ms", CHECK_TIMEOUT.as_millis()));
    tokio::time::timeout(CHECK_TIMEOUT, check).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        domain::id::{DeliveryId, HookId},
        engine::{
            config::Settings,
            delivery::board::{Input, OwnedLane},
            dispatcher::{Config, trouble::Trouble},
        },
    };

    /// A result for an attempt that was never started makes the scheduler panic, like a bug would.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_dead_scheduler_is_reported_immediately() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: PathBuf::from(folder.path()), ..Settings::default() };
        let engine = Dispatcher::start(Config::new(settings)).await.unwrap();
        let is_up = |components: &[Component]| components.iter().all(|component| component.is_up);
        assert!(is_up(&engine.components().await), "{:?}", engine.components().await);
        assert!(engine.ended().now_or_never().is_none());
        let owned = OwnedLane { hook: HookId(engine.clock.id()), fence: None };
        let delivery = DeliveryId(engine.clock.id());
        engine.scheduler.send(Input::Finished {
            owned,
            delivery,
            was_sent: true,
            due_at: None,
            health: None,
        });
        assert_eq!(engine.ended().await, "the scheduler");
        let components = engine.components().await;
        let down: Vec<_> = components.iter().filter(|component| !component.is_up).collect();
        assert!(down.len() == 1 && down[0].name == "scheduler", "{components:?}");
        assert!(engine.troubles().contains(&Trouble::Stopped));
        engine.shutdown().await;
    }
}
