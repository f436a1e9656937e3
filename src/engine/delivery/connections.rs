//! Pool of idle HTTP/1 connections to receivers. Each connection belongs to one hook, so bytes that
//! one receiver leaves on a connection can never be read as another hook's response.
//!
//! A connection is reused only while the TTL of its DNS record lasts (at most 60 s), only after the
//! previous response was read to its end with no bytes after it, and only within [`IDLE_TIMEOUT`].
//! A hook has at most as many idle connections as it had concurrent attempts; [`Pool::new`] limits
//! the total.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;

use super::{
    tls::HandshakeFindings,
    wire::{Socket, Stream},
};
use crate::{
    domain::id::HookId,
    engine::clock::{Clock, Stopwatch},
};

/// An idle connection is closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval of the task that closes expired connections. It runs only while the pool has some.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// An open connection. It has no task of its own: its I/O is driven only while one of its methods
/// is awaited.
pub struct Connection {
    request: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<Box<Driver>>,
    pub socket: Arc<Socket>,
    pub findings: HandshakeFindings,
    pub peer: SocketAddr,
    /// Scheme, host and port. A request for another origin must not use this connection.
    origin: Arc<str>,
    dial_started: Stopwatch,
    address_ttl: Duration,
    last_used: Stopwatch,
}

/// Properties of a new connection.
pub struct ConnectionParts {
    pub socket: Arc<Socket>,
    pub findings: HandshakeFindings,
    pub peer: SocketAddr,
    pub origin: Arc<str>,
    /// When the address was looked up, and how long it may be used.
    pub dial_started: Stopwatch,
    pub address_ttl: Duration,
}

impl Connection {
    pub fn new(
        request: http1::SendRequest<Full<Bytes>>,
        driver: Driver,
        parts: ConnectionParts,
    ) -> Self {
        let ConnectionParts { socket, findings, peer, origin, dial_started, address_ttl } = parts;
        let (driver, last_used) = (Some(Box::new(driver)), dial_started);
        Self {
            request,
            driver,
            socket,
            findings,
            peer,
            origin,
            dial_started,
            address_ttl,
            last_used,
        }
    }

    /// Sends a request and returns the head of the response.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.socket.request_started();
        let response = self.request.send_request(request);
        let response = drive(&mut self.driver, response).await;
        self.socket.response_started();
        response
    }

    /// The next frame of a response's body.
    pub async fn frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        drive(&mut self.driver, body.frame()).await
    }

    /// Whether another request can be sent, after a response was read to its end. `false` if more
    /// bytes followed the response.
    async fn is_ready(&mut self) -> bool {
        drive(&mut self.driver, async {}).await;
        self.driver.is_some() && self.request.is_ready()
    }

    fn may_be_used(&self, origin: &str) -> bool {
        *self.origin == *origin && !self.is_expired() && self.socket.is_silent()
    }

    fn is_expired(&self) -> bool {
        self.dial_started.elapsed() >= self.address_ttl || self.last_used.elapsed() >= IDLE_TIMEOUT
    }
}

/// Polls a connection's I/O while `awaited` waits for data from it. If the connection fails,
/// `awaited` gets the error from the HTTP library.
async fn drive<T>(driver: &mut Option<Box<Driver>>, awaited: impl Future<Output = T>) -> T {
    let mut awaited = pin!(awaited);
    poll_fn(|context| {
        if let Some(running) = driver
            && let Poll::Ready(_ended) = Pin::new(&mut **running).poll(context)
        {
            *driver = None;
        }
        awaited.as_mut().poll(context)
    })
    .await
}

/// The idle connections of all hooks. Clones share one pool.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    idle: Mutex<IdleConnections>,
    /// Maximum number of idle connections over all hooks.
    capacity: usize,
    clock: Clock,
}

#[derive(Default)]
struct IdleConnections {
    hooks: HashMap<HookId, Vec<Connection>>,
    count: usize,
    /// The task [`sweep`] runs.
    is_swept: bool,
}

impl Pool {
    pub fn new(capacity: usize, clock: Clock) -> Self {
        Self(Arc::new(Shared { idle: Mutex::default(), capacity, clock }))
    }

    /// Takes the most recently used connection that can be reused, and closes those that cannot.
    pub fn take(&self, hook: HookId, origin: &str) -> Option<Connection> {
        let mut guard = self.0.lock();
        let idle = &mut *guard;
        let Entry::Occupied(mut entry) = idle.hooks.entry(hook) else { return None };
        let mut taken = 0;
        let found = loop {
            let Some(connection) = entry.get_mut().pop() else { break None };
            taken += 1;
            if connection.may_be_used(origin) {
                break Some(connection);
            }
        };
        if entry.get().is_empty() {
            entry.remove();
        }
        idle.count -= taken;
        found
    }

    /// Returns a connection to the pool after its response was read to the end. Closes it if it
    /// cannot be reused or the pool is full.
    pub async fn put_back(&self, hook: HookId, mut connection: Connection) {
        if connection.is_expired() || !connection.is_ready().await {
            return;
        }
        connection.last_used = self.0.clock.stopwatch();
        let mut idle = self.0.lock();
        if idle.count >= self.0.capacity {
            return;
        }
        idle.count += 1;
        idle.hooks.entry(hook).or_default().push(connection);
        if !idle.is_swept {
            idle.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, IdleConnections> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes expired connections, and ends when the pool is empty or dropped.
async fn sweep(pool: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.lock();
        idle.hooks.retain(|_, connections| {
            connections
                .retain(|connection| !connection.is_expired() && connection.socket.is_silent());
            !connections.is_empty()
        });
        idle.count = idle.hooks.values().map(Vec::len).sum();
        if idle.count == 0 {
            idle.is_swept = false;
            return;
        }
    }
}
