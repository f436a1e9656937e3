//! The receiver process. Each of its ports responds with 200 immediately, or hangs: it accepts and
//! never responds. Counts arrivals and latencies. It is controlled over standard input, and exits
//! when that closes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{Outcome, clock, figures, marker, wire::Wire};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// The arrivals at some ports.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Arrivals {
    /// Requests with a response, and distinct events among them.
    pub requests: usize,
    pub events: usize,
    /// Payloads without a mark: their bytes were changed.
    pub corrupted: usize,
    pub first: u64,
    pub last: u64,
    /// From the scheduled time of an event to its arrival, in milliseconds.
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

/// The state of a port.
#[derive(Default)]
struct Port {
    hangs: bool,
    requests: usize,
    corrupted: usize,
    events: usize,
    /// By event number: whether it arrived.
    seen: Vec<bool>,
    latencies: Vec<u64>,
    first: u64,
    last: u64,
}

type Shared = Arc<Mutex<Port>>;

/// Serves until the standard input closes.
pub async fn run(ports: usize) -> Outcome {
    let mut shared: Vec<Shared> = Vec::new();
    let mut addresses = Vec::new();
    for _ in 0..ports {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?.port());
        let port = Shared::default();
        shared.push(port.clone());
        tokio::spawn(accept(listener, port));
    }
    println!("{}", serde_json::to_string(&addresses)?);
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    while let Some(command) = commands.next_line().await? {
        println!("{}", execute(&command, &shared)?);
    }
    Ok(())
}

fn execute(command: &str, ports: &[Shared]) -> Outcome<String> {
    let (verb, arguments) = command.split_once(' ').unwrap_or((command, ""));
    let numbers =
        arguments.split_whitespace().map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    match verb {
        // Resets the counters, but not which ports hang.
        "reset" => {
            for port in ports {
                let mut port = lock(port);
                *port = Port { hangs: port.hangs, ..Port::default() };
            }
        }
        // The given ports hang, all others respond.
        "hang" => {
            for (number, port) in ports.iter().enumerate() {
                lock(port).hangs = numbers.contains(&number);
            }
        }
        "count" => {
            return Ok(numbers
                .iter()
                .map(|number| lock(&ports[*number]).events)
                .sum::<usize>()
                .to_string());
        }
        "report" => {
            let chosen: Vec<_> = numbers.iter().map(|number| lock(&ports[*number])).collect();
            return Ok(serde_json::to_string(&report(&chosen))?);
        }
        _ => return Err(format!("the receiver does not know {command:?}").into()),
    }
    Ok("null".to_owned())
}

fn report(ports: &[MutexGuard<'_, Port>]) -> Arrivals {
    let mut latencies: Vec<u64> =
        ports.iter().flat_map(|port| port.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    let at = |share| figures::millis(figures::percentile(&latencies, share));
    Arrivals {
        requests: ports.iter().map(|port| port.requests).sum(),
        events: ports.iter().map(|port| port.events).sum(),
        corrupted: ports.iter().map(|port| port.corrupted).sum(),
        first: ports.iter().map(|port| port.first).filter(|first| *first > 0).min().unwrap_or(0),
        last: ports.iter().map(|port| port.last).max().unwrap_or(0),
        p50: at(0.50),
        p95: at(0.95),
        p99: at(0.99),
    }
}

async fn accept(listener: TcpListener, port: Shared) {
    while let Ok((stream, _)) = listener.accept().await {
        let port = port.clone();
        tokio::spawn(async move {
            // A closed connection is not an error; its requests were counted.
            let _closed = serve(stream, &port).await;
        });
    }
}

async fn serve(stream: TcpStream, port: &Shared) -> std::io::Result<()> {
    let mut wire = Wire::new(stream)?;
    loop {
        let Some(request) = wire.receive().await? else { return Ok(()) };
        if lock(port).hangs {
            return wire.discard_all().await;
        }
        lock(port).record(request.body);
        wire.send(ANSWER).await?;
    }
}

impl Port {
    fn record(&mut self, body: &[u8]) {
        let now = clock::now();
        self.requests += 1;
        self.last = now;
        if self.first == 0 {
            self.first = now;
        }
        let Some((sent, number)) = marker::read(body) else {
            self.corrupted += 1;
            return;
        };
        let number = number as usize;
        if self.seen.len() <= number {
            self.seen.resize(number + 1, false);
        }
        if !std::mem::replace(&mut self.seen[number], true) {
            self.events += 1;
            self.latencies.push(now.saturating_sub(sent));
        }
    }
}

fn lock(port: &Shared) -> MutexGuard<'_, Port> {
    port.lock().unwrap_or_else(PoisonError::into_inner)
}
