//! Our own accept loop: `axum::serve` sets no deadline for a request's head, so a client that sends a byte a minute
//! would hold its connection for ever.

use std::{convert::Infallible, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a request's head may take, and an idle connection may stay.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Limits of a request's head.
const MAX_HEADERS: usize = 100;
const HEAD_SIZE: usize = 32 * 1024;
/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 4096;

/// Serves until `stop`, then lets requests under way finish, for as long as `drain`.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, drain: Duration) {
    let graceful = GracefulShutdown::new();
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            Ok(place) = places.clone().acquire_owned() => place,
            () = stop.cancelled() => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: the next one may work.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let connection = graceful.watcher();
        let (router, stop) = (router.clone(), stop.clone());
        tokio::spawn(async move {
            converse(stream, router, connection, stop).await;
            drop(place);
        });
    }
    drop(listener);
    let _late = tokio::time::timeout(drain, graceful.shutdown()).await;
}

async fn converse(
    stream: TcpStream,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    stop: CancellationToken,
) {
    // Without it small answers wait for the peer's acknowledgement.
    let _best_effort = stream.set_nodelay(true);
    // Until the first byte the protocol is unknown and hyper's own deadline does not run yet.
    let mut byte = [0];
    let first = tokio::select! {
        biased;
        first = tokio::time::timeout(HEAD_DEADLINE, stream.peek(&mut byte)) => first,
        // Browsers open connections in case they need them: a stop does not wait for what was never asked.
        () = stop.cancelled() => return,
    };
    if !matches!(first, Ok(Ok(1))) {
        return;
    }
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(HEAD_SIZE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(16 * 1024)
        .max_pending_accept_reset_streams(20)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(HEAD_DEADLINE);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let mut watched = pin!(watcher.watch(connection));
    // Peers break connections all the time; nothing of ours is lost by it.
    let _broken = watched.as_mut().await;
}
