//! The accept loop of the HTTP server. `axum::serve` has no deadline for a request's head and no
//! connection limit, so a few slow clients could lock out all others.
//!
//! HTTP/1.1 only: this port has no TLS, so browsers never use HTTP/2 here, and its framing would be
//! a second protocol to harden. Deadlines: head 10 s, body 30 s (see the router), and 15 s without
//! progress while a client reads the response. When all [`slots`] are taken, the connection that
//! has waited for its client longest is closed, and answered connections close instead of being
//! kept alive. An address that holds as many slots as it may does not delay others.

mod slots;
mod socket;
mod stream;

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderValue, StatusCode, header::CONNECTION},
    response::Response,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use ipnet::IpNet;
use slots::{NoSlot, Progress, Slot, Slots};
pub use socket::listen;
use stream::Stream;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{engine::clock::Clock, http::log_limit::LogLimit, portal::auth::client::Peer};

/// Deadline for a request's head, and keep-alive timeout of an idle connection.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Limits of a request's head: number of headers, and bytes.
const MAX_HEADERS: usize = 100;
const HEAD_SIZE: usize = 32 * 1024;
/// How long a new connection waits for a slot. While all are taken, accepting stops meanwhile.
const SLOT_DEADLINE: Duration = Duration::from_secs(1);
/// How many connections of addresses that have no slot left wait at once. Others are refused.
const MAX_WAITING: usize = 32;
/// Pause after `accept` failed.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

static NOT_ACCEPTED: LogLimit = LogLimit::new();
static NO_SLOT: LogLimit = LogLimit::new();

/// Serves until `stop` is cancelled, then lets requests in progress finish for up to `drain`. At
/// most `connections` are open at once.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    drain: Duration,
    connections: usize,
    proxies: &[IpNet],
) {
    let slots = Slots::new(connections, proxies, Clock::System.stopwatch());
    let server = Server { router, stop, slots, slot_deadline: SLOT_DEADLINE };
    server.run(listener, drain).await;
}

#[derive(Clone)]
struct Server {
    router: Router,
    stop: CancellationToken,
    slots: Slots,
    slot_deadline: Duration,
}

impl Server {
    async fn run(self, listener: TcpListener, drain: Duration) {
        let graceful = GracefulShutdown::new();
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        while let Some((stream, from)) = self.accept(&listener).await {
            let slot = match self.slots.take(from.ip()) {
                Ok(slot) => Some(slot),
                Err(NoSlot::Full) => self.wait_for_slot(from).await,
                Err(NoSlot::AddressFull) => {
                    let Ok(place) = waiting.clone().try_acquire_owned() else {
                        refused();
                        continue;
                    };
                    let (server, watcher) = (self.clone(), graceful.watcher());
                    tokio::spawn(async move {
                        let slot = server.wait_for_slot(from).await;
                        drop(place);
                        if let Some(slot) = slot {
                            server.hold(stream, slot, watcher).await;
                        }
                    });
                    continue;
                }
            };
            if let Some(slot) = slot {
                let (server, watcher) = (self.clone(), graceful.watcher());
                tokio::spawn(async move { server.hold(stream, slot, watcher).await });
            }
        }
        drop(listener);
        let _late = tokio::time::timeout(drain, graceful.shutdown()).await;
    }

