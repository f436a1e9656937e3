//! A real receiver on loopback: keeps what came, byte for byte, and answers as it is told.

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

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Came {
    pub at: Timestamp,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Since the receiver began.
    pub elapsed: Duration,
}

impl Came {
    /// A member of the body that is a word.
    pub fn member(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        body[name].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// It is given only after [`Receiver::release`].
    pub is_held: bool,
    /// How long it takes.
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

    /// The connection is accepted, the request is read, and that is all.
    pub fn never() -> Self {
        Self { after: Duration::from_secs(3600), ..Self::status(200) }
    }
}

type Rule = dyn Fn(&Came) -> Reply + Send + Sync;

struct Inner {
    came: Mutex<Vec<Came>>,
    replies: Mutex<VecDeque<Reply>>,
    /// What to answer when nothing is queued.
    rule: Box<Rule>,
    arrived: Notify,
    is_released: watch::Sender<bool>,
    began: Stopwatch,
    /// Requests being answered, and the most there ever were.
    busy: Mutex<(usize, usize)>,
}

/// A request that is being answered, or whose sender has gone.
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

/// See the module. Answers 200 unless told otherwise.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::ruled(|_| Reply::status(200)).await
    }

    /// Answers as `rule` says.
    pub async fn ruled(rule: impl Fn(&Came) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), rule)
    }

    /// The same at an address of the test's choice.
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

    /// How many requests it had to answer at once at most.
    pub fn busiest(&self) -> usize {
        self.inner.busy.lock().unwrap().1
    }

    /// For how long it has been there.
    pub fn age(&self) -> Duration {
        self.inner.began.elapsed()
    }

    /// The next answers, in order; then its rule's again.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner.replies.lock().unwrap().extend(replies);
    }

    /// From now on 200, whatever it was told before.
    pub fn be_well(&self) {
        self.inner.replies.lock().unwrap().clear();
    }

    pub fn came(&self) -> Vec<Came> {
        self.inner.came.lock().unwrap().clone()
    }

    /// Gives the answers that are held, and those that would be.
    pub fn release(&self) {
        self.inner.is_released.send_replace(true);
    }

    /// When each event came to each path.
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

    /// Waits until `count` requests came, and gives all of them.
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
