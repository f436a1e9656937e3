//! Producers that disconnect during a request: after any byte, with FIN or RST, and at every await
//! of an accept. The event is stored completely or not at all, and later requests are not affected.
//!
//! `SERVICE_HOOKS_TEST_DISCONNECTS`: number of requests (default 1,000).

use std::{
    collections::{HashMap, HashSet},
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::Duration,
};

use axum::{body::Body, http::Request};
use futures::StreamExt;
use service_hooks::{
    domain::{
        delivery::State,
        event::EventType,
        permission::{Actor, right},
    },
    engine::{
        catalogue::sample,
        clock::random_unit,
        dispatcher::Emit,
        store::balance::{self, Balance},
    },
    http,
};
use sqlx::Connection;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tower::ServiceExt;

use crate::support::{PATIENCE, app::TestApp, db::TestDb, eventually, on_both, receiver::Receiver};

on_both!(
    a_producer_may_disconnect_after_any_byte,
    an_accept_can_be_dropped_at_every_await,
    a_stop_does_not_wait_for_silent_connections,
);

const HEARD: EventType = EventType::WorkItemClosed;
/// An event type without a hook.
const UNHEARD: EventType = EventType::OutboundCallInitiated;
/// Events of a batch.
const BATCH: usize = 3;
/// Concurrent clients.
const CLIENTS: usize = 24;

fn disconnects() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the long mode is asked for by hand")]
    std::env::var("SERVICE_HOOKS_TEST_DISCONNECTS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1000)
}

fn dice(sides: usize) -> usize {
    (random_unit() * sides as f64) as usize
}

/// An event that contains the name of its request, so that the receiver can attribute it.
fn body(name: &str) -> String {
    let sample = sample(HEARD).trim_end().trim_end_matches('}').to_owned();
    format!("{sample}, \"of_request\": \"{name}\"}}")
}

