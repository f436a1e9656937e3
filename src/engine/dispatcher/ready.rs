//! Does the engine do its work at this moment? Asked by load balancers and supervisors, so it is
//! answered in time whatever happens: nothing here waits longer than [`PATIENCE`], and what does
//! not answer by then does not work.

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

/// How long an answer is waited for. Whoever asks gives up after a second.
const PATIENCE: Duration = Duration::from_millis(800);

/// One part of the engine without which it does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    pub name: &'static str,
    pub is_up: bool,
    /// In words; of what is up there may be nothing to say.
    pub words: String,
}

impl Component {
    fn new(name: &'static str, trouble: Option<String>) -> Self {
        Self { name, is_up: trouble.is_none(), words: trouble.unwrap_or_default() }
    }
}

type Answer = Shared<BoxFuture<'static, Result<(), Error>>>;

/// The question that the writer was asked last. Everybody who asks while it is unanswered waits for
/// the same answer, so that questions do not pile up before a database that hangs.
#[derive(Default)]
pub(super) struct Asked(Mutex<Option<Answer>>);

impl Dispatcher {
    /// Each part, asked just now.
    pub async fn components(&self) -> Vec<Component> {
        let (database, scheduler, ()) = tokio::join!(
            in_time(self.ask_database()),
            in_time(self.ask_scheduler()),
            self.look_at_key()
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

    /// Those of which memory knows how they are: nothing is asked.
    pub fn known_components(&self) -> Vec<Component> {
        let failing = self.store.failing();
        let writer = match failing {
            _ if self.store.writer_has_ended() => Some("the task has ended".to_owned()),
            Some(failing) if failing.has_reserve => None,
            Some(failing) => {
                Some(format!("nothing can be written since {}", failing.since.rfc3339()))
            }
            None => None,
        };
        let has_ended = self.scheduler.has_ended() || self.node.has_ended();
        let scheduler = has_ended.then(|| "the task has ended".to_owned());
        let is_wrong = self.has_wrong_key.load(Ordering::Relaxed);
        let key = is_wrong
            .then(|| "the master key does not open what is sealed in the database".to_owned());
        let disk = failing.is_some_and(|failing| failing.is_full).then(|| "it is full".to_owned());
        let parts = [("writer", writer), ("scheduler", scheduler), ("disk", disk), ("key", key)];
        parts.into_iter().map(|(name, trouble)| Component::new(name, trouble)).collect()
    }

    /// Resolves when a part that everything needs has ended although it was not asked to. Only a
    /// new process mends that: what was under way is known to it alone, and everything else is in
    /// the database.
    pub async fn ended(&self) -> &'static str {
        tokio::select! {
            () = self.scheduler.ended() => "the scheduler",
            () = self.node.ended() => "this node's heartbeat",
            () = self.store.writer_ended() => "the writer",
        }
    }

    /// A command that writes nothing: answered only if the writer takes commands and the database
    /// commits them.
    fn ask_writer(&self) -> Answer {
        let mut asked = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = asked.as_ref().filter(|answer| answer.peek().is_none()) {
            return answer.clone();
        }
        let store = self.store.clone();
        // In a task of its own: it must come to its end although nobody waits for it any longer.
        let asking =
            tokio::spawn(
                async move { store.write(|_| Box::pin(async { Ok::<(), Error>(()) })).await },
            );
        let answer = asking.map(|answer| answer.unwrap_or(Err(Error::Panicked))).boxed().shared();
        *asked = Some(answer.clone());
        answer
    }

    /// What failed is for the log only: whoever asks may be anybody.
    async fn ask_database(&self) -> Result<(), String> {
        self.ask_writer().await.map_err(|error| {
            tracing::warn!(error = chain(&error), "the database does not take a command");
            "it takes no commands; the server's log says why".to_owned()
        })
    }

    /// A database that does not answer says nothing of the key.
    async fn look_at_key(&self) {
        if let Ok(Ok(fits)) = tokio::time::timeout(PATIENCE, self.store.key_fits()).await {
            self.has_wrong_key.store(!fits, Ordering::Relaxed);
        }
    }

    async fn ask_scheduler(&self) -> Result<(), String> {
        self.scheduler.ping().await.ok_or_else(|| "the task has ended".to_owned())
    }
}

async fn in_time(answer: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = |_| Err(format!("no answer within {} ms", PATIENCE.as_millis()));
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        domain::id::{DeliveryId, HookId},
        engine::{
            config::Settings,
            delivery::board::{News, OwnedLane},
            dispatcher::{Config, trouble::Trouble},
        },
    };

    /// A message that the scheduler never gets from itself makes it panic, as a fault of its own
    /// would.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_dead_scheduler_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: PathBuf::from(folder.path()), ..Settings::default() };
        let engine = Dispatcher::start(Config::new(settings)).await.unwrap();
        let is_up = |components: &[Component]| components.iter().all(|component| component.is_up);
        assert!(is_up(&engine.components().await), "{:?}", engine.components().await);
        assert!(engine.ended().now_or_never().is_none());
        let held = OwnedLane { hook: HookId(engine.clock.id()), fence: None };
        let delivery = DeliveryId(engine.clock.id());
        engine.scheduler.tell(News::Finished {
            held,
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
