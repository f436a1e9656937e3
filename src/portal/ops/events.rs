//! Emitting events and looking them up.

use bytes::Bytes;

use super::Error;
use crate::{
    domain::{
        delivery::{Attempt, Delivery},
        event::EventType,
        id::EventId,
        page::PAGE_LIMIT,
        permission::Permission,
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

/// Emits all of the events or none. Faults of a batch come by position.
pub async fn emit(
    ctx: &OpCtx,
    events: Vec<Emit>,
    key: Option<IdempotencyKey>,
) -> Result<Vec<Accepted>, EmitFailed> {
    let grant =
        ctx.require(Permission::EventsEmit).map_err(|denied| EmitFailed::Op(denied.into()))?;
    ctx.portal.dispatcher.emit_all(events, grant.by(), key).await.map_err(|error| match error {
        EmitError::Invalid(events) => EmitFailed::Invalid(events),
        error => EmitFailed::Op(error.into()),
    })
}

/// Why nothing was emitted: the events themselves, or anything else.
pub enum EmitFailed {
    Invalid(Vec<(usize, crate::domain::invalid::Invalid)>),
    Op(Error),
}

/// An event with everything that became of it. The body is there only for those who may see it.
pub struct EventStory {
    pub event: StoredEvent,
    pub body: Option<Bytes>,
    /// Of the body, in bytes; none of a body that retention removed.
    pub size: usize,
    pub deliveries: Vec<(Delivery, Vec<Attempt>)>,
}

pub async fn story(ctx: &OpCtx, id: EventId) -> Result<EventStory, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let mut conn = ctx.portal.store().read().await?;
    let mut event = events::find(&mut conn, &grant, id).await?.ok_or(Error::NotFound("event"))?;
    let filter = Filter { event: Some(id), ..Filter::default() };
    let mut found = Vec::new();
    for delivery in deliveries::page(&mut conn, &grant, &filter, None, PAGE_LIMIT).await? {
        let tries = attempts::of(&mut conn, &grant, delivery.id).await?;
        found.push((delivery, super::deliveries::without_bodies(ctx, tries)));
    }
    let size = event.body.len();
    let body =
        ctx.may(Permission::PayloadsRead).then(|| Bytes::from(std::mem::take(&mut event.body)));
    Ok(EventStory { event, body, size, deliveries: found })
}

/// How large an event's body is; nothing of one that retention removed.
pub async fn size(ctx: &OpCtx, id: EventId) -> Result<usize, Error> {
    let grant = ctx.require(Permission::DeliveriesRead)?;
    let event = events::find(&mut ctx.portal.store().read().await?, &grant, id).await?;
    Ok(event.map_or(0, |event| event.body.len()))
}

/// An event's body as a file, for whoever may see payloads.
pub async fn body(ctx: &OpCtx, id: EventId) -> Result<Vec<u8>, Error> {
    let grant = ctx.require(Permission::PayloadsRead)?;
    let event = events::find(&mut ctx.portal.store().read().await?, &grant, id).await?;
    Ok(event.ok_or(Error::NotFound("event"))?.body)
}

/// The sample body of an event, ready to be emitted.
pub fn sample(event_type: EventType) -> Emit {
    let body = Bytes::from_static(crate::engine::catalogue::sample(event_type).as_bytes());
    Emit { event_type, body }
}
