//! The public interface of the engine: start it, emit events, shut it down. A backend that embeds
//! the engine needs nothing else. The API, the portal and the command line call the same functions.
//! Submodules: `accept` (emit), `changes` (when open pages must be read again), `notices` (commit
//! notices to the lanes), `probe` (checks of a callback URL), `ready` (health checks), `trouble`
//! (problems of the whole server).

mod accept;
mod changes;
mod notices;
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
use changes::Changes;
use ready::WriterProbe;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::AbortHandle,
};
use trouble::DiskCheck;

use super::{
    catalogue::payloads::Payload,
    clock::Clock,
    config::{Settings, SettingsError},
    delivery::{
        Worker,
        attempt::Sender,
        board::Input,
        guard::Guard,
        handle::{Handle, PeerHint},
        lease::Lease,
        nodes::Node,
        resolver::{GuardedResolver, Lookup, SystemLookup},
        scheduler,
        watchdog::{OverdueList, Watchdog},
    },
    job_runner::Runner,
    pressure::{Backlog, Full, Overloaded, Pressure},
    store::{Error, Store, bodies::Bodies, claim, expired::Expiring, queue},
    supervise,
    upkeep::{self, LastCleanup},
};
use crate::domain::{event::EventType, id::NodeId, invalid::Invalid, liveness::Overdue};

/// The share of the shutdown timeout that is reserved for closing the store: one divided by this.
/// The rest is for attempts in flight.
const CLOSE_DIVISOR: u32 = 4;

/// Maximum number of lanes that read from the database at the same time. There are at least four
/// connections for reading, and pages and the API need some too.
const MAX_LANE_LOADS: usize = 2;

/// What the engine is started with. Tests replace the clock and the DNS lookup.
pub struct Config {
    pub settings: Settings,
    pub clock: Clock,
    /// `None`: the system's name servers.
    pub lookup: Option<Arc<dyn Lookup>>,
    /// Tables of the embedding backend in the same database, whose expired rows the engine removes.
    pub expiring: &'static [Expiring],
}

impl Config {
    pub fn new(settings: Settings) -> Self {
        Self { settings, clock: Clock::System, lookup: None, expiring: &[] }
    }

    /// Reads the settings from `service-hooks.toml` and the environment.
    pub fn load() -> Result<Self, SettingsError> {
        Settings::load().map(Self::new)
    }
}

/// An event to emit: its type, and its payload, which every receiver gets byte for byte.
#[derive(Clone, Debug)]
pub struct Emit {
    pub event_type: EventType,
    pub body: Bytes,
}

impl Emit {
    /// Serialises a typed payload.
    pub fn of<P: Payload>(payload: &P) -> Result<Self, serde_json::Error> {
        Ok(Self { event_type: P::EVENT, body: serde_json::to_vec(payload)?.into() })
    }
}

/// Why no event was accepted. Events are accepted all or none.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The faults of each invalid event, by its position in the batch.
    #[error("{} events don't match their schema", .0.len())]
    Invalid(Vec<(usize, Invalid)>),
    /// Backpressure: the backlog is above its high-water mark. The caller should retry later.
    #[error(transparent)]
    Full(#[from] Overloaded),
    #[error(transparent)]
    Store(#[from] Error),
}

/// The running engine. Cheap to clone; all clones share one engine.
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
    /// Wakes the job runner.
    jobs_wake: Arc<Notify>,
    last_cleanup: LastCleanup,
    disk_check: Arc<DiskCheck>,
    changes: Arc<Changes>,
    writer_probe: Arc<WriterProbe>,
    /// Result of the last check: the master key does not decrypt the secrets in the database.
    has_wrong_key: Arc<AtomicBool>,
    overdue: OverdueList,
    tasks: Arc<OnceLock<Vec<AbortHandle>>>,
}

