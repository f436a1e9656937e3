//! The public face of the engine: start it, emit events, shut it down. A backend that embeds it
//! needs nothing else; the API, the portal's test button and the command line come in through the
//! same functions.

mod accept;
mod hearing;
mod probe;
pub mod ready;
pub mod trouble;

use std::{
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

pub use super::store::{events::Accepted, idempotency::IdempotencyKey};
pub use accept::{MAX_BODY, Validation};
use bytes::Bytes;
use ready::Asked;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::AbortHandle,
};
use trouble::Look;

use super::{
    catalogue::payloads::Payload,
    clock::Clock,
    config::{Settings, SettingsError},
    delivery::{
        Worker,
        attempt::Sender,
        board::News,
        guard::Guard,
        handle::{Handle, PeerHint},
        lease::Lease,
        lookout::{Found, Lookout},
        nodes::Node,
        resolver::{GuardedResolver, Lookup, SystemLookup},
        scheduler,
    },
    job_runner::Runner,
    pressure::{Full, Pressure, TooMuch, Weight},
    store::{Error, Store, bodies::Bodies, claim, expired::Expiring, queue},
    supervise,
    upkeep::{self, Tidied},
};
use crate::domain::{event::EventType, id::NodeId, invalid::Invalid, liveness::Overdue};

/// The part of a shutdown's time that is left for closing the store, after attempts under way were
/// waited for.
const CLOSING: u32 = 4;

/// Lanes that read from the database at once. There are at least four connections for reading, and
/// pages and programs read too.
const LOADS: usize = 2;

/// What the engine runs on. The clock and the name look-up are the machine's unless a test brings
/// its own.
pub struct Config {
    pub settings: Settings,
    pub clock: Clock,
    pub lookup: Option<Arc<dyn Lookup>>,
    /// Tables of the backend's own, in the same database, whose expired rows the engine removes.
    pub expiring: &'static [Expiring],
}

impl Config {
    pub fn new(settings: Settings) -> Self {
        Self { settings, clock: Clock::System, lookup: None, expiring: &[] }
    }

    /// With the settings of `service-hooks.toml` and of the environment.
    pub fn load() -> Result<Self, SettingsError> {
        Settings::load().map(Self::new)
    }
}

/// An event to be emitted: its type and its body, which reaches every receiver byte for byte.
#[derive(Clone, Debug)]
pub struct Emit {
    pub event_type: EventType,
    pub body: Bytes,
}

impl Emit {
    /// The event that a payload is the body of.
    pub fn of<P: Payload>(payload: &P) -> Result<Self, serde_json::Error> {
        Ok(Self { event_type: P::EVENT, body: serde_json::to_vec(payload)?.into() })
    }
}

