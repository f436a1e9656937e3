//! A real receiver on loopback: it records requests byte for byte and returns the responses that a
//! test sets.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode},
    routing::any,
};
use service_hooks::{
    domain::time::Timestamp,
    engine::clock::{Clock, Stopwatch},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};

/// A received request.
#[derive(Clone, Debug)]
pub struct Came {
    pub at: Timestamp,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Time since the receiver started.
    pub elapsed: Duration,
}

impl Came {
    /// A string member of the body.
    pub fn member(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        body[name].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// It is sent only after [`Receiver::release`].
    pub is_held: bool,
    /// Delay before the response.
    pub after: Duration,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: b"answer".to_vec(),
            is_held: false,
            after: Duration::ZERO,
        }
    }

    pub fn held() -> Self {
        Self { is_held: true, ..Self::status(200) }
    }

    /// Accepts the connection and reads the request, but never responds.
    pub fn never() -> Self {
        Self { after: Duration::from_secs(3600), ..Self::status(200) }
    }
}

type Rule = dyn Fn(&Came) -> Reply + Send + Sync;

struct Inner {
    came: Mutex<Vec<Came>>,
    replies: Mutex<VecDeque<Reply>>,
    /// The response when none is queued.
    rule: Box<Rule>,
    arrived: Notify,
    is_released: watch::Sender<bool>,
    began: Stopwatch,
    /// Requests in progress, and their maximum so far.
    busy: Mutex<(usize, usize)>,
}

/// A request in progress; dropped when it ends or its sender disconnects.
struct Busy(Arc<Inner>);

impl Busy {
    fn begin(inner: &Arc<Inner>) -> Self {
        let mut busy = inner.busy.lock().unwrap();
        busy.0 += 1;
        busy.1 = busy.1.max(busy.0);
        Self(inner.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap().0 -= 1;
    }
}

/// A receiver on loopback. It responds 200 unless a test sets something else.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::ruled(|_| Reply::status(200)).await
    }

    /// Responds according to `rule`.
    pub async fn ruled(rule: impl Fn(&Came) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), rule)
    }

    /// The same on a listener of the test's choice.
    pub fn on(
        listener: TcpListener,
        rule: impl Fn(&Came) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let inner = Arc::new(Inner {
            came: Mutex::default(),
            replies: Mutex::default(),
            rule: Box::new(rule),
            is_released: watch::Sender::new(false),
            arrived: Notify::new(),
            began: Clock::System.stopwatch(),
            busy: Mutex::default(),
        });
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(any(receive)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The maximum number of concurrent requests.
    pub fn busiest(&self) -> usize {
        self.inner.busy.lock().unwrap().1
    }

    /// Time since it started.
    pub fn age(&self) -> Duration {
        self.inner.began.elapsed()
    }

    /// Queues responses; after them the rule applies again.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner.replies.lock().unwrap().extend(replies);
    }

    /// From now on it responds 200, regardless of earlier settings.
    pub fn be_well(&self) {
        self.inner.replies.lock().unwrap().clear();
    }

    pub fn came(&self) -> Vec<Came> {
        self.inner.came.lock().unwrap().clone()
    }

    /// Sends the held responses, and holds no further ones.
    pub fn release(&self) {
        self.inner.is_released.send_replace(true);
    }

    /// The arrival times of each event at each path.
    pub fn arrivals(&self) -> HashMap<(String, String), Vec<Timestamp>> {
        let mut arrivals = HashMap::<_, Vec<Timestamp>>::new();
        for came in self.inner.came.lock().unwrap().iter() {
            arrivals
                .entry((came.path.clone(), came.header("webhook-id").to_owned()))
                .or_default()
                .push(came.at);
        }
        arrivals
    }

    /// Waits until `count` requests have arrived and returns all of them.
    pub async fn wait_for(&self, count: usize) -> Vec<Came> {
        let wait = async {
            loop {
                let arrived = self.inner.arrived.notified();
                let came = self.came();
                if came.len() >= count {
                    return came;
                }
                arrived.await;
            }
        };
        let waited = tokio::time::timeout(super::PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("only {} of {count} requests came", self.came().len()))
    }
}

async fn receive(
    State(inner): State<Arc<Inner>>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let at = Clock::System.now();
    let path = parts.uri.path().to_owned();
    let came = Came { at, path, headers: parts.headers, body, elapsed: inner.began.elapsed() };
    let _busy = Busy::begin(&inner);
    let queued = inner.replies.lock().unwrap().pop_front();
    let reply = queued.unwrap_or_else(|| (inner.rule)(&came));
    inner.came.lock().unwrap().push(came);
    inner.arrived.notify_waiters();
    if !reply.after.is_zero() {
        tokio::time::sleep(reply.after).await;
    }
    if reply.is_held {
        inner.is_released.subscribe().wait_for(|is_released| *is_released).await.unwrap();
    }
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
