//! What is measured: nothing in between (the bare client), the bare relay, the durable relay, or
//! Service Hooks. Only this is exchanged; the calling process, the receiving process and the bytes
//! stay the same.

use std::time::Duration;

use crate::{
    Outcome, clock,
    database::Kind,
    figures,
    helper::{self, Receiver, Relay},
    load::{Order, Pace, Sent, Shape},
    marker::WORK_ITEM_CLOSED,
    process,
    receiver::Arrivals,
    server::{Books, Recipe, Server},
};

/// The size of an event's body in most measurements.
pub const BODY: usize = 1024;
/// Where a sender takes events; the receiver does not care.
pub const PATH: &str = "/api/v1/events";
/// Nothing should take longer to drain.
const PATIENCE: f64 = 120.0;

/// Which subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Bare,
    Relay,
    /// The relay that syncs a journal before it answers.
    Durable,
    Ours(Kind),
}

/// A subject that runs and sends every event to the first `fan` ports of the receiver.
pub struct Subject {
    running: Running,
    fan: usize,
    /// The ids of our hooks.
    hooks: Vec<String>,
}

enum Running {
    Bare(String),
    Relay(Box<Relay>),
    Ours(Box<Server>),
}

/// What was measured of one run.
#[derive(Clone, Debug)]
pub struct Measured {
    pub events_per_second: f64,
    pub deliveries_per_second: f64,
    /// Processor time of the subject's own process for each event, in microseconds. (The bare
    /// client has no process in between; what PostgreSQL uses is not in it.)
    pub cpu_us_per_event: Option<f64>,
    pub sent: Sent,
    pub arrivals: Arrivals,
}

impl Subject {
    pub async fn start(
        which: Which,
        recipe: &Recipe,
        receiver: &Receiver,
        fan: usize,
    ) -> Outcome<Self> {
        let mut hooks = Vec::new();
        let running = match which {
            // A client that posts straight to the receiver has one of them.
            Which::Bare => {
                return Ok(Self {
                    running: Running::Bare(receiver.address(0)),
                    fan: 1,
                    hooks: Vec::new(),
                });
            }
            Which::Relay | Which::Durable => {
                let is_durable = which == Which::Durable;
                Running::Relay(Box::new(Relay::start(&receiver.urls(fan), is_durable).await?))
            }
            Which::Ours(kind) => {
                let server = Server::start(recipe, kind).await?;
                for url in receiver.urls(fan) {
                    hooks.push(server.hook(WORK_ITEM_CLOSED, &url).await?);
                }
                Running::Ours(Box::new(server))
            }
        };
        Ok(Self { running, fan, hooks })
    }

    fn order(&self, pace: Pace) -> Order {
        let (to, token, shape) = match &self.running {
            Running::Bare(address) => (address.clone(), String::new(), Shape::Body),
            Running::Relay(relay) => (
                relay.address(),
                "shk_a_token_as_long_as_ours_which_nobody_checks".to_owned(),
                Shape::Event,
            ),
            Running::Ours(server) => (server.address(), server.token.clone(), Shape::Event),
        };
        Order {
            to,
            path: PATH.to_owned(),
            token,
            event: WORK_ITEM_CLOSED.to_owned(),
            body_bytes: BODY,
            shape,
            pace,
        }
    }

    /// Sends at this pace.
    pub async fn send(&self, pace: Pace) -> Outcome<Sent> {
        helper::load(&self.order(pace)).await
    }

    /// Sends at this pace, waits until every delivery is recorded, and says how fast that was.
    pub async fn measure(&self, receiver: &mut Receiver, pace: Pace) -> Outcome<Measured> {
        receiver.reset().await?;
        let before = self.cpu_seconds()?;
        let sent = self.send(pace).await?;
        let expected = sent.accepted * self.fan;
        let end = self.recorded(receiver, expected).await?;
        let used = self.cpu_seconds()?.zip(before).map(|(after, before)| after - before);
        let arrivals = receiver.all_arrivals().await?;
        if arrivals.spoilt > 0 {
            return Err(
                format!("{} bodies did not arrive as they were sent", arrivals.spoilt).into()
            );
        }
        let end = end.unwrap_or(arrivals.last);
        Ok(Measured {
            events_per_second: figures::count(sent.accepted)
                / clock::seconds(sent.first, sent.last),
            deliveries_per_second: figures::count(expected) / clock::seconds(sent.first, end),
            cpu_us_per_event: used.map(|seconds| seconds * 1e6 / figures::count(sent.accepted)),
            sent,
            arrivals,
        })
    }