    /// Accepts the next connection; `None` after `stop`.
    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return None,
            };
            match accepted {
                Ok(accepted) => return Some(accepted),
                Err(error) => {
                    // Most likely the process is out of file descriptors: evicting an idle
                    // connection frees one.
                    if let Some(times) = NOT_ACCEPTED.record() {
                        tracing::warn!(times, %error, "failed to accept connections");
                    }
                    self.slots.evict_one();
                    // Closing takes a moment: without the pause each retry would evict another.
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// A slot as soon as there is one; `None` after the deadline and after `stop`.
    async fn wait_for_slot(&self, from: SocketAddr) -> Option<Slot> {
        let slot = tokio::select! {
            slot = tokio::time::timeout(self.slot_deadline, next_slot(from, &self.slots)) => slot,
            () = self.stop.cancelled() => return None,
        };
        slot.inspect_err(|_| refused()).ok()
    }

    /// Serves a connection until it is closed or evicted.
    async fn hold(self, stream: TcpStream, slot: Slot, watcher: Watcher) {
        let evicted = slot.evicted.clone();
        tokio::select! {
            () = evicted.cancelled() => {}
            () = serve_connection(stream, &slot, self.router, watcher, self.stop) => {}
        }
        // The slot is released only after the connection has been closed.
        drop(slot);
    }
}

async fn next_slot(from: SocketAddr, slots: &Slots) -> Slot {
    let waiting = slots.wait();
    loop {
        // Subscribes before the attempt, so that no change in between is missed.
        let changed = waiting.changed();
        if let Ok(slot) = slots.take(from.ip()) {
            return slot;
        }
        changed.await;
    }
}

fn refused() {
    if let Some(times) = NO_SLOT.record() {
        tracing::warn!(
            times,
            "connections were refused: all slots are taken by requests under way"
        );
    }
}

async fn serve_connection(
    stream: TcpStream,
    slot: &Slot,
    router: Router,
    watcher: Watcher,
    stop: CancellationToken,
) {
    // Disable Nagle's algorithm: otherwise small responses wait for the peer's acknowledgement.
    let _best_effort = stream.set_nodelay(true);
    let mut byte = [0];
    let first = tokio::select! {
        biased;
        first = tokio::time::timeout(HEAD_DEADLINE, stream.peek(&mut byte)) => first,
        // Browsers open connections speculatively: shutdown does not wait for those without a
        // request.
        () = stop.cancelled() => return,
    };
    if !matches!(first, Ok(Ok(1))) {
        return;
    }
    let (progress, peer) = (slot.progress.clone(), Peer(slot.address));
    let queue = slot.queue();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (router, progress, queue) = (router.clone(), progress.clone(), queue.clone());
        async move {
            let mut response = match is_head_too_large(&request) {
                true => too_large(),
                false => handle(request, router, progress, peer).await,
            };
            // While other connections wait for a slot, close after each response, so that a client
            // with many requests does not keep its slot.
            if !queue.is_empty() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(HEAD_SIZE);
    let stream = Stream::new(stream, slot.progress.clone());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut watched = pin!(watcher.watch(connection));
    // Clients close connections at any time: an error here loses nothing.
    let _closed = watched.as_mut().await;
}

/// hyper limits its buffer, but accepts a larger head that arrives in one read.
fn is_head_too_large(request: &Request<Incoming>) -> bool {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    target + headers > HEAD_SIZE
}

fn too_large() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Calls a function when dropped.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A body with a guard that is dropped when the body has been read or abandoned.
struct GuardedBody<B, F: Fn()> {
    body: B,
    _guard: OnDrop<F>,
}

impl<B: HttpBody + Unpin, F: Fn() + Unpin> HttpBody for GuardedBody<B, F> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Handles a request and records in [`Progress`] whether the connection waits for its client.
async fn handle(
    mut request: Request<Incoming>,
    router: Router,
    progress: Arc<Progress>,
    peer: Peer,
) -> Response {
    request.extensions_mut().insert(peer);
    progress.set_idle(false);
    let idle = progress.clone();
    let answered = OnDrop(move || idle.set_idle(true));
    let request = if request.body().is_end_stream() {
        request.map(Body::new)
    } else {
        progress.set_body(true);
        let received = OnDrop(move || progress.set_body(false));
        request.map(|body| Body::new(GuardedBody { body, _guard: received }))
    };
    let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
    response.map(|body| Body::new(GuardedBody { body, _guard: answered }))
}

#[cfg(test)]
mod tests;
