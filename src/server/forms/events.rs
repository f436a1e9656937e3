//! The event catalogue's pages.

use serde_json::Value;

use crate::{
    domain::event::EventType,
    engine::catalogue,
    rpc::{
        Error,
        events::{EventField, EventPage},
    },
    server::{ops, seam::request},
};

pub async fn list() -> Result<Vec<EventType>, Error> {
    let request = request()?;
    Ok(request.tell(ops::catalogue::list(&request.ctx))?.to_vec())
}

pub async fn detail(key: &str) -> Result<EventPage, Error> {
    let request = request()?;
    let event = request.tell(ops::catalogue::find(&request.ctx, key))?;
    let schema = request.tell(ops::catalogue::schema(&request.ctx, event))?;
    let mut fields = Vec::new();
    collect_fields(&schema, "", &mut fields);
    Ok(EventPage { event, fields, sample: catalogue::sample(event).to_owned() })
}

/// The members of a schema in its own order, objects before what is inside them.
fn collect_fields(schema: &Value, prefix: &str, fields: &mut Vec<EventField>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let is_required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
    for (name, property) in properties {
        let path = format!("{prefix}{name}");
        fields.push(EventField {
            name: path.clone(),
            kind: kind_of(property),
            required: is_required(name),
            description: property["description"].as_str().unwrap_or_default().to_owned(),
        });
        collect_fields(property, &format!("{path}."), fields);
    }
}

/// `string`, `string or null`, `string (date-time)`.
fn kind_of(property: &Value) -> String {
    let kind = match &property["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        kind => kind.as_str().unwrap_or("any").to_owned(),
    };
    match property["format"].as_str() {
        Some(format) => format!("{kind} ({format})"),
        None => kind,
    }
}
