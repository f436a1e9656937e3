//! Connections to receivers that are open and wait for the next delivery. Each belongs to one hook:
//! what one receiver leaves behind on a connection can never be taken for another hook's answer.
//!
//! A connection is used again only while its address is as DNS says, a minute at most; only when
//! the last answer was read to its end and nothing came after it; and only within half a minute. A
//! hook has as many of them as it had attempts under way at once, which its own limit bounds;
//! together they are bounded by [`Pool::new`].

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
    tls::Learned,
    wire::{Line, Stream},
};
use crate::{
    domain::id::HookId,
    engine::clock::{Clock, Stopwatch},
};

/// A connection that is not used for this long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// How often it is looked for those, while there are any.
const SWEEP: Duration = Duration::from_secs(5);

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// An open connection. It moves only while it is asked something: it has no task of its own.
pub struct Connection {
    request: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    driver: Option<Box<Driver>>,
    pub line: Arc<Line>,
    pub learned: Learned,
    pub peer: SocketAddr,
    /// What it can be used again for.
    origin: Arc<str>,
    age: Stopwatch,
    lasts: Duration,
    idle: Stopwatch,
}

/// What is known of a connection when it is made.
pub struct Made {
    pub line: Arc<Line>,
    pub learned: Learned,
    pub peer: SocketAddr,
    pub origin: Arc<str>,
    /// Since when its address is known, and for how long that is good.
    pub age: Stopwatch,
    pub lasts: Duration,
}

impl Connection {
    pub fn new(request: http1::SendRequest<Full<Bytes>>, driver: Driver, made: Made) -> Self {
        let Made { line, learned, peer, origin, age, lasts } = made;
        let driver = Some(Box::new(driver));
        Self { request, driver, line, learned, peer, origin, age, lasts, idle: age }
    }

    /// Sends a request; the head of its answer.
    pub async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.line.begin();
        let answer = self.request.send_request(request);
        let answer = drive(&mut self.driver, answer).await;
        self.line.answered();
        answer
    }

    /// The next piece of an answer's body.
    pub async fn frame(
        &mut self,
        body: &mut Incoming,
    ) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        drive(&mut self.driver, body.frame()).await
    }

    /// After an answer was read to its end: can another request be sent? What came after the answer
    /// forbids it.
    async fn is_ready(&mut self) -> bool {
        drive(&mut self.driver, async {}).await;
        self.driver.is_some() && self.request.is_ready()
    }

    fn may_be_used(&self, origin: &str) -> bool {
        *self.origin == *origin && !self.is_old() && self.line.is_quiet()
    }

    fn is_old(&self) -> bool {
        self.age.elapsed() >= self.lasts || self.idle.elapsed() >= IDLE
    }
}

/// Moves a connection along while something is waited for that comes through it. What ends the
/// connection reaches whoever waits through that.
async fn drive<T>(driver: &mut Option<Box<Driver>>, awaited: impl Future<Output = T>) -> T {
    let mut awaited = pin!(awaited);
    poll_fn(|context| {
        if let Some(moving) = driver
            && let Poll::Ready(_ended) = Pin::new(&mut **moving).poll(context)
        {
            *driver = None;
        }
        awaited.as_mut().poll(context)
    })
    .await
}

/// The connections that wait. All clones are one pool.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// How many wait at most.
    most: usize,
    clock: Clock,
}

#[derive(Default)]
struct Waiting {
    hooks: HashMap<HookId, Vec<Connection>>,
    count: usize,
    is_swept: bool,
}

impl Pool {
    pub fn new(most: usize, clock: Clock) -> Self {
        Self(Arc::new(Shared { waiting: Mutex::default(), most, clock }))
    }

    /// The one that was used last, of those that can be used again.
    pub fn take(&self, hook: HookId, origin: &str) -> Option<Connection> {
        let mut guard = self.0.lock();
        let waiting = &mut *guard;
        let Entry::Occupied(mut entry) = waiting.hooks.entry(hook) else { return None };
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
        waiting.count -= taken;
        found
    }

    /// Keeps a connection whose answer was read to its end, if it can be used again and there is
    /// room.
    pub async fn keep(&self, hook: HookId, mut connection: Connection) {
        if connection.is_old() || !connection.is_ready().await {
            return;
        }
        connection.idle = self.0.clock.stopwatch();
        let mut waiting = self.0.lock();
        if waiting.count >= self.0.most {
            return;
        }
        waiting.count += 1;
        waiting.hooks.entry(hook).or_default().push(connection);
        if !waiting.is_swept {
            waiting.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what waited for too long, until nothing waits.
async fn sweep(pool: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut waiting = pool.lock();
        waiting.hooks.retain(|_, connections| {
            connections.retain(|connection| !connection.is_old() && connection.line.is_quiet());
            !connections.is_empty()
        });
        waiting.count = waiting.hooks.values().map(Vec::len).sum();
        if waiting.count == 0 {
            waiting.is_swept = false;
            return;
        }
    }
}