impl Dispatcher {
    /// Opens the store, resumes open deliveries, and starts all background tasks.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let (lease, expiring) = (Lease::default(), config.expiring);
        let (engine, peer_hints) = Self::open(config, true, lease.clone()).await?;
        engine.store.claim(engine.settings.limits.reserve_bytes).await?;
        if engine.store.db().is_postgres() {
            let (clock, wake) = (engine.clock.clone(), engine.jobs_wake.clone());
            engine.node.start(clock, lease.clone(), engine.scheduler.clone(), wake, peer_hints);
        } else {
            let hooks = queue::hooks_with_open(&mut engine.store.read_for_lanes().await?).await?;
            engine.scheduler.send(Input::More(hooks));
        }
        let runner = Runner {
            store: engine.store.clone(),
            clock: engine.clock.clone(),
            node: engine.node.id,
            wake: engine.jobs_wake.clone(),
        };
        let maintenance = upkeep::Maintenance {
            store: engine.store.clone(),
            clock: engine.clock.clone(),
            retention: engine.settings.retention,
            expiring,
            pressure: engine.pressure.clone(),
            last_cleanup: engine.last_cleanup.clone(),
            is_leader: engine.leader_check(lease),
            has_wrong_key: engine.has_wrong_key.clone(),
        };
        let (pruner, backlog_watcher) = (maintenance.clone(), maintenance.clone());
        let (watchdog, scheduler) = (engine.watchdog(), engine.scheduler.clone());
        let tasks = vec![
            supervise::spawn("jobs", move || runner.clone().serve()),
            supervise::spawn("retention", move || pruner.clone().prune()),
            supervise::spawn("weighing", move || backlog_watcher.clone().watch_backlog()),
            supervise::spawn("watchdog", move || watchdog.clone().serve(scheduler.clone())),
            supervise::spawn("upkeep", move || maintenance.clone().monitor()),
        ];
        let _already_set = engine.tasks.set(tasks);
        Ok(engine)
    }

    /// Whether this server does the maintenance for all nodes. With SQLite there is only one.
    fn leader_check(&self, lease: Lease) -> upkeep::LeaderCheck {
        if self.store.db().is_postgres() {
            Arc::new(move || lease.is_leader())
        } else {
            Arc::new(|| true)
        }
    }

    /// Opens the store without taking over deliveries, next to a running server. Deliveries that
    /// were open before stay with that server, and no background tasks run.
    pub async fn open_beside(config: Config) -> Result<Self, Error> {
        Ok(Self::open(config, false, Lease::default()).await?.0)
    }

    async fn open(
        config: Config,
        is_node: bool,
        lease: Lease,
    ) -> Result<(Self, mpsc::UnboundedReceiver<PeerHint>), Error> {
        let Config { settings, clock, lookup, expiring: _ } = config;
        let store = Store::open(&settings).await?;
        let clock = clock.shared();
        claim::sync_clock(store.db(), &clock).await?;
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
            loads: Semaphore::new(MAX_LANE_LOADS),
            cannot_record: AtomicBool::new(false),
        };
        let node = Node::new(NodeId(clock.id()), store.clone());
        let node_id = (is_node && store.db().is_postgres()).then_some(node.id);
        let (peers, peer_hints) = mpsc::unbounded_channel();
        let scheduler = scheduler::start(delivery, clock.clone(), worker, node_id, peers);
        let jobs_wake = Arc::<Notify>::default();
        store.notices.set(notices::forward_to(scheduler.clone(), jobs_wake.clone()));
        let pressure = Pressure::new(settings.limits, Full::default());
        let last_cleanup = LastCleanup::new(clock.now());
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
            jobs_wake,
            last_cleanup,
            disk_check: Arc::default(),
            changes: Arc::default(),
            writer_probe: Arc::default(),
            has_wrong_key: Arc::default(),
            overdue: OverdueList::default(),
            tasks: Arc::default(),
        };
        Ok((engine, peer_hints))
    }

    /// The store. The portal keeps its own tables in the same database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Why new events are currently refused; `None` if they are accepted.
    pub fn overload(&self) -> Option<Overloaded> {
        self.pressure.check().err()
    }

    /// The backlog at its last measurement.
    pub fn backlog(&self) -> Backlog {
        self.pressure.waiting()
    }

    /// The hooks above their own high-water mark. New deliveries for them are skipped.
    pub fn full(&self) -> &Full {
        self.pressure.full()
    }

    fn watchdog(&self) -> Watchdog {
        Watchdog {
            store: self.store.clone(),
            clock: self.clock.clone(),
            settings: self.settings.delivery.clone(),
            overdue: self.overdue.clone(),
        }
    }

    /// Result of the watchdog's last check: hooks that made no attempt although a delivery is due.
    pub fn overdue(&self) -> Vec<Overdue> {
        self.overdue.get()
    }

    /// The oldest due delivery of each hook that can deliver, with the time limit for its attempt.
    pub async fn due(&self) -> Result<Vec<Overdue>, Error> {
        self.watchdog().oldest_due().await
    }

    /// Checks now for hooks that make no attempt. If one is suspected, observes it for as long as
    /// an attempt may take before it is reported.
    pub async fn find_overdue(&self) -> Result<Vec<Overdue>, Error> {
        self.watchdog().confirm_overdue().await
    }

    /// Graceful shutdown within the configured timeout: starts no new attempts, waits for those in
    /// flight, and closes the store.
    pub async fn shutdown(self) {
        let limit = self.settings.shutdown_timeout;
        self.shutdown_within(limit).await;
    }

    /// Graceful shutdown within `limit`. Attempts that take longer are cancelled. They are not
    /// recorded, so they are repeated after the next start.
    pub async fn shutdown_within(self, limit: Duration) {
        let watch = self.clock.stopwatch();
        for task in self.tasks.get().into_iter().flatten() {
            task.abort();
        }
        self.node.retire();
        if tokio::time::timeout(limit - limit / CLOSE_DIVISOR, self.scheduler.stop()).await.is_err()
        {
            tracing::warn!(
                "attempts in progress are aborted and will be repeated after the next \
                            start"
            );
        }
        let close = async {
            self.node.leave().await;
            self.store.close().await;
        };
        if tokio::time::timeout(limit.saturating_sub(watch.elapsed()), close).await.is_err() {
            tracing::warn!(
                "the database does not respond; pending writes are found or repeated after the \
                 next start"
            );
        }
    }
}