fn one(name: &str) -> String {
    format!(r#"{{"type":"{}","data":{}}}"#, HEARD.key(), body(name))
}

/// A portal with two hooks on one event type, each with its own receiver.
struct Scene {
    app: TestApp,
    token: String,
    receivers: [Receiver; 2],
}

impl Scene {
    async fn start(db: TestDb) -> Self {
        let app = TestApp::start(db).await;
        let token = app.full_token().await;
        let receivers = [Receiver::start().await, Receiver::start().await];
        for receiver in &receivers {
            app.hook(&token, HEARD, receiver).await;
        }
        Self { app, token, receivers }
    }

    async fn balance(&self) -> Balance {
        let grant = Actor::portal().require(right::SystemRead).unwrap();
        let mut conn = self.app.running.portal.store().read().await.unwrap();
        balance::read(&mut conn, &grant).await.unwrap()
    }

    /// Waits until all accepted events are delivered. Returns the number of events of each request.
    async fn outcome(&self) -> HashMap<String, usize> {
        let came = || self.receivers.each_ref().map(Receiver::came);
        eventually("everything accepted is delivered, to both", async || {
            let [first, second] = came();
            let accepted = usize::try_from(self.balance().await.accepted).unwrap();
            (first.len() == second.len() && first.len() * 2 == accepted).then_some(())
        })
        .await;
        eventually("everything is recorded", async || {
            let balance = self.balance().await;
            (balance.holds() && balance.of(State::Delivered) == balance.accepted).then_some(())
        })
        .await;
        let [first, second] = came().map(|came| {
            came.iter().map(|came| came.header("webhook-id").to_owned()).collect::<HashSet<_>>()
        });
        assert_eq!(first, second, "an event has the deliveries of all its hooks");
        let mut of_request = HashMap::new();
        for came in self.receivers[0].came() {
            let event: serde_json::Value = serde_json::from_slice(&came.body).unwrap();
            *of_request.entry(event["of_request"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(first.len(), of_request.values().sum::<usize>(), "none was sent twice");
        of_request
    }

    /// Checks that this many ordinary requests succeed and that no transaction is left open.
    async fn assert_unharmed(&self, requests: usize) {
        let request = format!(r#"{{"type":"{}","data":{}}}"#, UNHEARD.key(), sample(UNHEARD));
        let answers = futures::stream::iter(0..requests)
            .map(|_| self.app.api_raw(&self.token, "/events", request.clone()))
            .buffer_unordered(CLIENTS);
        answers
            .for_each(|(status, answer)| async move { assert_eq!(status, 202, "{answer}") })
            .await;
        let url = self.app.db.settings().database_url;
        if url.starts_with("postgres") {
            let mut conn = sqlx::PgConnection::connect(&url).await.unwrap();
            eventually("no transaction is left open", async || {
                let (open,): (i64,) = sqlx::query_as(
                    "SELECT COUNT(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
                )
                .fetch_one(&mut conn)
                .await
                .unwrap();
                (open == 0).then_some(())
            })
            .await;
        }
    }
}

async fn a_producer_may_disconnect_after_any_byte(db: TestDb) {
    let scene = Scene::start(db).await;
    let clients = futures::stream::iter(0..disconnects()).map(|number| go_away(&scene, number));
    clients.buffer_unordered(CLIENTS).for_each(|()| async {}).await;
    scene.assert_unharmed(disconnects()).await;
    // A client with an idempotency key repeats the request and gets one event, however far the
    // first request came.
    let again =
        futures::stream::iter((0..disconnects()).filter(|number| Kind::of(*number) == Kind::Keyed));
    again
        .map(|number| {
            let request = scene.app.request("POST", "/api/v1/events").bearer_auth(&scene.token);
            let name = name(number);
            request.header("Idempotency-Key", &name).body(one(&name)).send()
        })
        .buffer_unordered(CLIENTS)
        .for_each(|answer| async { assert_eq!(answer.unwrap().status(), 202) })
        .await;
    let outcome = scene.outcome().await;
    let mut accepted = 0;
    for number in 0..disconnects() {
        let events = outcome.get(&name(number)).copied().unwrap_or(0);
        accepted += usize::from(events > 0);
        match Kind::of(number) {
            Kind::Plain => assert!(events <= 1, "{number}: {events}"),
            Kind::Keyed => assert_eq!(events, 1, "{number}"),
            Kind::Batch => {
                assert!(events == 0 || events == BATCH, "half a batch of {number}: {events}")
            }
        }
    }
    eprintln!("{} clients went away, {accepted} requests were accepted", disconnects());
    let keyed = disconnects() / 3;
    assert!(
        accepted > keyed && accepted < disconnects(),
        "all disconnected too early or too late: {accepted}"
    );
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Keyed,
    Batch,
}

impl Kind {
    fn of(number: usize) -> Self {
        [Self::Plain, Self::Keyed, Self::Batch][number % 3]
    }
}

fn name(number: usize) -> String {
    format!("request-{number}")
}

/// Sends some or all of a request and disconnects after a moment, with FIN or RST.
async fn go_away(scene: &Scene, number: usize) {
    let name = name(number);
    let (key, content) = match Kind::of(number) {
        Kind::Plain => (String::new(), one(&name)),
        Kind::Keyed => (format!("idempotency-key: {name}\r\n"), one(&name)),
        Kind::Batch => (String::new(), format!("[{}]", vec![one(&name); BATCH].join(","))),
    };
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \
         {}\r\n{key}content-length: {}\r\n\r\n",
        scene.token,
        content.len()
    );
    let request = head + &content;
    let mut stream = TcpStream::connect(scene.app.running.address).await.unwrap();
    // Most send the complete request, so that they disconnect during an accept.
    let sent = if dice(3) == 0 { dice(request.len()) } else { request.len() };
    stream.write_all(&request.as_bytes()[..sent]).await.unwrap();
    if dice(2) == 0 {
        stream.set_zero_linger().unwrap();
    }
    // From immediately to longer than an accept takes. The disconnect itself is under test, so
    // there is no condition to wait for.
    match dice(3) {
        0 => {}
        1 => tokio::time::sleep(Duration::from_millis(dice(20) as u64)).await,
        _ => {
            for _ in 0..dice(200) {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Polls a future this many times and then drops it.
async fn poll_at_most<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn an_accept_can_be_dropped_at_every_await(db: TestDb) {
    let scene = Scene::start(db).await;
    let router = http::router(scene.app.running.portal.clone());
    let engine = &scene.app.running.portal.dispatcher;
    let mut promised = Vec::new();
    let mut drops = 0;
    let mut round = 0;
    while drops < disconnects() / 4 {
        round += 1;
        for polls in 0.. {
            let name = format!("router-{round}-{polls}");
            let request = Request::post("/api/v1/events")
                .header("host", "localhost")
                .header("authorization", format!("Bearer {}", scene.token));
            let request = request.body(Body::from(one(&name))).unwrap();
            match poll_at_most(polls, router.clone().oneshot(request)).await {
                None => drops += 1,
                Some(answer) => {
                    assert_eq!(answer.unwrap().status(), 202);
                    promised.push(name);
                    break;
                }
            }
        }
        for polls in 0.. {
            let name = format!("engine-{round}-{polls}");
            let event = Emit { event_type: HEARD, body: body(&name).into() };
            match poll_at_most(polls, engine.emit(event, "test")).await {
                None => drops += 1,
                Some(accepted) => {
                    accepted.unwrap();
                    promised.push(name);
                    break;
                }
            }
        }
    }
    scene.assert_unharmed(drops).await;
    let outcome = scene.outcome().await;
    assert!(outcome.values().all(|events| *events == 1), "{outcome:?}");
    assert!(promised.iter().all(|name| outcome.contains_key(name)), "{outcome:?}");
    assert!(!outcome.contains_key("engine-1-0"), "a future that was never polled emitted nothing");
    eprintln!("{drops} dropped in {round} rounds, {} accepted", outcome.len());
}

/// Browsers and client libraries keep connections that they have not used yet.
async fn a_stop_does_not_wait_for_silent_connections(db: TestDb) {
    let app = TestApp::start(db).await;
    let silent = TcpStream::connect(app.running.address).await.unwrap();
    // Connections are accepted in order: when this one is answered, the silent one was accepted
    // too.
    assert_eq!(app.request("GET", "/healthz").send().await.unwrap().status(), 200);
    let stopped = tokio::time::timeout(PATIENCE, app.running.shutdown()).await;
    assert!(stopped.is_ok(), "the stop waited for a connection that was never used");
    drop(silent);
}
