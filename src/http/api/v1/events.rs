//! `/api/v1/events`: producers emit events here. The bytes of a payload are never serialized
//! again.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::AppendHeaders,
};
use sha2::{Digest, Sha256};

use super::{
    once,
    requests::event::{NewEvents, is_batch, prefix_fields, read},
    shapes::event::{AcceptedShape, AcceptedShapes, EventShape},
};
use crate::{
    domain::{busy::Busy, id::EventId, invalid::Invalid, permission::right},
    engine::dispatcher::IdempotencyKey,
    http::api::{
        body::Raw,
        extract::{Ctx, Id},
        problem::Problem,
    },
    portal::{
        ctx::OpCtx,
        ops::{self, events::EmitFailed},
    },
};

/// The response to emitted events, with a header if it was given before.
type Emitted = (StatusCode, AppendHeaders<Option<(HeaderName, HeaderValue)>>, Json<AcceptedShapes>);

/// Emit events
///
/// Stores all events or none. When the response arrives, they are on disk, and each event will be
/// delivered to every enabled hook of its type.
#[utoipa::path(post, path = "/api/v1/events", operation_id = "emitEvents", tag = "Events",
    request_body(content = NewEvents, description = "One event, or a list of up to 1,000."),
    responses((status = 202, description = "The events are stored.", body = AcceptedShapes)))]
pub async fn emit(Ctx(ctx): Ctx, headers: HeaderMap, raw: Raw) -> Result<Emitted, Problem> {
    // Check the permission before the body is parsed.
    ctx.require(right::EventsEmit).map_err(ops::Error::from)?;
    let key = idempotency_key(&ctx, &headers, &raw.0)?;
    let is_batch = is_batch(&raw.0);
    let events = read(&raw.0)?;
    let prefix = |position: usize| if is_batch { format!("[{position}].") } else { String::new() };
    let mut accepted =
        ops::events::emit(&ctx, events, key).await.map_err(|failed| match failed {
            EmitFailed::Op(error) => Problem::from(error),
            EmitFailed::Invalid(events) => {
                let prefixed = events
                    .into_iter()
                    .map(|(position, invalid)| prefix_fields(&prefix(position), invalid));
                Problem::invalid(Invalid(prefixed.flat_map(|invalid| invalid.0).collect()))
            }
        })?;
    let replayed = accepted.iter().any(|event| event.was_repeated).then_some(once::REPLAYED);
    let answer = |shapes| (StatusCode::ACCEPTED, AppendHeaders(replayed), Json(shapes));
    if is_batch {
        let batch = accepted.into_iter().map(AcceptedShape::from).collect();
        return Ok(answer(AcceptedShapes::Batch(batch)));
    }
    let one = accepted.pop().ok_or(ops::Error::Busy { reason: Busy::Server, seconds: 1 })?;
    Ok(answer(AcceptedShapes::One(one.into())))
}

/// Get an event
///
/// Includes its deliveries and their attempts.
#[utoipa::path(get, path = "/api/v1/events/{id}", operation_id = "getEvent", tag = "Events",
    params(("id" = Uuid, Path, description = "The event's id.")),
    responses((status = 200, description = "The event.", body = EventShape)))]
pub async fn find(Ctx(ctx): Ctx, Id(event): Id<EventId>) -> Result<Json<EventShape>, Problem> {
    Ok(Json(ops::events::story(&ctx, event).await?.into()))
}

/// The key's hash includes the actor: two producers may use the same keys.
fn idempotency_key(
    ctx: &OpCtx,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = once::read(headers)? else { return Ok(None) };
    let actor = ctx.actor.as_ref().map(|actor| actor.identity.as_str()).unwrap_or_default();
    let key_hash =
        Sha256::new().chain_update(actor).chain_update([0]).chain_update(key).finalize().to_vec();
    Ok(Some(IdempotencyKey { key_hash, body_hash: Sha256::digest(body).to_vec() }))
}
