//! The public face of the engine: start it, emit events, shut it down. A backend that embeds it needs nothing else; the
//! API, the portal's test button and the command line come in through the same functions.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;
use tokio::task::AbortHandle;

use super::{
    catalogue,
    clock::Clock,
    config::Settings,
    delivery::{
        Worker,
        attempt::Sender,
        client,
        guard::Guard,
        resolver::{GuardedResolver, Lookup, SystemLookup},
        scheduler::{self, Handle, Message},
    },
    store::{
        Conn, Error, Store,
        deliveries::{self, Open},
        events::{self, NewEvent, Planned},
        hooks,
        idempotency::{self, Earlier},
    },
};
use crate::domain::{
    delivery::{Delivery, State},
    endpoint::{self, Endpoint, Host, UrlProblem},
    event::EventType,
    id::{DeliveryId, EventId, HookId},
    invalid::Invalid,
    permission::Grant,
    time::Timestamp,
};

/// Largest body of one event, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// How long an idempotency key is remembered.
const REMEMBER_KEY: Duration = Duration::from_secs(48 * 3600);
/// How often expired rows are removed.
const SWEEP: Duration = Duration::from_secs(300);
/// How long a shutdown waits for attempts under way; what is not done by then is repeated after the next start.
const DRAIN: Duration = Duration::from_secs(16);

/// What the engine runs on. The clock and the name look-up are the machine's unless a test brings its own.
pub struct Config {
    pub settings: Settings,
    pub clock: Clock,
    pub lookup: Option<Arc<dyn Lookup>>,
}

impl Config {
    pub fn new(settings: Settings) -> Self {
        Self { settings, clock: Clock::System, lookup: None }
    }
}

/// An event to be emitted: its type and its body, which reaches every receiver byte for byte.
#[derive(Clone, Debug)]
pub struct Emit {
    pub event_type: EventType,
    pub body: Bytes,
}

/// An acknowledged event: it and its deliveries are on disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    pub id: EventId,
    /// How many deliveries it became.
    pub deliveries: usize,
}

/// A producer's promise that two requests are the same one.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Hash of the key and of who used it.
    pub key_hash: Vec<u8>,
    /// Hash of the request's body.
    pub body_hash: Vec<u8>,
}

/// Why nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// By position in what was given: what is wrong with each bad event. None of the others was accepted either.
    #[error("{} of the events are not as their schema demands", .0.len())]
    Invalid(Vec<(usize, Invalid)>),
    #[error("this idempotency key was used with another body")]
    KeyReused,
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
    allow_http: bool,
    scheduler: Handle,
    deadline: Duration,
    sweeping: Arc<OnceLock<AbortHandle>>,
}

