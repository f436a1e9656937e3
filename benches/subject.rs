//! The subject of a measurement: the bare client (nothing between load generator and receiver), the
//! bare relay, the durable relay, or Service Hooks. Only the subject is exchanged; the load
//! generator, the receiver and the payloads are the same.

use std::time::Duration;

use crate::{
    Outcome, clock,
    database::DatabaseKind,
    figures,
    helper::{self, Receiver, Relay},
    load::{LoadSpec, Pace, Sent, Shape},
    marker::WORK_ITEM_CLOSED,
    process,
    receiver::Arrivals,
    server::{Balance, Recipe, Server},
};

/// The payload size in most measurements.
pub const BODY: usize = 1024;
/// The path that events are posted to. The receiver accepts any path.
pub const PATH: &str = "/api/v1/events";
/// Time limit for all deliveries to be recorded.
const TIMEOUT_SECONDS: f64 = 120.0;

/// The kinds of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    Bare,
    Relay,
    /// The relay that syncs a journal before it acknowledges an event.
    Durable,
    ServiceHooks(DatabaseKind),
}

/// A running subject. It sends each event to the first `fan` ports of the receiver.
pub struct Subject {
    running: Running,
    fan: usize,
    /// The ids of the hooks in Service Hooks.
    hooks: Vec<String>,
}

enum Running {
    Bare(String),
    Relay(Box<Relay>),
    ServiceHooks(Box<Server>),
}

/// The results of one run.
#[derive(Clone, Debug)]
pub struct Measured {
    pub events_per_second: f64,
    pub deliveries_per_second: f64,
    /// CPU time of the subject's process per event in microseconds, without that of PostgreSQL.
    /// `None` for the bare client, which has no process.
    pub cpu_us_per_event: Option<f64>,
    pub sent: Sent,
    pub arrivals: Arrivals,
}

impl Subject {
    pub async fn start(
        which: SubjectKind,
        recipe: &Recipe,
        receiver: &Receiver,
        fan: usize,
    ) -> Outcome<Self> {
        let mut hooks = Vec::new();
        let running = match which {
            // The client posts directly to one port of the receiver.
            SubjectKind::Bare => {
                return Ok(Self {
                    running: Running::Bare(receiver.address(0)),
                    fan: 1,
                    hooks: Vec::new(),
                });
            }
            SubjectKind::Relay | SubjectKind::Durable => {
                let is_durable = which == SubjectKind::Durable;
                Running::Relay(Box::new(Relay::start(&receiver.urls(fan), is_durable).await?))
            }
            SubjectKind::ServiceHooks(kind) => {
                let server = Server::start(recipe, kind).await?;
                for url in receiver.urls(fan) {
                    hooks.push(server.hook(WORK_ITEM_CLOSED, &url).await?);
                }
                Running::ServiceHooks(Box::new(server))
            }
        };
        Ok(Self { running, fan, hooks })
    }

    fn load_spec(&self, pace: Pace) -> LoadSpec {
        let (to, token, shape) = match &self.running {
            Running::Bare(address) => (address.clone(), String::new(), Shape::Body),
            Running::Relay(relay) => (
                relay.address(),
                "shk_a_token_as_long_as_ours_which_nobody_checks".to_owned(),
                Shape::Event,
            ),
            Running::ServiceHooks(server) => (server.address(), server.token.clone(), Shape::Event),
        };
        LoadSpec {
            to,
            path: PATH.to_owned(),
            token,
            event: WORK_ITEM_CLOSED.to_owned(),
            body_bytes: BODY,
            shape,
            pace,
        }
    }

    /// Sends load at this pace.
    pub async fn send(&self, pace: Pace) -> Outcome<Sent> {
        helper::load(&self.load_spec(pace)).await
    }

