//! The front door: our own accept loop. `axum::serve` sets no deadline for a request's head and
//! knows no limits, so a few clients that never get on would keep everybody else out.
//!
//! HTTP/1.1 only: this port has no TLS, so browsers never speak HTTP/2 here, and its frames would
//! be a second protocol to guard. A head has ten seconds, a body thirty (see the router), and a
//! client that takes nothing of its answer fifteen. When all [`places`] are taken, the connection
//! leaves that has waited for its client for the longest; and each that is answered is closed after
//! its answer.

mod places;
mod socket;
mod stream;

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
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
use places::{Place, Places, Progress};
pub use socket::listen;
use stream::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{engine::clock::Clock, http::noise::Noise, portal::auth::client::Peer};

/// How long a request's head may take, and an idle connection may stay.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Limits of a request's head.
const MAX_HEADERS: usize = 100;
const HEAD_SIZE: usize = 32 * 1024;
/// How long a connection waits for a place, and all that come after it with it.
const PLACE_DEADLINE: Duration = Duration::from_secs(1);
/// How often such a connection looks whether another may leave.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// After the system refused a descriptor.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

static NOT_ACCEPTED: Noise = Noise::none_yet();
static NO_PLACE: Noise = Noise::none_yet();

/// Serves until `stop`, then lets requests under way finish, for as long as `drain`. `connections`
/// at most are open at once.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    drain: Duration,
    connections: usize,
    proxies: &[IpNet],
) {
    let graceful = GracefulShutdown::new();
    let places = Places::new(connections, proxies, Clock::System.stopwatch());
    while let Some((stream, place)) = next(&listener, &places, &stop).await {
        let (router, stop, watcher) = (router.clone(), stop.clone(), graceful.watcher());
        tokio::spawn(async move {
            let leave = place.leave.clone();
            tokio::select! {
                () = leave.cancelled() => {}
                () = converse(stream, &place, router, watcher, stop) => {}
            }
            // The connection is closed by now: only then the place is free.
            drop(place);
        });
    }
    drop(listener);
    let _late = tokio::time::timeout(drain, graceful.shutdown()).await;
}

/// The next connection, with a place; `None`: no more are taken.
async fn next(
    listener: &TcpListener,
    places: &Places,
    stop: &CancellationToken,
) -> Option<(TcpStream, Place)> {
    loop {
        let (stream, from) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: a connection that waits for its client gives
                    // one back.
                    if let Some(times) = NOT_ACCEPTED.note() {
                        tracing::warn!(times, %error, "connections were not accepted");
                    }
                    places.dismiss_one();
                    // One at a time: it takes a moment to close, and meanwhile no other need leave.
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
            () = stop.cancelled() => return None,
        };
        let place = tokio::select! {
            place = tokio::time::timeout(PLACE_DEADLINE, place_for(from, places)) => place,
            () = stop.cancelled() => return None,
        };
        match place {
            Ok(place) => return Some((stream, place)),
            Err(_) => {
                if let Some(times) = NO_PLACE.note() {
                    tracing::warn!(
                        times,
                        "connections were refused: all places are taken by requests under way"
                    );
                }
            }
        }
    }
}

async fn place_for(from: SocketAddr, places: &Places) -> Place {
    loop {
        if let Some(place) = places.take(from.ip()) {
            return place;
        }
        let _wanted = Wanted::new(places);
        // A connection that has been answered may leave too, and nothing tells of that.
        let _either = tokio::time::timeout(LOOK_AGAIN, places.freed()).await;
    }
}

/// Somebody waits for a place, for as long as this lives.
struct Wanted<'p>(&'p Places);

impl<'p> Wanted<'p> {
    fn new(places: &'p Places) -> Self {
        places.set_wanted(true);
        Self(places)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.set_wanted(false);
    }
}

async fn converse(
    stream: TcpStream,
    place: &Place,
    router: Router,
    watcher: Watcher,
    stop: CancellationToken,
) {
    // Without it small answers wait for the peer's acknowledgement.
    let _best_effort = stream.set_nodelay(true);
    let mut byte = [0];
    let first = tokio::select! {
        biased;
        first = tokio::time::timeout(HEAD_DEADLINE, stream.peek(&mut byte)) => first,
        // Browsers open connections in case they need them: a stop does not wait for what was never
        // asked.
        () = stop.cancelled() => return,
    };
    if !matches!(first, Ok(Ok(1))) {
        return;
    }
    let (progress, peer, is_wanted) = (place.progress.clone(), Peer(place.address), place.wanted());
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (router, progress, is_wanted) = (router.clone(), progress.clone(), is_wanted.clone());
        async move {
            let mut response = match is_head_too_large(&request) {
                true => too_large(),
                false => answer(request, router, progress, peer).await,
            };
            // While others wait nobody has a second turn: a client with a hundred requests in a row
            // keeps no place for them.
            if is_wanted.load(Ordering::Relaxed) {
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
    let stream = Stream::new(stream, place.progress.clone());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut watched = pin!(watcher.watch(connection));
    // Peers break connections all the time; nothing of ours is lost by it.
    let _broken = watched.as_mut().await;
}

/// The library's limit is one of its buffer, and lets a larger head pass that comes in one piece.
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

/// Does something when dropped.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A body, and what is to happen when it is read to its end or given up.
struct Followed<B, F: Fn()> {
    body: B,
    _end: OnDrop<F>,
}

impl<B: HttpBody + Unpin, F: Fn() + Unpin> HttpBody for Followed<B, F> {
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

/// Answers a request, and notes meanwhile who waits for whom.
async fn answer(
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
        request.map(|body| Body::new(Followed { body, _end: received }))
    };
    let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
    response.map(|body| Body::new(Followed { body, _end: answered }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_has_been_answered_makes_room_for_one_that_waits() {
        let places = Places::new(2, &[], Clock::System.stopwatch());
        let held = ["10.0.0.1:1", "10.0.0.2:1"].map(|from| from.parse::<SocketAddr>().unwrap());
        let held = [place_for(held[0], &places).await, place_for(held[1], &places).await];
        held.iter().for_each(|place| place.progress.set_idle(false));
        let newcomer = "10.0.0.3:1".parse().unwrap();
        let (place, ()) = tokio::join!(place_for(newcomer, &places), async {
            tokio::task::yield_now().await;
            held[0].progress.set_idle(true);
        });
        assert!(
            held[0].leave.is_cancelled()
                && !held[1].leave.is_cancelled()
                && !place.leave.is_cancelled()
        );
    }
}