impl Dispatcher {
    /// Opens the store, resumes what was open, and delivers from now on.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let engine = Self::beside(config).await?;
        engine.store.claim().await?;
        let resume = deliveries::hooks_with_open(&mut engine.store.read().await?).await?;
        engine.scheduler.tell(Message::Changed(resume));
        let sweeping = tokio::spawn(sweep(engine.store.clone(), engine.clock.clone()));
        let _already_set = engine.sweeping.set(sweeping.abort_handle());
        Ok(engine)
    }

    /// Opens the store beside a running server: everything works, but what was open before is left to that server.
    pub async fn beside(config: Config) -> Result<Self, Error> {
        let Config { settings, clock, lookup } = config;
        let store = Store::open(&settings).await?;
        let guard = Guard::new(&settings.egress.allow_cidrs);
        let lookup = match lookup {
            Some(lookup) => lookup,
            None => Arc::new(SystemLookup::new().map_err(Error::Unfit)?),
        };
        let resolver = GuardedResolver::new(guard.clone(), lookup);
        let sender = Sender {
            client: client::build(&settings.delivery, resolver.clone()).map_err(Error::Unfit)?,
            guard: guard.clone(),
            allow_http: settings.egress.allow_http,
            deadline: settings.delivery.timeout,
            clock: clock.clone(),
        };
        let worker = Worker { store: store.clone(), sender, clock: clock.clone(), policy: settings.delivery.policy() };
        let deadline = settings.delivery.timeout;
        let allow_http = settings.egress.allow_http;
        let scheduler = scheduler::start(settings.delivery, clock.clone(), worker);
        Ok(Self { store, clock, guard, resolver, allow_http, scheduler, deadline, sweeping: Arc::default() })
    }

    /// The store, for what the portal keeps beside the engine's own rows.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Accepts one event: returns once it and its deliveries are on disk.
    pub async fn emit(&self, event: Emit, source: &str) -> Result<Accepted, EmitError> {
        let accepted = self.emit_all(vec![event], source, None).await?;
        accepted.into_iter().next().ok_or(EmitError::Store(Error::Closed))
    }

    /// Accepts all of the events or none. With a key that was used before, the first answer is given again.
    pub async fn emit_all(
        &self,
        events: Vec<Emit>,
        source: &str,
        key: Option<IdempotencyKey>,
    ) -> Result<Vec<Accepted>, EmitError> {
        judge_all(&events)?;
        let fresh = |event: Emit| NewEvent {
            id: EventId(self.clock.id()),
            event_type: event.event_type,
            body: event.body,
            source: source.to_owned(),
        };
        let events: Vec<NewEvent> = events.into_iter().map(fresh).collect();
        let engine = self.clone();
        // A task of its own: a caller that goes away must not leave a committed event without its offer.
        let task = tokio::spawn(async move { engine.accept(events, key).await });
        task.await.unwrap_or(Err(EmitError::Store(Error::Closed)))
    }

    async fn accept(&self, events: Vec<NewEvent>, key: Option<IdempotencyKey>) -> Result<Vec<Accepted>, EmitError> {
        let outcome = self.commit(events.clone(), key.clone()).await;
        // Two requests with one key raced, and the other was first: its answer is there now.
        let outcome = match outcome {
            Err(EmitError::Store(Error::Exists)) if key.is_some() => self.commit(events.clone(), key).await,
            outcome => outcome,
        };
        // Either the first answer is given again, and its process may have died before it told a lane; or the commit's
        // answer was lost, and the events may be there after all. The lanes look for themselves.
        if !matches!(&outcome, Ok((_, planned)) if !planned.is_empty()) && !matches!(outcome, Err(EmitError::KeyReused))
        {
            self.look_again(&events).await;
        }
        let (accepted, planned) = outcome?;
        let offers = events.iter().zip(planned).flat_map(|(event, planned)| {
            let pending = planned.into_iter().filter(|delivery| delivery.state == State::Pending);
            pending.map(|delivery| open(event, &delivery, false)).collect::<Vec<_>>()
        });
        self.scheduler.tell(Message::Offer(offers.collect()));
        Ok(accepted)
    }

    /// Has the lanes of these events' hooks read from the database.
    async fn look_again(&self, events: &[NewEvent]) {
        let Ok(mut conn) = self.store.read().await else { return };
        for event_type in EventType::ALL.iter().filter(|known| events.iter().any(|event| event.event_type == **known)) {
            if let Ok(listeners) = hooks::listeners(&mut conn, *event_type).await {
                self.scheduler.tell(Message::Changed(listeners.into_iter().map(|(hook, _)| hook).collect()));
            }
        }
    }

    async fn commit(
        &self,
        events: Vec<NewEvent>,
        key: Option<IdempotencyKey>,
    ) -> Result<(Vec<Accepted>, Vec<Vec<Planned>>), EmitError> {
        let clock = self.clock.clone();
        self.store
            .write(move |conn| Box::pin(async move { write_all(conn, &clock, &events, key.as_ref()).await }))
            .await
    }

    /// Sends a test event to one hook, switched on or not, and waits for its answer.
    pub async fn send_test(&self, hook: HookId, event: Emit, source: &str) -> Result<DeliveryId, EmitError> {
        judge_all(std::slice::from_ref(&event))?;
        let Emit { event_type, body } = event;
        let event = NewEvent { id: EventId(self.clock.id()), event_type, body, source: source.to_owned() };
        let mut finished = self.scheduler.listen();
        let engine = self.clone();
        let task = tokio::spawn(async move { engine.accept_test(event, hook).await });
        let delivery = task.await.unwrap_or(Err(Error::Closed))?;
        let heard = async {
            loop {
                match finished.recv().await {
                    Ok(done) if done == delivery => return,
                    // Too many others finished to hear of each: ours may be among them, and the caller will look.
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        };
        // A test can wait its turn behind the hook's other attempts; its page shows it when it comes.
        let _late = tokio::time::timeout(self.deadline + Duration::from_secs(2), heard).await;
        Ok(delivery)
    }

    async fn accept_test(&self, event: NewEvent, hook: HookId) -> Result<DeliveryId, Error> {
        let clock = self.clock.clone();
        let written = event.clone();
        let planned = self
            .store
            .write(move |conn| Box::pin(async move { events::accept_test(conn, &clock, written, hook).await }))
            .await?;
        self.scheduler.tell(Message::Offer(vec![open(&event, &planned, true)]));
        Ok(planned.id)
    }

    /// To be called after a hook was changed, switched or deleted: it is read again before anything more is sent.
    pub fn hook_changed(&self, hook: HookId) {
        self.scheduler.tell(Message::Changed(vec![hook]));
    }

    /// In the transaction that switches a hook off: keeps what is open for when it is on again.
    pub async fn hold(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<(), Error> {
        deliveries::hold(conn, hook, "the hook is off", now).await
    }

    /// In the transaction that switches a hook on: lets what was held go.
    pub async fn release(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<(), Error> {
        deliveries::release(conn, hook, now).await
    }

    /// In a transaction: sends a settled delivery again. Tell [`Dispatcher::hook_changed`] after its commit.
    pub async fn redeliver(
        conn: &mut Conn,
        by: &Grant,
        delivery: &Delivery,
        is_on: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        deliveries::redeliver(conn, by, delivery.id, is_on, now).await
    }

    /// In the transaction that deletes a hook: ends what is open.
    pub async fn cancel(conn: &mut Conn, hook: HookId, now: Timestamp) -> Result<(), Error> {
        deliveries::cancel(conn, hook, "the hook was deleted", now).await
    }

    /// Judges a callback URL by the rules that every send repeats.
    pub async fn judge_url(&self, raw: &str) -> Result<Endpoint, UrlProblem> {
        let endpoint = endpoint::parse(raw, self.allow_http, |address| self.guard.may_dial(address))?;
        // A name of the operator's own network needs an allowed range that it resolves into.
        if let Host::Name { name, private: Some(private) } = &endpoint.host
            && self.resolver.vetted(name).await.is_err()
        {
            return Err(private.problem());
        }
        Ok(endpoint)
    }

    /// A warning for a URL that was accepted: does its name resolve to something that will be dialled?
    pub async fn doubt_url(&self, endpoint: &Endpoint) -> Option<String> {
        let Host::Name { name, .. } = &endpoint.host else { return None };
        let problem = self.resolver.vetted(name).await.err()?;
        Some(format!("{name}: {problem}. Deliveries will fail until that changes."))
    }

    /// Starts nothing more, waits for what is in flight (not for ever), and closes the store.
    pub async fn shutdown(self) {
        if let Some(sweeping) = self.sweeping.get() {
            sweeping.abort();
        }
        let _late = tokio::time::timeout(DRAIN, self.scheduler.stop()).await;
        self.store.close().await;
    }
}

fn judge_all(events: &[Emit]) -> Result<(), EmitError> {
    let wrong = |(position, event): (usize, &Emit)| judge(event).err().map(|invalid| (position, invalid));
    let invalid: Vec<_> = events.iter().enumerate().filter_map(wrong).collect();
    if invalid.is_empty() { Ok(()) } else { Err(EmitError::Invalid(invalid)) }
}

fn judge(event: &Emit) -> Result<(), Invalid> {
    if event.body.len() > MAX_BODY {
        return Err(Invalid::one("data", "too-large", "must be at most 256 KiB"));
    }
    let body: Value = serde_json::from_slice(&event.body)
        .map_err(|error| Invalid::one("data", "json", format!("is not valid JSON: {error}")))?;
    catalogue::judge(event.event_type, &body)
}

async fn write_all(
    conn: &mut Conn,
    clock: &Clock,
    events: &[NewEvent],
    key: Option<&IdempotencyKey>,
) -> Result<(Vec<Accepted>, Vec<Vec<Planned>>), EmitError> {
    let now = clock.now();
    if let Some(key) = key {
        match idempotency::look_up(conn, &key.key_hash, &key.body_hash, now).await? {
            Earlier::Nothing => {}
            Earlier::Other => return Err(EmitError::KeyReused),
            Earlier::Same(answer) => {
                let accepted = serde_json::from_str(&answer)
                    .map_err(|_| Error::Inconsistent { table: "idempotency", column: "answer" })?;
                return Ok((accepted, Vec::new()));
            }
        }
    }
    let planned = events::accept(conn, clock, events).await?;
    let pairs = events.iter().zip(&planned);
    let accepted: Vec<Accepted> =
        pairs.map(|(event, planned)| Accepted { id: event.id, deliveries: planned.len() }).collect();
    if let Some(key) = key {
        // Serialising ids and numbers cannot fail.
        let answer = serde_json::to_string(&accepted).unwrap_or_default();
        let expires = now.after(REMEMBER_KEY);
        idempotency::remember(conn, &key.key_hash, &key.body_hash, &answer, now, expires).await?;
    }
    Ok((accepted, planned))
}

fn open(event: &NewEvent, planned: &Planned, is_test: bool) -> Open {
    Open {
        id: planned.id,
        event: event.id,
        hook: planned.hook,
        event_type: event.event_type,
        body: event.body.clone(),
        attempts: 0,
        tries_before: 0,
        is_test,
    }
}

/// Removes expired rows now and then, until the store is closed.
async fn sweep(store: Store, clock: Clock) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let now = clock.now();
        let swept: Result<(), Error> =
            store.write(move |conn| Box::pin(super::store::sessions::sweep(conn, now))).await;
        match swept {
            Ok(()) => {}
            Err(Error::Closed) => return,
            Err(error) => tracing::warn!(error = super::store::error::chain(&error), "expired rows stay for now"),
        }
    }
}
