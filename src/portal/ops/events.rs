//! Emitting events, and reading them.

use bytes::Bytes;

use super::Error;
use crate::{
    domain::{
        delivery::{Attempt, Delivery},
        event::EventType,
        id::EventId,
        page::PAGE_LIMIT,
        permission::{Permission, right},
    },
    engine::{
        dispatcher::{Accepted, Emit, EmitError, IdempotencyKey},
        store::{
            attempts,
            deliveries::{self, Filter},
            events::{self, StoredEvent},
        },
    },
    portal::ctx::OpCtx,
};

/// Emits all events or none. Validation errors of a batch are listed by position.
pub async fn emit(
    ctx: &OpCtx,
    events: Vec<Emit>,
    key: Option<IdempotencyKey>,
) -> Result<Vec<Accepted>, EmitFailed> {
    let grant = ctx.require(right::EventsEmit).map_err(|denied| EmitFailed::Op(denied.into()))?;
    ctx.portal.dispatcher.emit_all(events, grant.by(), key).await.map_err(|error| match error {
        EmitError::Invalid(events) => EmitFailed::Invalid(events),
        error => EmitFailed::Op(error.into()),
    })
}

/// Why nothing was emitted: invalid events, or any other reason.
pub enum EmitFailed {
    Invalid(Vec<(usize, crate::domain::invalid::Invalid)>),
    Op(Error),
}

/// An event with its deliveries and their attempts. `body` is set only with `payloads:read`.
pub struct EventStory {
    pub event: StoredEvent,
    pub body: Option<Bytes>,
    /// Bytes of the payload; 0 if retention removed it.
    pub size: usize,
    pub deliveries: Vec<(Delivery, Vec<Attempt>)>,
}

pub async fn story(ctx: &OpCtx, id: EventId) -> Result<EventStory, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let mut event = events::find(&mut conn, &grant, id).await?.ok_or(Error::NotFound("event"))?;
    let filter = Filter { event: Some(id), ..Filter::default() };
    let mut found = Vec::new();
    let mut rows = deliveries::page(&mut conn, &grant, &filter, None, PAGE_LIMIT).await?;
    super::deliveries::reasons_of_now(&mut conn, &grant, &mut rows).await?;
    for delivery in rows {
        let attempts = attempts::of(&mut conn, &grant, delivery.id).await?;
        found.push((delivery, super::deliveries::without_bodies(ctx, attempts)));
    }
    let size = event.body.len();
    let body =
        ctx.may(Permission::PayloadsRead).then(|| Bytes::from(std::mem::take(&mut event.body)));
    Ok(EventStory { event, body, size, deliveries: found })
}

/// Bytes of an event's payload; 0 if retention removed it.
pub async fn size(ctx: &OpCtx, id: EventId) -> Result<usize, Error> {
    let grant = ctx.require(right::DeliveriesRead)?;
    let event = events::find(&mut ctx.portal.store().read().await?, &grant, id).await?;
    Ok(event.map_or(0, |event| event.body.len()))
}

/// An event's payload. Requires `payloads:read`.
pub async fn body(ctx: &OpCtx, id: EventId) -> Result<Vec<u8>, Error> {
    let grant = ctx.require(right::PayloadsRead)?;
    let event = events::find(&mut ctx.portal.store().read().await?, &grant, id).await?;
    Ok(event.ok_or(Error::NotFound("event"))?.body)
}

/// The sample of an event type, ready to be emitted.
pub fn sample(event_type: EventType) -> Emit {
    let body = Bytes::from_static(crate::engine::catalogue::sample(event_type).as_bytes());
    Emit { event_type, body }
}
