//! `/api/v1/events`: where events come in. Bodies are taken as the bytes they are and never written
//! anew.

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Ctx, id, once, shape::EventShape};
use crate::{
    domain::{event::EventType, invalid::Invalid},
    engine::{
        catalogue::strict::Members,
        dispatcher::{Emit, IdempotencyKey},
    },
    server::{
        api::{body::Raw, problem::Problem},
        ctx::OpCtx,
        ops::{self, events::EmitFailed},
    },
};

/// Events of one request at most.
const BATCH: usize = 1000;
/// Unknown members of one event that are named.
const UNKNOWN: usize = 10;

#[utoipa::path(post, path = "/api/v1/events", params(("Idempotency-Key" = Option<String>, Header)),
    request_body(content = Object, description = "{\"type\": KEY, \"data\": {...}} or an array of \
        up to 1,000 of them"),
    responses((status = 202, description = "on disk: {\"id\", \"deliveries\"} or an array of them"),
              (status = 400, body = Problem), (status = 413, body = Problem), (status = 422,
                  body = Problem)))]
pub async fn emit(Ctx(ctx): Ctx, headers: HeaderMap, raw: Raw) -> Result<Response, Problem> {
    // Who may not emit is told so before anything they sent is judged.
    ctx.require(crate::domain::permission::Permission::EventsEmit).map_err(ops::Error::from)?;
    let key = idempotency_key(&ctx, &headers, &raw.0)?;
    let is_batch = is_batch(&raw.0);
    let events = read(&raw.0)?;
    let prefix = |position: usize| if is_batch { format!("[{position}].") } else { String::new() };
    let mut accepted =
        ops::events::emit(&ctx, events, key).await.map_err(|failed| match failed {
            EmitFailed::Op(error) => Problem::from(error),
            EmitFailed::Invalid(events) => {
                let named = events
                    .into_iter()
                    .map(|(position, invalid)| prefixed(&prefix(position), invalid));
                Problem::invalid(Invalid(named.flat_map(|invalid| invalid.0).collect()))
            }
        })?;
    if is_batch {
        return Ok((StatusCode::ACCEPTED, Json(accepted)).into_response());
    }
    let one = accepted.pop().ok_or(ops::Error::Busy { seconds: 1 })?;
    Ok((StatusCode::ACCEPTED, Json(one)).into_response())
}

#[utoipa::path(get, path = "/api/v1/events/{id}", params(("id" = String, Path)),
    responses((status = 200, body = EventShape), (status = 404, body = Problem)))]
pub async fn find(Ctx(ctx): Ctx, Path(event): Path<String>) -> Result<Json<EventShape>, Problem> {
    Ok(Json(ops::events::story(&ctx, id(&event, "event")?).await?.into()))
}

/// One event, or a batch of them.
pub fn read(body: &Bytes) -> Result<Vec<Emit>, Problem> {
    if is_batch(body) { read_batch(body) } else { Ok(vec![read_one(body)?]) }
}

fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

fn read_one(body: &Bytes) -> Result<Emit, Problem> {
    let raw: &RawValue =
        serde_json::from_slice(body).map_err(|error| Problem::malformed(&error.to_string()))?;
    Ok(envelope(raw)?)
}

fn read_batch(body: &Bytes) -> Result<Vec<Emit>, Problem> {
    let raws: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|error| Problem::malformed(&error.to_string()))?;
    if raws.is_empty() || raws.len() > BATCH {
        return Err(Invalid::one("body", "length", format!("must hold 1 to {BATCH} events")).into());
    }
    let mut wrong = Invalid::default();
    let mut events = Vec::with_capacity(raws.len());
    for (position, raw) in raws.into_iter().enumerate() {
        let judged = envelope(raw).map_err(|invalid| prefixed(&format!("[{position}]."), invalid));
        events.extend(wrong.take(judged));
    }
    Ok(wrong.or(events)?)
}

/// `{"type": KEY, "data": ...}`, with the bytes of `data` as they stand there.
fn envelope(raw: &RawValue) -> Result<Emit, Invalid> {
    let Members(members): Members<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| {
            let message = format!("must be an object with \"type\" and \"data\": {error}");
            Invalid::one("body", "type", message)
        })?;
    let mut invalid = Invalid::default();
    let unknown = members.keys().filter(|name| !matches!(name.as_str(), "type" | "data"));
    for name in unknown.take(UNKNOWN) {
        invalid.add(
            name,
            "unknown",
            "is not a known field; put the event's own fields into \"data\"",
        );
    }
    let event_type = match members.get("type").map(|raw| serde_json::from_str::<String>(raw.get()))
    {
        None => {
            invalid.add(
                "type",
                "required",
                format!("is required; one of {}", EventType::known_keys()),
            );
            None
        }
        Some(Err(_)) => {
            invalid.add("type", "type", "must be a string");
            None
        }
        Some(Ok(key)) => {
            let known = EventType::from_key(&key);
            if known.is_none() {
                invalid.add(
                    "type",
                    "unknown",
                    format!("is not an event; there are {}", EventType::known_keys()),
                );
            }
            known
        }
    };
    let data = members.get("data");
    if data.is_none() {
        invalid.add("data", "required", "is required");
    }
    match (event_type, data, invalid.is_empty()) {
        (Some(event_type), Some(data), true) => {
            Ok(Emit { event_type, body: Bytes::copy_from_slice(data.get().as_bytes()) })
        }
        _ => Err(invalid),
    }
}

fn prefixed(prefix: &str, mut invalid: Invalid) -> Invalid {
    for error in &mut invalid.0 {
        error.field = format!("{prefix}{}", error.field);
    }
    invalid
}

/// A key belongs to the token that used it: two producers may use the same words.
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
