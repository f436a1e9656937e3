//! Removes personal data from a real payload, so that it can be sent as a test.

use serde_json::{Map, Value};

use super::{
    current, fields,
    personal::{is_personal, mask},
};
use crate::domain::event::EventType;

/// A copy of the payload without personal data. Personal fields get a placeholder; fields that the
/// catalogue does not know are removed, because they could hold anything; empty and null values
/// stay. `None` if the body is not a JSON object.
pub fn masked(event: EventType, body: &[u8]) -> Option<String> {
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else { return None };
    let known: Vec<String> =
        fields::of(event, current(event)).into_iter().map(|field| field.path).collect();
    let object = Masking { event, known }.object(object, "");
    serde_json::to_string(&Value::Object(object)).ok()
}

/// The recursive masking of one payload.
struct Masking {
    event: EventType,
    /// Paths of all fields in the current schema.
    known: Vec<String>,
}

impl Masking {
    /// Masks the fields of an object and drops unknown ones. `path` is the object's own path.
    fn object(&self, object: Map<String, Value>, path: &str) -> Map<String, Value> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let named =
            object.into_iter().map(|(name, value)| (format!("{prefix}{name}"), name, value));
        let known = named.filter(|(path, ..)| self.known.contains(path));
        known.map(|(path, name, value)| (name, self.value(value, &path))).collect()
    }

    fn value(&self, value: Value, path: &str) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::String(text) if text.is_empty() => text.into(),
            _ if is_personal(self.event, path) => mask(self.event, path).unwrap_or_default().into(),
            Value::Object(object) => self.object(object, path).into(),
            Value::Array(items) => {
                let path = format!("{path}[]");
                items.into_iter().map(|item| self.value(item, &path)).collect()
            }
            plain => plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::personal::PERSONAL;
    use super::*;
    use crate::engine::catalogue::{sample, validate};

    /// Text fields that are not personal data.
    const NOT_PERSONAL: &[&str] = &[
        "queue",
        "agentID",
        "id",
        "mediaType",
        "agent.id",
        "primaryConversationId",
        "completionCode",
        "result",
    ];

    #[test]
    fn every_text_field_is_classified_as_personal_or_not() {
        for event in EventType::ALL {
            let fields = fields::of(*event, current(*event));
            let is_free_text = |field: &&crate::domain::contract::Field| {
                field.kinds.contains("string")
                    && !field.rules.iter().any(|rule| rule.keyword == "format")
            };
            for field in fields.iter().filter(is_free_text) {
                let is_listed = NOT_PERSONAL.contains(&field.path.as_str());
                assert!(is_personal(*event, &field.path) != is_listed, "{event}: {}", field.path);
            }
            let own = PERSONAL.iter().filter(|(of, ..)| of == event);
            own.for_each(|(_, path, _)| {
                assert!(fields.iter().any(|field| field.path == *path), "{event}: {path}")
            });
        }
    }

    #[test]
    fn a_masked_payload_matches_the_schema_and_has_no_personal_data() {
        for event in EventType::ALL {
            let mut body: Value = serde_json::from_str(sample(*event)).unwrap();
            body["unknown"] = json!({"phone": ["+36301234567"]});
            let masked: Value =
                serde_json::from_str(&masked(*event, body.to_string().as_bytes()).unwrap())
                    .unwrap();
            assert_eq!(validate(*event, &masked), Ok(()), "{event}");
            assert!(masked.get("unknown").is_none());
            for (of, path, mask) in PERSONAL.iter().filter(|(of, ..)| of == event) {
                let pointer = format!("/{}", path.replace('.', "/"));
                assert_ne!(body.pointer(&pointer), masked.pointer(&pointer), "{of}: {path}");
                assert_eq!(masked.pointer(&pointer), Some(&json!(mask)), "{of}: {path}");
            }
        }
    }

    #[test]
    fn other_fields_stay_and_missing_fields_stay_missing() {
        let mut body: Value = serde_json::from_str(sample(EventType::WorkItemClosed)).unwrap();
        body["notes"] = Value::Null;
        body["agent"]["name"] = json!("");
        body.as_object_mut().unwrap().remove("customerId");
        let masked = masked(EventType::WorkItemClosed, body.to_string().as_bytes()).unwrap();
        let masked: Value = serde_json::from_str(&masked).unwrap();
        for name in ["id", "createdAt", "isOutbound", "result", "notes", "customerId"] {
            assert_eq!(masked.get(name), body.get(name), "{name}");
        }
        assert_eq!(masked["agent"]["name"], json!(""));
        assert_eq!(super::masked(EventType::WorkItemClosed, b""), None);
    }
}
