//! An event on its way in: `{"type": KEY, "data": ...}`, alone or in a list. Backends send
//! thousands a second and their payloads are signed as they are, so the bytes of `data` are taken
//! from the body and never written anew.

use bytes::Bytes;
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, OneOfBuilder, Ref, RefOr, schema::Schema},
};

use crate::{
    domain::{event::EventType, invalid::Invalid},
    engine::{catalogue::strict::Members, dispatcher::Emit},
    http::api::{problem::Problem, v1::shapes::keys::EventTypeKey},
};

/// Events in one request at most.
const BATCH: usize = 1000;
/// Unknown fields of one event that are named.
const UNKNOWN: usize = 10;

/// An event to emit. [`envelope`] reads it; this is its description.
#[derive(ToSchema)]
#[schema(as = NewEvent)]
pub struct NewEvent {
    #[schema(rename = "type")]
    pub kind: EventTypeKey,
    /// The payload: what the schema of the event type asks for. It is sent to receivers byte for
    /// byte.
    #[schema(value_type = Object)]
    pub data: (),
}

/// The description of a body that [`read`] reads: one event, or a list of them.
pub struct NewEvents;

impl PartialSchema for NewEvents {
    fn schema() -> RefOr<Schema> {
        let batch = ArrayBuilder::new()
            .items(Ref::from_schema_name("NewEvent"))
            .min_items(Some(1))
            .max_items(Some(BATCH));
        OneOfBuilder::new()
            .item(Ref::from_schema_name("NewEvent"))
            .item(batch)
            .description(Some("One event, or a list of them."))
            .into()
    }
}

impl ToSchema for NewEvents {}

/// One event, or a batch of them.
pub fn read(body: &Bytes) -> Result<Vec<Emit>, Problem> {
    if is_batch(body) { read_batch(body) } else { Ok(vec![read_one(body)?]) }
}

pub fn is_batch(body: &[u8]) -> bool {
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
        let read = envelope(raw).map_err(|invalid| prefixed(&format!("[{position}]."), invalid));
        events.extend(wrong.take(read));
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

/// Says which event of a batch the errors belong to.
pub fn prefixed(prefix: &str, mut invalid: Invalid) -> Invalid {
    for error in &mut invalid.0 {
        error.field = format!("{prefix}{}", error.field);
    }
    invalid
}
