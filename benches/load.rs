//! The calling process: 64 callers that each wait for their answer (closed loop), or events at
//! fixed times whether or not the earlier ones were answered (open loop). One thread: it must leave
//! the cores to what is measured.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::{Outcome, clock, figures, marker, wire::Wire};

/// What to send, where, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// `127.0.0.1:4000`
    pub to: String,
    pub path: String,
    pub token: String,
    pub event: String,
    pub body_bytes: usize,
    /// Bare bodies for a receiver, or events for a sender.
    pub shape: Shape,
    pub pace: Pace,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Shape {
    Body,
    Event,
    /// This many events in each request.
    Batch(usize),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Pace {
    /// So many callers for so many seconds, each sending its next when it has the answer to its
    /// last.
    Closed { callers: usize, seconds: f64 },
    /// So many callers until so many requests were made.
    Count { callers: usize, requests: usize },
    /// So many a second, at their times.
    Open { rate: f64, seconds: f64 },
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sent {
    /// Requests answered with success, and those that were not.
    pub accepted: usize,
    pub failed: usize,
    /// When the first was sent, when the last was answered.
    pub first: u64,
    pub last: u64,
    /// From when it was to be sent to its answer, in milliseconds.
    pub p50: f64,
    pub p99: f64,
}

/// A request, ready but for its mark.
#[derive(Clone)]
struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

/// Shared by the callers.
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

/// Sends, and prints what came of it.
pub async fn run(order: &Order) -> Outcome {
    let tally = Shared::default();
    let template = Template::new(order)?;
    match order.pace {
        Pace::Closed { callers, seconds } => {
            let end = clock::now() + micros(seconds);
            let go_on = move |_: u32| clock::now() < end;
            closed(order, &template, &tally, callers, go_on).await?;
        }
        Pace::Count { callers, requests } => {
            closed(order, &template, &tally, callers, move |number| (number as usize) < requests)
                .await?;
        }
        Pace::Open { rate, seconds } => open(order, &template, &tally, rate, seconds).await?,
    }
    println!(
        "{}",
        serde_json::to_string(&tally.lock().unwrap_or_else(PoisonError::into_inner).sum_up())?
    );
    Ok(())
}

async fn closed(
    order: &Order,
    template: &Template,
    tally: &Shared,
    callers: usize,
    go_on: impl Fn(u32) -> bool + Clone + Send + 'static,
) -> Outcome {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let mut template = template.clone();
        let (to, tally, go_on) = (order.to.clone(), tally.clone(), go_on.clone());
        tasks.spawn(async move {
            let mut wire = connect(&to).await?;
            loop {
                let number = lock(&tally).number();
                if !go_on(number) {
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

/// Every request has its time; one that finds no idle connection opens another, so that nothing
/// waits for an answer.
async fn open(
    order: &Order,
    template: &Template,
    tally: &Shared,
    rate: f64,
    seconds: f64,
) -> Outcome {
    let idle: Arc<Mutex<Vec<Wire>>> = Arc::default();
    let (times, mut due) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || keep_time(rate, seconds, &times));
    let mut tasks = tokio::task::JoinSet::new();
    while let Some(time) = due.recv().await {
        let mut template = template.clone();
        let (to, tally, idle) = (order.to.clone(), tally.clone(), idle.clone());
        tasks.spawn(async move {
            let number = lock(&tally).number();
            template.mark(time, number);
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut wire = match kept {
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

/// A thread of its own: the runtime's timer is too coarse by a millisecond.
fn keep_time(rate: f64, seconds: f64, times: &tokio::sync::mpsc::UnboundedSender<u64>) {
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
        // A server that refuses everything at full speed would only fill the screen.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(success)
}

impl Template {
    fn new(order: &Order) -> Outcome<Self> {
        let data = marker::body(&order.event, order.body_bytes);
        let event = format!(r#"{{"type":"{}","data":{data}}}"#, order.event);
        let body = match order.shape {
            Shape::Body => data,
            Shape::Event => event,
            Shape::Batch(size) => format!("[{}]", vec![event; size].join(",")),
        };
        let Order { to, path, token, .. } = order;
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
