//! Accepts events: validates them, commits them, and returns. An event is acknowledged only after
//! the commit with its deliveries. The writer then notifies the lanes.

use std::time::Duration;

use serde_json::Value;
use tracing::{Instrument, debug_span};

use super::{Accepted, Dispatcher, Emit, EmitError, IdempotencyKey};
use crate::{
    domain::{
        delivery::State,
        id::{DeliveryId, EventId, HookId},
        invalid::Invalid,
    },
    engine::{
        catalogue::{self, strict::StrictJson, syntax},
        metrics,
        store::{
            Error,
            events::{self, Accept, Answer, NewEvent, Planned},
            once::{self, Once},
            queue,
        },
    },
};

/// Maximum size of an event's payload in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// After validating this many payload bytes, the task yields to the runtime.
const YIELD_AFTER_BYTES: usize = 128 * 1024;
/// How often the database is polled for the result of a test delivery.
const TEST_POLL_INTERVAL: Duration = Duration::from_millis(250);

impl Dispatcher {
    /// Accepts one event. Returns after the event and its deliveries are committed.
    pub async fn emit(&self, event: Emit, source: &str) -> Result<Accepted, EmitError> {
        let accepted = self.emit_all(vec![event], source, None).await?;
        accepted.into_iter().next().ok_or(EmitError::Store(Error::Closed))
    }

    /// Accepts all of the events or none. For an idempotency key that was used before, returns the
    /// first result again.
    pub async fn emit_all(
        &self,
        events: Vec<Emit>,
        source: &str,
        key: Option<IdempotencyKey>,
    ) -> Result<Vec<Accepted>, EmitError> {
        validate_all(&events).await?;
        self.pressure.check().inspect_err(|_| metrics::refused())?;
        let with_id = |event: Emit| NewEvent {
            id: EventId(self.clock.id()),
            event_type: event.event_type,
            body: event.body,
            source: source.to_owned(),
        };
        let events: Vec<NewEvent> = events.into_iter().map(with_id).collect();
        let span = debug_span!("event.accept", events = events.len());
        self.accept(events, key).instrument(span).await
    }

    async fn accept(
        &self,
        events: Vec<NewEvent>,
        key: Option<IdempotencyKey>,
    ) -> Result<Vec<Accepted>, EmitError> {
        let accept =
            Accept { events, key, clock: self.clock.clone(), full: self.pressure.full().clone() };
        let planned = match self.store.accept(accept.clone()).await? {
            Answer::Repeated(accepted) => {
                let repeated = |accepted| Accepted { was_repeated: true, ..accepted };
                return Ok(accepted.into_iter().map(repeated).collect());
            }
            Answer::New(planned) => planned,
        };
        self.pressure.accepted(backlog_bytes(&accept, &planned));
        metrics::accepted(accept.events.iter().map(|event| event.event_type));
        planned.iter().flatten().for_each(|delivery| metrics::planned(delivery.initial_state().0));
        // Backpressure by delay. Everything is committed here: a caller that stops waiting loses
        // nothing.
        let pending =
            planned.iter().flatten().filter(|planned| planned.initial_state().0 == State::Pending);
        if let Some(delay) =
            self.scheduler.congestion().delay(pending.map(|delivery| delivery.hook))
        {
            tokio::time::sleep(delay).await;
        }
        Ok(accept.accepted(&planned))
    }

