//! One attempt: connect or take a connection that waits, send, and see what comes of it. It always
//! ends before its deadline and turns whatever happened into an [`Answer`] that a person
//! understands.
//!
//! The status decides. After it the body gets [`BODY_TIME`] and as much as is kept of it; what a
//! receiver needed to answer is measured up to the status.

use std::time::Duration;

use hyper::{Response, body::Incoming};

pub use super::target::Target;
use super::{
    answer::{KEEP_HEADER, Kept},
    connections::{Connection, Pool},
    dial::Dialler,
    fault::Fault,
    guard::Guard,
    lookup::LookupError,
    phases::{Mark, Phases},
    resolver::GuardedResolver,
    target::Destination,
};
use crate::{
    domain::{
        delivery::{Answer, Attempt},
        time::Timestamp,
    },
    engine::{clock::Clock, config::Settings, store::open::Open},
};

/// How long a body is read after the status is there.
const BODY_TIME: Duration = Duration::from_secs(1);

/// What the portal sends with, shared by all attempts.
#[derive(Clone)]
pub struct Sender {
    dialler: Dialler,
    pool: Pool,
    guard: Guard,
    allow_http: bool,
    deadline: Duration,
    clock: Clock,
}

/// What came of an attempt, and how long the receiver asked us to wait.
pub struct Report {
    pub attempt: Attempt,
    pub retry_after: Option<Duration>,
}

/// What has come of an attempt so far. It outlives the exchange, which the deadline may cut off
/// anywhere.
struct Seen {
    phases: Phases,
    status: Option<u16>,
    address: Option<String>,
    kept: Kept,
}

impl Sender {
    pub fn new(
        settings: &Settings,
        guard: Guard,
        resolver: GuardedResolver,
        clock: Clock,
    ) -> Result<Self, String> {
        let delivery = &settings.delivery;
        Ok(Self {
            dialler: Dialler::new(resolver, delivery.connect_timeout, clock.clone())?,
            pool: Pool::new(delivery.in_flight, clock.clone()),
            guard,
            allow_http: settings.egress.allow_http,
            deadline: delivery.timeout,
            clock,
        })
    }

    /// Sends one delivery once.
    pub async fn send(&self, target: &Target, open: &Open) -> Report {
        let started_at = self.clock.now();
        let phases = Phases::new(self.clock.stopwatch());
        let mut seen = Seen { phases, status: None, address: None, kept: Kept::default() };
        let deadline = target.hook.tuning.timeout.unwrap_or(self.deadline);
        let exchange = self.exchange(target, open, started_at, &mut seen);
        let ended = tokio::time::timeout(deadline, exchange).await;
        let (answer, detail) = match (seen.status, ended) {
            (Some(status), ended) => {
                seen.kept.is_cut |= ended.is_err();
                (Answer::Status(status), None)
            }
            (None, Ok(Err(fault))) => (fault.answer, Some(fault.detail)),
            (None, _) => {
                let fault = late(&seen.phases);
                (fault.answer, Some(fault.detail))
            }
        };
        let Seen { phases, address, mut kept, .. } = seen;
        let (duration_ms, timing, retry_after) =
            (phases.millis(), phases.timing(), kept.retry_after);
        let mut response_headers = std::mem::take(&mut kept.headers);
        let (mut response_body, response_cut) = kept.into_text();
        let echo = target.echo(open, started_at);
        echo.mask(&mut response_body, response_cut);
        for (_, value) in &mut response_headers {
            let is_cut = value.len() >= KEEP_HEADER;
            echo.mask(value, is_cut);
        }
        let attempt = Attempt {
            number: open.attempts + 1,
            started_at,
            duration_ms,
            answer,
            detail,
            url: target.hook.callback_url.clone(),
            response_headers,
            response_body,
            response_cut,
            timing,
            address,
        };
        Report { attempt, retry_after }
    }

    async fn exchange(
        &self,
        target: &Target,
        open: &Open,
        now: Timestamp,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let to = target
            .destination(&self.guard, self.allow_http)
            .map_err(|problem| Fault::new(Answer::AddressRefused, problem.message()))?;
        let (mut connection, response) = self.ask(target, to, open, now, seen).await?;
        seen.phases.mark(Mark::Answered);
        seen.status = Some(response.status().as_u16());
        seen.address = Some(connection.peer.to_string());
        seen.kept.head(response.headers(), now);
        let mut body = response.into_body();
        let reading = read(&mut connection, &mut body, &mut seen.kept);
        let is_whole = tokio::time::timeout(BODY_TIME, reading).await;
        match is_whole {
            Ok(true) if !open.is_test => self.pool.keep(target.hook.id, connection).await,
            Ok(true) => {}
            Ok(false) | Err(_) => seen.kept.is_cut = true,
        }
        Ok(())
    }

    /// Sends the request on a connection that waits, or on a new one. A test always gets a new one,
    /// and asks for the name afresh: it is to show how things are now.
    async fn ask(
        &self,
        target: &Target,
        to: &Destination,
        open: &Open,
        now: Timestamp,
        seen: &mut Seen,
    ) -> Result<(Connection, Response<Incoming>), Fault> {
        let waiting = if open.is_test { None } else { self.pool.take(target.hook.id, &to.origin) };
        if let Some(mut connection) = waiting {
            match connection.ask(target.request(to, open, now)).await {
                Ok(response) => return Ok((connection, response)),
                // The receiver closed it while the request was on its way, or what came belongs to
                // the answer before: neither says anything of this delivery, which is sent once
                // more. A receiver that had it already knows it by its id.
                Err(error) if error.is_parse() || !connection.line.has_answered() => {}
                Err(error) => {
                    return Err(Fault::exchange(&error, &connection.learned, &connection.line));
                }
            }
        }
        // Boxed: most attempts never come here, and need not be as large.
        let mut connection =
            Box::pin(self.dialler.dial(to, open.is_test, &mut seen.phases)).await?;
        match connection.ask(target.request(to, open, now)).await {
            Ok(response) => Ok((connection, response)),
            Err(error) => Err(Fault::exchange(&error, &connection.learned, &connection.line)),
        }
    }
}

/// Reads as much of a body as is kept. Was that all of it? The rest is never drained: the
/// connection is closed instead.
async fn read(connection: &mut Connection, body: &mut Incoming, kept: &mut Kept) -> bool {
    loop {
        match connection.frame(body).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref()
                    && !kept.take(data)
                {
                    return false;
                }
            }
        }
    }
}

/// The deadline passed without a status. If that was while the name was looked up, it says nothing
/// of the receiver.
fn late(phases: &Phases) -> Fault {
    match phases.is_looking_up() {
        true => Fault::lookup(LookupError::TimedOut),
        false => Fault::new(Answer::Timeout, phases.under_way()),
    }
}
