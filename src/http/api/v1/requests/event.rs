//! The body of `POST /events`: `{"type": KEY, "data": ...}`, one or a list. The bytes of `data` are
//! taken from the body unchanged: they are signed as they are, and serializing them again would
//! cost time at thousands of events per second.

use bytes::Bytes;
use serde_json::{error::Category, value::RawValue};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, OneOfBuilder, Ref, RefOr, schema::Schema},
};

use crate::{
    domain::{event::EventType, invalid::Invalid},
    engine::{
        catalogue::{strict::UniqueFields, syntax},
        dispatcher::Emit,
    },
    http::api::{problem::Problem, v1::shapes::keys::EventTypeKey},
};

/// The maximum number of events in a request.
const BATCH: usize = 1000;
/// At most this many unknown fields of an event are listed.
const UNKNOWN: usize = 10;

/// An event to emit.
#[derive(ToSchema)]
#[schema(as = NewEvent)]
pub struct NewEvent {
    #[schema(rename = "type")]
    pub kind: EventTypeKey,
    /// The payload. It must match the event type's schema, and is sent to receivers byte for byte.
    #[schema(value_type = Object)]
    pub data: (),
}

/// The OpenAPI schema of the body that [`read`] reads.
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

/// Reads one event, or a batch.
pub fn read(body: &Bytes) -> Result<Vec<Emit>, Problem> {
    if is_batch(body) { read_batch(body) } else { Ok(vec![read_one(body)?]) }
}

pub fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

fn read_one(body: &Bytes) -> Result<Emit, Problem> {
    let raw: &RawValue =
        serde_json::from_slice(body).map_err(|error| Problem::malformed(body, &error))?;
    Ok(envelope(raw)?)
}

fn read_batch(body: &Bytes) -> Result<Vec<Emit>, Problem> {
    let raws: Vec<&RawValue> =
        serde_json::from_slice(body).map_err(|error| Problem::malformed(body, &error))?;
    if raws.is_empty() || raws.len() > BATCH {
        return Err(Invalid::one("body", "length", format!("must hold 1 to {BATCH} events")).into());
    }
    let mut wrong = Invalid::default();
    let mut events = Vec::with_capacity(raws.len());
    for (position, raw) in raws.into_iter().enumerate() {
        let read =
            envelope(raw).map_err(|invalid| prefix_fields(&format!("[{position}]."), invalid));
        events.extend(wrong.take(read));
    }
    Ok(wrong.or(events)?)
}

/// Reads `{"type": KEY, "data": ...}`. `data` keeps its bytes.
fn envelope(raw: &RawValue) -> Result<Emit, Invalid> {
    let UniqueFields(members): UniqueFields<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| {
            let message = "must be an object with \"type\" and \"data\"";
            if error.classify() != Category::Data || !raw.get().starts_with('{') {
                return Invalid::one("body", "type", message);
            }
            let fault = syntax::fault(raw.get().as_bytes(), &error);
            Invalid::one("body", "type", format!("{message}: {}", fault.words))
        })?;
    let mut invalid = Invalid::default();
    let unknown = members.keys().filter(|name| !matches!(name.as_str(), "type" | "data"));
    for name in unknown.take(UNKNOWN) {
        invalid.add(
            name,
            "unknown",
            "is not a known field. Put the event's own fields into \"data\".",
        );
    }
    let event_type = match members.get("type").map(|raw| serde_json::from_str::<String>(raw.get()))
    {
        None => {
            invalid.add(
                "type",
                "required",
                format!("is required. Event types: {}.", EventType::known_keys()),
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
                    format!("is not a known event type. Event types: {}.", EventType::known_keys()),
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

/// Prefixes the fields with the event's position in the batch, such as `[3].`.
pub fn prefix_fields(prefix: &str, mut invalid: Invalid) -> Invalid {
    for error in &mut invalid.0 {
        error.field = format!("{prefix}{}", error.field);
    }
    invalid
}