    /// Sends a test event to one hook, also if it is switched off, and waits for the result. `once`
    /// is the idempotency key of the request.
    pub async fn send_test(
        &self,
        hook: HookId,
        event: Emit,
        validation: Validation,
        source: &str,
        once: Option<Once>,
    ) -> Result<DeliveryId, EmitError> {
        let valid = match validation {
            Validation::Schema => validate(&event),
            Validation::Json => parse_body(&event).map(drop),
        };
        valid.map_err(|invalid| EmitError::Invalid(vec![(0, invalid)]))?;
        let Emit { event_type, body } = event;
        let event =
            NewEvent { id: EventId(self.clock.id()), event_type, body, source: source.to_owned() };
        let mut finished = self.scheduler.subscribe();
        let delivery = self.accept_test(event, hook, once).await?;
        let is_settled = async || match self.store.read().await {
            Ok(mut conn) => queue::is_settled(&mut conn, delivery).await.unwrap_or(true),
            Err(_) => true,
        };
        let completion = async {
            // The message can be missed: another node may own the hook's lane, or the channel may
            // lag when many deliveries finish. So the database is polled as well.
            loop {
                match tokio::time::timeout(TEST_POLL_INTERVAL, finished.recv()).await {
                    Ok(Ok(id)) if id == delivery => return,
                    Ok(Ok(_)) => {}
                    _ if is_settled().await => return,
                    _ => {}
                }
            }
        };
        // A test can wait for a permit behind the hook's other attempts. Its page then shows the
        // result later.
        let limit = self.settings.delivery.timeout + Duration::from_secs(2);
        let _timed_out = tokio::time::timeout(limit, completion).await;
        Ok(delivery)
    }

    async fn accept_test(
        &self,
        event: NewEvent,
        hook: HookId,
        once: Option<Once>,
    ) -> Result<DeliveryId, Error> {
        let (clock, shard) = (self.clock.clone(), self.store.shard());
        self.store
            .write(move |conn| {
                Box::pin(async move {
                    let id = events::accept_test(conn, &clock, shard, event, hook).await?.id;
                    once::note(conn, once.as_ref(), || format!("/api/v1/deliveries/{id}")).await?;
                    Ok(id)
                })
            })
            .await
    }
}

/// The payload bytes that the accepted events add to each hook's backlog.
fn backlog_bytes<'a>(
    accept: &'a Accept,
    planned: &'a [Vec<Planned>],
) -> impl Iterator<Item = (HookId, usize)> + 'a {
    let of_event = |(event, planned): (&'a NewEvent, &'a Vec<Planned>)| {
        let open = planned.iter().filter(|delivery| !delivery.initial_state().0.is_final());
        open.map(|delivery| (delivery.hook, event.body.len()))
    };
    accept.events.iter().zip(planned).flat_map(of_event)
}

/// Validates all events. A hostile request of 1 MB can take tens of milliseconds, so the task
/// yields in between.
async fn validate_all(events: &[Emit]) -> Result<(), EmitError> {
    let (mut invalid, mut validated_bytes) = (Vec::new(), 0);
    for (position, event) in events.iter().enumerate() {
        if validated_bytes >= YIELD_AFTER_BYTES {
            tokio::task::yield_now().await;
            validated_bytes = 0;
        }
        validated_bytes += event.body.len();
        invalid.extend(validate(event).err().map(|faults| (position, faults)));
    }
    if invalid.is_empty() { Ok(()) } else { Err(EmitError::Invalid(invalid)) }
}

/// How strictly the payload of a test is validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// Against the schema, like every event.
    Schema,
    /// JSON syntax only, to test how a receiver handles a payload that does not match the schema.
    Json,
}

fn validate(event: &Emit) -> Result<(), Invalid> {
    catalogue::validate(event.event_type, &parse_body(event)?)
}

/// Parses the payload. It must be small enough and must not have duplicate field names.
fn parse_body(event: &Emit) -> Result<Value, Invalid> {
    if event.body.len() > MAX_BODY {
        return Err(Invalid::one("data", "too-large", "must be at most 256 KiB"));
    }
    serde_json::from_slice(&event.body).map(|StrictJson(body)| body).map_err(|error| {
        let fault = syntax::fault(&event.body, &error);
        Invalid::one("data", "json", format!("is not valid JSON: {fault}"))
    })
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[test]
    fn validation_of_a_large_request_yields_to_other_tasks() {
        let body = format!("[{}1]", "1,".repeat(MAX_BODY / 2 - 2));
        let event =
            Emit { event_type: crate::domain::event::EventType::WorkItemClosed, body: body.into() };
        let events = vec![event; 4];
        let mut validating = pin!(validate_all(&events));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 1..events.len() {
            assert!(validating.as_mut().poll(&mut context).is_pending());
        }
        let Poll::Ready(Err(EmitError::Invalid(faults))) = validating.poll(&mut context) else {
            panic!("the payloads do not match the schema")
        };
        assert_eq!(faults.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