    /// Processor time that the subject's process has used so far.
    fn cpu_seconds(&self) -> Outcome<Option<f64>> {
        let pid = match &self.running {
            Running::Bare(_) => return Ok(None),
            Running::Relay(relay) => relay.pid()?,
            Running::Ours(server) => server.pid()?,
        };
        process::cpu_seconds(pid).map(Some)
    }

    /// From now on its one hook delivers strictly in the order of this member of the body.
    pub async fn keep_order(&self, member: &str) -> Outcome {
        let hook = self.hooks.first().ok_or("a hook is needed")?;
        self.server()?.keep_order(hook, member).await
    }

    /// Sends so many events, a batch after the other, and says how many deliveries of them a second
    /// were recorded.
    pub async fn drain(
        &self,
        receiver: &mut Receiver,
        batches: usize,
        size: usize,
    ) -> Outcome<f64> {
        receiver.reset().await?;
        let order = Order {
            shape: Shape::Batch(size),
            ..self.order(Pace::Count { callers: 4, requests: batches })
        };
        let sent = helper::load(&order).await?;
        let expected = sent.accepted * size;
        let began = clock::now();
        // All events of a batch have one mark: it is the requests that are counted.
        while receiver.all_arrivals().await?.requests < expected {
            if clock::seconds_since(began) > PATIENCE {
                return Err(format!("not all of {expected} deliveries arrived").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let end = self.recorded(receiver, 0).await?.unwrap_or_else(clock::now);
        Ok(figures::count(expected) / clock::seconds(sent.first, end))
    }

    /// Waits until all arrived and, where it is recorded, is recorded; says when that was seen.
    async fn recorded(&self, receiver: &mut Receiver, expected: usize) -> Outcome<Option<u64>> {
        let began = clock::now();
        let late =
            |what: String| if clock::seconds_since(began) > PATIENCE { Err(what) } else { Ok(()) };
        loop {
            let came = receiver.count().await?;
            if came >= expected {
                break;
            }
            late(format!("only {came} of {expected} deliveries arrived"))?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let Running::Ours(server) = &self.running else { return Ok(None) };
        // Where another hook's deliveries are meant to stay, there is only one that is measured.
        let hook = self.hooks.first().filter(|_| self.hooks.len() == 1).map(String::as_str);
        loop {
            // The answer is of the moment the query began: looking over many rows takes time that
            // is not the server's.
            let asked = clock::now();
            if !server.any_in("pending", hook).await? {
                return if server.any_in("waiting", hook).await? {
                    Err("some wait for a retry".into())
                } else {
                    Ok(Some(asked))
                };
            }
            late("some deliveries stay pending".to_owned())?;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Ends it. What it was given must be in its books, if it keeps any.
    pub async fn remove(self) -> Outcome<Option<Books>> {
        let Running::Ours(server) = self.running else { return Ok(None) };
        let books = server.books().await?;
        server.remove().await?;
        if books.balanced {
            Ok(Some(books))
        } else {
            Err(format!("the balance does not hold: {}", books.words).into())
        }
    }

    pub fn server(&self) -> Outcome<&Server> {
        if let Running::Ours(server) = &self.running {
            Ok(server)
        } else {
            Err("this is not Service Hooks".into())
        }
    }

    pub fn server_mut(&mut self) -> Outcome<&mut Server> {
        if let Running::Ours(server) = &mut self.running {
            Ok(server)
        } else {
            Err("this is not Service Hooks".into())
        }
    }
}
