//! The load generator process. Closed loop: a number of callers that each wait for their response.
//! Open loop: events at fixed times, whether or not earlier ones were acknowledged. It uses one
//! thread, to leave the cores to the subject.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::{Outcome, clock, figures, marker, wire::Wire};

/// What to send, where, and how fast.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadSpec {
    /// `127.0.0.1:4000`
    pub to: String,
    pub path: String,
    pub token: String,
    pub event: String,
    pub body_bytes: usize,
    /// The form of the request body.
    pub shape: Shape,
    pub pace: Pace,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Shape {
    /// The payload alone, for a receiver.
    Body,
    /// One event in its envelope.
    Event,
    /// This many events in each request.
    Batch(usize),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Pace {
    /// Closed loop for a time: each caller sends its next request after the response to its last.
    Closed { callers: usize, seconds: f64 },
    /// Closed loop until a number of requests was sent.
    Count { callers: usize, requests: usize },
    /// Open loop: `rate` requests per second at fixed times.
    Open { rate: f64, seconds: f64 },
}

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sent {
    /// Requests with a success status, and all others.
    pub accepted: usize,
    pub failed: usize,
    /// When the first request was sent, and when the last response came. Microseconds since 1970.
    pub first: u64,
    pub last: u64,
    /// From the scheduled time of a request to its response, in milliseconds.
    pub p50: f64,
    pub p99: f64,
}

/// An encoded request, complete except for its marks.
#[derive(Clone)]
struct Template {
    bytes: Vec<u8>,
    /// Where the marks are.
    places: Vec<usize>,
}

/// The counters that the callers share.
#[derive(Default)]
struct Tally {
    next: u32,
    accepted: usize,
    failed: usize,
    first: u64,
    last: u64,
    latencies: Vec<u64>,
}

type Shared = Arc<Mutex<Tally>>;

/// Sends the load, and prints the result as JSON.
pub async fn run(spec: &LoadSpec) -> Outcome {
    let tally = Shared::default();
    let template = Template::new(spec)?;
    match spec.pace {
        Pace::Closed { callers, seconds } => {
            let end = clock::now() + micros(seconds);
            let may_continue = move |_: u32| clock::now() < end;
            closed_loop(spec, &template, &tally, callers, may_continue).await?;
        }
        Pace::Count { callers, requests } => {
            closed_loop(spec, &template, &tally, callers, move |number| {
                (number as usize) < requests
            })
            .await?;
        }
        Pace::Open { rate, seconds } => open_loop(spec, &template, &tally, rate, seconds).await?,
    }
    println!(
        "{}",
        serde_json::to_string(&tally.lock().unwrap_or_else(PoisonError::into_inner).sum_up())?
    );
    Ok(())
}

async fn closed_loop(
    spec: &LoadSpec,
    template: &Template,
    tally: &Shared,
    callers: usize,
    may_continue: impl Fn(u32) -> bool + Clone + Send + 'static,
) -> Outcome {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let mut template = template.clone();
        let (to, tally, may_continue) = (spec.to.clone(), tally.clone(), may_continue.clone());
        tasks.spawn(async move {
            let mut wire = connect(&to).await?;
            loop {
                let number = lock(&tally).number();
                if !may_continue(number) {
                    return Ok::<(), io::Error>(());
                }
                let sent = clock::now();
                template.mark(sent, number);
                let success = exchange(&mut wire, &template.bytes).await?;
                lock(&tally).record(sent, success);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

/// Each request is sent at its scheduled time. If no connection is idle it opens another one, so
/// that no request waits for a response.
async fn open_loop(
    spec: &LoadSpec,
    template: &Template,
    tally: &Shared,
    rate: f64,
    seconds: f64,
) -> Outcome {
    let idle: Arc<Mutex<Vec<Wire>>> = Arc::default();
    let (times, mut due) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || schedule(rate, seconds, &times));
    let mut tasks = tokio::task::JoinSet::new();
    while let Some(time) = due.recv().await {
        let mut template = template.clone();
        let (to, tally, idle) = (spec.to.clone(), tally.clone(), idle.clone());
        tasks.spawn(async move {
            let number = lock(&tally).number();
            template.mark(time, number);
            let reused = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut wire = match reused {
                Some(wire) => wire,
                None => connect(&to).await?,
            };
            let success = exchange(&mut wire, &template.bytes).await?;
            lock(&tally).record(time, success);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(wire);
            Ok::<(), io::Error>(())
        });
        while let Some(task) = tasks.try_join_next() {
            task??;
        }
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

/// Sends the scheduled times. Runs in a thread of its own, because the runtime's timer has a
/// resolution of one millisecond.
fn schedule(rate: f64, seconds: f64, times: &tokio::sync::mpsc::UnboundedSender<u64>) {
    let start = clock::now() + 10_000;
    for event in 0..(rate * seconds) as u32 {
        let time = start + micros(f64::from(event) / rate);
        std::thread::sleep(clock::until(time));
        if times.send(time).is_err() {
            return;
        }
    }
}

async fn connect(to: &str) -> io::Result<Wire> {
    Wire::new(TcpStream::connect(to).await?)
}

async fn exchange(wire: &mut Wire, request: &[u8]) -> io::Result<bool> {
    wire.send(request).await?;
    let answer = wire.receive().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let success = answer.status().is_some_and(|status| (200..300).contains(&status));
    if !success {
        eprintln!("refused: {}", String::from_utf8_lossy(answer.body));
        // Limits the output when the server refuses everything.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(success)
}

impl Template {
    fn new(spec: &LoadSpec) -> Outcome<Self> {
        let data = marker::body(&spec.event, spec.body_bytes);
        let event = format!(r#"{{"type":"{}","data":{data}}}"#, spec.event);
        let body = match spec.shape {
            Shape::Body => data,
            Shape::Event => event,
            Shape::Batch(size) => format!("[{}]", vec![event; size].join(",")),
        };
        let LoadSpec { to, path, token, .. } = spec;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {to}\r\ncontent-type: \
             application/json\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body.as_bytes()].concat();
        let places = marker::places(&bytes);
        if places.is_empty() {
            Err("the body holds no mark".into())
        } else {
            Ok(Self { bytes, places })
        }
    }

    fn mark(&mut self, time: u64, number: u32) {
        for place in &self.places {
            marker::write(&mut self.bytes, *place, time, number);
        }
    }
}

impl Tally {
    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    fn record(&mut self, sent: u64, success: bool) {
        let now = clock::now();
        self.first = if self.first == 0 { sent } else { self.first.min(sent) };
        self.last = now;
        self.accepted += usize::from(success);
        self.failed += usize::from(!success);
        self.latencies.push(now.saturating_sub(sent));
    }

    fn sum_up(&mut self) -> Sent {
        self.latencies.sort_unstable();
        let at = |share| figures::millis(figures::percentile(&self.latencies, share));
        let (p50, p99) = (at(0.50), at(0.99));
        Sent {
            accepted: self.accepted,
            failed: self.failed,
            first: self.first,
            last: self.last,
            p50,
            p99,
        }
    }
}

fn lock(tally: &Shared) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}