    /// Sends load at this pace, waits until every delivery is recorded, and returns the rates.
    pub async fn measure(&self, receiver: &mut Receiver, pace: Pace) -> Outcome<Measured> {
        receiver.reset().await?;
        let before = self.cpu_seconds()?;
        let sent = self.send(pace).await?;
        let expected = sent.accepted * self.fan;
        let end = self.recorded(receiver, expected).await?;
        let used = self.cpu_seconds()?.zip(before).map(|(after, before)| after - before);
        let arrivals = receiver.all_arrivals().await?;
        if arrivals.corrupted > 0 {
            return Err(
                format!("{} payloads arrived with changed bytes", arrivals.corrupted).into()
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

    /// CPU time that the subject's process has used so far.
    fn cpu_seconds(&self) -> Outcome<Option<f64>> {
        let pid = match &self.running {
            Running::Bare(_) => return Ok(None),
            Running::Relay(relay) => relay.pid()?,
            Running::ServiceHooks(server) => server.pid()?,
        };
        process::cpu_seconds(pid).map(Some)
    }

    /// Sets the ordering key of the hook to this field.
    pub async fn keep_order(&self, field: &str) -> Outcome {
        let hook = self.hooks.first().ok_or("a hook is needed")?;
        self.server()?.keep_order(hook, field).await
    }

    /// Sends `batches` batches of `size` events. Returns the recorded deliveries per second.
    pub async fn drain(
        &self,
        receiver: &mut Receiver,
        batches: usize,
        size: usize,
    ) -> Outcome<f64> {
        receiver.reset().await?;
        let spec = LoadSpec {
            shape: Shape::Batch(size),
            ..self.load_spec(Pace::Count { callers: 4, requests: batches })
        };
        let sent = helper::load(&spec).await?;
        let expected = sent.accepted * size;
        let began = clock::now();
        // All events of a batch have the same mark, so requests are counted instead of events.
        while receiver.all_arrivals().await?.requests < expected {
            if clock::seconds_since(began) > TIMEOUT_SECONDS {
                return Err(format!("not all of {expected} deliveries arrived").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let end = self.recorded(receiver, 0).await?.unwrap_or_else(clock::now);
        Ok(figures::count(expected) / clock::seconds(sent.first, end))
    }

    /// Waits until all deliveries arrived and, for Service Hooks, are recorded. Returns when that
    /// was observed.
    async fn recorded(&self, receiver: &mut Receiver, expected: usize) -> Outcome<Option<u64>> {
        let began = clock::now();
        let check_timeout = |what: String| {
            if clock::seconds_since(began) > TIMEOUT_SECONDS { Err(what) } else { Ok(()) }
        };
        loop {
            let arrived = receiver.count().await?;
            if arrived >= expected {
                break;
            }
            check_timeout(format!("only {arrived} of {expected} deliveries arrived"))?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let Running::ServiceHooks(server) = &self.running else { return Ok(None) };
        // With a single measured hook, deliveries of other hooks may stay open (scenario
        // `backlog`).
        let hook = self.hooks.first().filter(|_| self.hooks.len() == 1).map(String::as_str);
        loop {
            // The result reflects the state when the query began. The duration of the query itself
            // must not count as delivery time.
            let queried = clock::now();
            if !server.any_in("pending", hook).await? {
                return if server.any_in("waiting", hook).await? {
                    Err("some deliveries wait for a retry".into())
                } else {
                    Ok(Some(queried))
                };
            }
            check_timeout("some deliveries stay pending".to_owned())?;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Stops the subject. For Service Hooks, checks that the balance of deliveries holds.
    pub async fn remove(self) -> Outcome<Option<Balance>> {
        let Running::ServiceHooks(server) = self.running else { return Ok(None) };
        let balance = server.balance().await?;
        server.remove().await?;
        if balance.balanced {
            Ok(Some(balance))
        } else {
            Err(format!("the balance does not hold: {}", balance.words).into())
        }
    }

    pub fn server(&self) -> Outcome<&Server> {
        if let Running::ServiceHooks(server) = &self.running {
            Ok(server)
        } else {
            Err("this is not Service Hooks".into())
        }
    }

    pub fn server_mut(&mut self) -> Outcome<&mut Server> {
        if let Running::ServiceHooks(server) = &mut self.running {
            Ok(server)
        } else {
            Err("this is not Service Hooks".into())
        }
    }
}
