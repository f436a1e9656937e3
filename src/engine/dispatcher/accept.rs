//! The way in: validate, commit, answer. Nothing is answered before it is on disk; the writer tells
//! the lanes of it.

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
        catalogue::{self, strict::Strict},
        metrics,
        store::{
            Error,
            events::{self, Accept, Answer, NewEvent, Planned},
            once::{self, Once},
            queue,
        },
    },
};

/// Largest body of one event, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// Bytes of bodies that are validated before others have their turn.
const VALIDATED_AT_ONCE: usize = 128 * 1024;
/// How often it is looked whether a test is done that nothing was heard of.
const LOOK_FOR_TEST: Duration = Duration::from_millis(250);

impl Dispatcher {
    /// Accepts one event: returns once it and its deliveries are on disk.
    pub async fn emit(&self, event: Emit, source: &str) -> Result<Accepted, EmitError> {
        let accepted = self.emit_all(vec![event], source, None).await?;
        accepted.into_iter().next().ok_or(EmitError::Store(Error::Closed))
    }

    /// Accepts all of the events or none. With a key that was used before, the first answer is
    /// given again.
    pub async fn emit_all(
        &self,
        events: Vec<Emit>,
        source: &str,
        key: Option<IdempotencyKey>,
    ) -> Result<Vec<Accepted>, EmitError> {
        validate_all(&events).await?;
        self.pressure.check().inspect_err(|_| metrics::refused())?;
        let fresh = |event: Emit| NewEvent {
            id: EventId(self.clock.id()),
            event_type: event.event_type,
            body: event.body,
            source: source.to_owned(),
        };
        let events: Vec<NewEvent> = events.into_iter().map(fresh).collect();
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
            Answer::Again(accepted) => return Ok(accepted),
            Answer::New(planned) => planned,
        };
        self.pressure.accepted(queued(&accept, &planned));
        metrics::accepted(accept.events.iter().map(|event| event.event_type));
        planned.iter().flatten().for_each(|delivery| metrics::planned(delivery.begins().0));
        // Everything is on disk by now: a caller that does not wait for the answer loses nothing.
        let pending =
            planned.iter().flatten().filter(|delivery| delivery.begins().0 == State::Pending);
        if let Some(delay) =
            self.scheduler.congestion().delay(pending.map(|delivery| delivery.hook))
        {
            tokio::time::sleep(delay).await;
        }
        Ok(accept.accepted(&planned))
    }

    /// Sends a test event to one hook, switched on or not, and waits for its answer. `once`: of the
    /// request that asks for it.
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
            Validation::Json => readable(&event).map(drop),
        };
        valid.map_err(|invalid| EmitError::Invalid(vec![(0, invalid)]))?;
        let Emit { event_type, body } = event;
        let event =
            NewEvent { id: EventId(self.clock.id()), event_type, body, source: source.to_owned() };
        let mut finished = self.scheduler.listen();
        let delivery = self.accept_test(event, hook, once).await?;
        let is_done = async || match self.store.read().await {
            Ok(mut conn) => queue::is_settled(&mut conn, delivery).await.unwrap_or(true),
            Err(_) => true,
        };
        let heard = async {
            // Another node may deliver for the hook; and when too many others finish, ours may be
            // missed among them.
            loop {
                match tokio::time::timeout(LOOK_FOR_TEST, finished.recv()).await {
                    Ok(Ok(done)) if done == delivery => return,
                    Ok(Ok(_)) => {}
                    _ if is_done().await => return,
                    _ => {}
                }
            }
        };
        // A test can wait its turn behind the hook's other attempts; its page shows it when it
        // comes.
        let _late =
            tokio::time::timeout(self.settings.delivery.timeout + Duration::from_secs(2), heard)
                .await;
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

/// What accepted events put into the hooks' queues, in bytes.
fn queued<'a>(
    accept: &'a Accept,
    planned: &'a [Vec<Planned>],
) -> impl Iterator<Item = (HookId, usize)> + 'a {
    let of_event = |(event, planned): (&'a NewEvent, &'a Vec<Planned>)| {
        let waiting = planned.iter().filter(|delivery| !delivery.begins().0.is_final());
        waiting.map(|delivery| (delivery.hook, event.body.len()))
    };
    accept.events.iter().zip(planned).flat_map(of_event)
}

/// Validates all of them. A request may hold a megabyte, which takes tens of milliseconds when it
/// is made for that: others are served in between.
async fn validate_all(events: &[Emit]) -> Result<(), EmitError> {
    let (mut invalid, mut validated) = (Vec::new(), 0);
    for (position, event) in events.iter().enumerate() {
        if validated >= VALIDATED_AT_ONCE {
            tokio::task::yield_now().await;
            validated = 0;
        }
        validated += event.body.len();
        invalid.extend(validate(event).err().map(|wrong| (position, wrong)));
    }
    if invalid.is_empty() { Ok(()) } else { Err(EmitError::Invalid(invalid)) }
}

/// How strictly a test's body is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// As every event is.
    Schema,
    /// Somebody wants to see what the receiver makes of a body that is not as the schema demands.
    Json,
}

fn validate(event: &Emit) -> Result<(), Invalid> {
    catalogue::validate(event.event_type, &readable(event)?)
}

fn readable(event: &Emit) -> Result<Value, Invalid> {
    if event.body.len() > MAX_BODY {
        return Err(Invalid::one("data", "too-large", "must be at most 256 KiB"));
    }
    serde_json::from_slice(&event.body)
        .map(|Strict(body)| body)
        .map_err(|error| Invalid::one("data", "json", format!("is not valid JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[test]
    fn others_are_served_while_a_large_request_is_judged() {
        let body = format!("[{}1]", "1,".repeat(MAX_BODY / 2 - 2));
        let event =
            Emit { event_type: crate::domain::event::EventType::WorkItemClosed, body: body.into() };
        let events = vec![event; 4];
        let mut validating = pin!(validate_all(&events));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 1..events.len() {
            assert!(validating.as_mut().poll(&mut context).is_pending());
        }
        let Poll::Ready(Err(EmitError::Invalid(wrong))) = validating.poll(&mut context) else {
            panic!("they are wrong")
        };
        assert_eq!(wrong.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