/// Why nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// By position in what was given: what is wrong with each bad event. None of the others was
    /// accepted either.
    #[error("{} of the events are not as their schema demands", .0.len())]
    Invalid(Vec<(usize, Invalid)>),
    /// Too much is waiting to be delivered; come back later.
    #[error(transparent)]
    Full(#[from] TooMuch),
    #[error(transparent)]
    Store(#[from] Error),
}

/// The running engine. Cheap to clone; all clones are one engine.
#[derive(Clone)]
pub struct Dispatcher {
    store: Store,
    clock: Clock,
    guard: Guard,
    resolver: GuardedResolver,
    sender: Sender,
    settings: Arc<Settings>,
    scheduler: Handle,
    pressure: Pressure,
    node: Node,
    bell: Arc<Notify>,
    tidied: Tidied,
    look: Arc<Look>,
    asked: Arc<Asked>,
    /// When that was last looked at, the master key did not fit the database.
    has_wrong_key: Arc<AtomicBool>,
    overdue: Found,
    tasks: Arc<OnceLock<Vec<AbortHandle>>>,
}

impl Dispatcher {
    /// Opens the store, resumes what was open, and delivers from now on.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let (lease, expiring) = (Lease::default(), config.expiring);
        let (engine, words) = Self::open(config, true, lease.clone()).await?;
        engine.store.claim(engine.settings.limits.reserve_bytes).await?;
        if engine.store.db().is_postgres() {
            let (clock, bell) = (engine.clock.clone(), engine.bell.clone());
            engine.node.start(clock, lease.clone(), engine.scheduler.clone(), bell, words);
        } else {
            let resume = queue::hooks_with_open(&mut engine.store.read_for_lanes().await?).await?;
            engine.scheduler.tell(News::More(resume));
        }
        let runner = Runner {
            store: engine.store.clone(),
            clock: engine.clock.clone(),
            node: engine.node.id,
            bell: engine.bell.clone(),
        };
        let keeper = upkeep::Keeper {
            store: engine.store.clone(),
            clock: engine.clock.clone(),
            retention: engine.settings.retention,
            expiring,
            pressure: engine.pressure.clone(),
            tidied: engine.tidied.clone(),
            is_on_duty: engine.duty(lease),
            has_wrong_key: engine.has_wrong_key.clone(),
        };
        let (pruner, weigher) = (keeper.clone(), keeper.clone());
        let (lookout, scheduler) = (engine.lookout(), engine.scheduler.clone());
        let tasks = vec![
            supervise::keep("jobs", move || runner.clone().serve()),
            supervise::keep("retention", move || pruner.clone().prune()),
            supervise::keep("weighing", move || weigher.clone().weigh()),
            supervise::keep("lookout", move || lookout.clone().serve(scheduler.clone())),
            supervise::keep("upkeep", move || keeper.clone().tend()),
        ];
        let _already_set = engine.tasks.set(tasks);
        Ok(engine)
    }

    /// Is it this server that does what one does for all?
    fn duty(&self, lease: Lease) -> upkeep::Duty {
        if self.store.db().is_postgres() {
            Arc::new(move || lease.is_first())
        } else {
            Arc::new(|| true)
        }
    }

    /// Opens the store beside a running server: everything works, but what was open before is left
    /// to that server.
    pub async fn beside(config: Config) -> Result<Self, Error> {
        Ok(Self::open(config, false, Lease::default()).await?.0)
    }

    async fn open(
        config: Config,
        takes_part: bool,
        lease: Lease,
    ) -> Result<(Self, mpsc::UnboundedReceiver<PeerHint>), Error> {
        let Config { settings, clock, lookup, expiring: _ } = config;
        let store = Store::open(&settings).await?;
        let clock = clock.shared();
        claim::agree(store.db(), &clock).await?;
        let guard = Guard::new(&settings.egress.allow_cidrs);
        let lookup = match lookup {
            Some(lookup) => lookup,
            None => Arc::new(SystemLookup::new().map_err(Error::Unfit)?),
        };
        let resolver = GuardedResolver::new(guard.clone(), lookup);
        let sender = Sender::new(&settings, guard.clone(), resolver.clone(), clock.clone())
            .map_err(Error::Unfit)?;
        let delivery = &settings.delivery;
        let worker = Worker {
            store: store.clone(),
            sender: sender.clone(),
            clock: clock.clone(),
            policy: delivery.policy(),
            breaker: delivery.breaker(),
            lease,
            bodies: Bodies::default(),
            loads: Semaphore::new(LOADS),
            cannot_record: AtomicBool::new(false),
        };
        let node = Node::new(NodeId(clock.id()), store.clone());
        let shared = (takes_part && store.db().is_postgres()).then_some(node.id);
        let (speaker, words) = mpsc::unbounded_channel();
        let scheduler = scheduler::start(delivery, clock.clone(), worker, shared, speaker);
        let bell = Arc::<Notify>::default();
        store.audience.set(hearing::audience(scheduler.clone(), bell.clone()));
        let pressure = Pressure::new(settings.limits, Full::default());
        let tidied = Tidied::new(clock.now());
        let engine = Self {
            store,
            clock,
            guard,
            resolver,
            sender,
            settings: Arc::new(settings),
            scheduler,
            pressure,
            node,
            bell,
            tidied,
            look: Arc::default(),
            asked: Arc::default(),
            has_wrong_key: Arc::default(),
            overdue: Found::default(),
            tasks: Arc::default(),
        };
        Ok((engine, words))
    }

    /// The store, for what the portal keeps beside the engine's own rows.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Why nothing more is accepted just now, if nothing is.
    pub fn too_much(&self) -> Option<TooMuch> {
        self.pressure.check().err()
    }

    /// What waited when it was last weighed.
    pub fn waiting(&self) -> Weight {
        self.pressure.waiting()
    }

    /// The hooks for which too much waits: what comes for them is skipped.
    pub fn full(&self) -> &Full {
        self.pressure.full()
    }

    fn lookout(&self) -> Lookout {
        Lookout {
            store: self.store.clone(),
            clock: self.clock.clone(),
            settings: self.settings.delivery.clone(),
            found: self.overdue.clone(),
        }
    }

    /// The hooks that make no attempt although something of them is due, as they were last found:
    /// none, if all is well.
    pub fn overdue(&self) -> Vec<Overdue> {
        self.overdue.overdue()
    }

    /// What has been due the longest of each hook that is ready for it, with the time in which it
    /// is to be attempted.
    pub async fn due(&self) -> Result<Vec<Overdue>, Error> {
        self.lookout().due().await
    }

    /// The hooks that make no attempt, found by watching for as long as an attempt may take if
    /// there is any suspicion.
    pub async fn find_overdue(&self) -> Result<Vec<Overdue>, Error> {
        self.lookout().examine().await
    }

    /// Starts nothing more, waits for what is in flight, and closes the store; all of it within the
    /// time that the settings give a shutdown.
    pub async fn shutdown(self) {
        let limit = self.settings.shutdown_timeout;
        self.shutdown_within(limit).await;
    }

    /// The same within `limit`. Attempts that take longer are cut: they are on record as not made,
    /// and are repeated after the next start.
    pub async fn shutdown_within(self, limit: Duration) {
        let watch = self.clock.stopwatch();
        for task in self.tasks.get().into_iter().flatten() {
            task.abort();
        }
        self.node.retire();
        if tokio::time::timeout(limit - limit / CLOSING, self.scheduler.stop()).await.is_err() {
            tracing::warn!("attempts under way are cut; they are repeated after the next start");
        }
        let close = async {
            self.node.leave().await;
            self.store.close().await;
        };
        if tokio::time::timeout(limit.saturating_sub(watch.elapsed()), close).await.is_err() {
            tracing::warn!(
                "the database does not answer; what was being written is found or repeated after \
                 the next start"
            );
        }
    }
}
