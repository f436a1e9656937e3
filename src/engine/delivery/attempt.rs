//! One delivery attempt: reuse an idle connection or open a new one, send the request, read the
//! response. An attempt always ends within its deadline, and every outcome becomes an [`Answer`].
//!
//! The status code decides the outcome. The body is then read for at most [`BODY_TIME`] and up to
//! the limit in `answer`. The reported response time ends when status and headers are there.

use std::time::Duration;

use hyper::{Response, body::Incoming};

pub use super::target::Target;
use super::{
    answer::{CapturedResponse, MAX_HEADER_BYTES},
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

/// Time limit for reading the body, from the arrival of the status.
const BODY_TIME: Duration = Duration::from_secs(1);

/// Sends attempts. Cheap to clone; all clones share the connection pool.
#[derive(Clone)]
pub struct Sender {
    dialler: Dialler,
    pool: Pool,
    guard: Guard,
    allow_http: bool,
    /// Deadline of an attempt, unless the hook sets its own.
    deadline: Duration,
    clock: Clock,
}

/// The result of an attempt, and the delay from `Retry-After`.
pub struct Report {
    pub attempt: Attempt,
    pub retry_after: Option<Duration>,
}

/// What an attempt has observed so far. It is kept outside of the exchange, because the deadline
/// can cancel that future at any await point.
struct Progress {
    phases: Phases,
    status: Option<u16>,
    address: Option<String>,
    response: CapturedResponse,
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

    /// Makes one attempt at a delivery.
    pub async fn send(&self, target: &Target, open: &Open) -> Report {
        let started_at = self.clock.now();
        let phases = Phases::new(self.clock.stopwatch());
        let response = CapturedResponse::default();
        let mut progress = Progress { phases, status: None, address: None, response };
        let deadline = target.hook.tuning.timeout.unwrap_or(self.deadline);
        let exchange = self.exchange(target, open, started_at, &mut progress);
        let ended = tokio::time::timeout(deadline, exchange).await;
        let (answer, detail) = match (progress.status, ended) {
            (Some(status), ended) => {
                progress.response.is_cut |= ended.is_err();
                (Answer::Status(status), None)
            }
            (None, Ok(Err(fault))) => (fault.answer, Some(fault.detail)),
            (None, _) => {
                let fault = timeout_fault(&progress.phases);
                (fault.answer, Some(fault.detail))
            }
        };
        let Progress { phases, address, mut response, .. } = progress;
        let (duration_ms, timing, retry_after) =
            (phases.response_ms(), phases.timing(), response.retry_after);
        let mut response_headers = std::mem::take(&mut response.headers);
        let (mut response_body, response_cut) = response.into_text();
        let masker = target.echo_masker(open, started_at);
        masker.mask(&mut response_body, response_cut);
        for (_, value) in &mut response_headers {
            let is_cut = value.len() >= MAX_HEADER_BYTES;
            masker.mask(value, is_cut);
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
        progress: &mut Progress,
    ) -> Result<(), Fault> {
        let destination = target
            .destination(&self.guard, self.allow_http)
            .map_err(|problem| Fault::new(Answer::AddressRefused, problem.message()))?;
        let (mut connection, response) =
            self.send_request(target, destination, open, now, progress).await?;
        progress.phases.mark(Mark::ResponseStarted);
        progress.status = Some(response.status().as_u16());
        progress.address = Some(connection.peer.to_string());
        progress.response.capture_headers(response.headers(), now);
        let mut body = response.into_body();
        let reading = read_body(&mut connection, &mut body, &mut progress.response);
        let is_complete = tokio::time::timeout(BODY_TIME, reading).await;
        match is_complete {
            Ok(true) if !open.is_test => self.pool.put_back(target.hook.id, connection).await,
            Ok(true) => {}
            Ok(false) | Err(_) => progress.response.is_cut = true,
        }
        Ok(())
    }

    /// Sends the request on an idle connection, or on a new one. A test always opens a new
    /// connection and bypasses the DNS cache, because it must show the current state.
    async fn send_request(
        &self,
        target: &Target,
        destination: &Destination,
        open: &Open,
        now: Timestamp,
        progress: &mut Progress,
    ) -> Result<(Connection, Response<Incoming>), Fault> {
        let idle = match open.is_test {
            true => None,
            false => self.pool.take(target.hook.id, &destination.origin),
        };
        if let Some(mut connection) = idle {
            match connection.send(target.request(destination, open, now)).await {
                Ok(response) => return Ok((connection, response)),
                // The receiver closed the idle connection while the request was in flight, or sent
                // bytes that belong to the previous response. Neither is a result for this
                // delivery, so the request is sent once more on a new connection. If the receiver
                // did process the first copy, it can recognise the duplicate by `webhook-id`.
                Err(error) if error.is_parse() || !connection.socket.has_received() => {}
                Err(error) => {
                    return Err(Fault::exchange(&error, &connection.findings, &connection.socket));
                }
            }
        }
        // Boxed to keep the future of an attempt small: most attempts reuse a connection.
        let mut connection =
            Box::pin(self.dialler.dial(destination, open.is_test, &mut progress.phases)).await?;
        match connection.send(target.request(destination, open, now)).await {
            Ok(response) => Ok((connection, response)),
            Err(error) => Err(Fault::exchange(&error, &connection.findings, &connection.socket)),
        }
    }
}

/// Reads a body up to the limit. Returns whether it was complete. The remainder of a longer body is
/// not drained: the connection is closed instead.
async fn read_body(
    connection: &mut Connection,
    body: &mut Incoming,
    response: &mut CapturedResponse,
) -> bool {
    loop {
        match connection.frame(body).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref()
                    && !response.push(data)
                {
                    return false;
                }
            }
        }
    }
}

/// The deadline passed before a status arrived. During the DNS lookup that is a failure of our own
/// resolver, not of the receiver.
fn timeout_fault(phases: &Phases) -> Fault {
    match phases.is_looking_up() {
        true => Fault::lookup(LookupError::TimedOut),
        false => Fault::new(Answer::Timeout, phases.current_phase()),
    }
}
