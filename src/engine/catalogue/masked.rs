//! A body without anything about a person: for tests, which must not carry a real event as it came.

use serde_json::{Map, Value};

use super::{
    current, fields,
    personal::{is_personal, mask},
};
use crate::domain::event::EventType;

/// A body without anything about a person: what is, is masked, and what the catalogue does not know
/// is left out, because it could be anything. What is empty or null stays so. `None` when it is no
/// JSON object.
pub fn masked(event: EventType, body: &[u8]) -> Option<String> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return None };
    let known: Vec<String> =
        fields::of(event, current(event)).into_iter().map(|field| field.path).collect();
    let members = Masking { event, known }.object(members, "");
    serde_json::to_string(&Value::Object(members)).ok()
}

struct Masking {
    event: EventType,
    known: Vec<String>,
}

impl Masking {
    fn object(&self, members: Map<String, Value>, path: &str) -> Map<String, Value> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let named =
            members.into_iter().map(|(name, value)| (format!("{prefix}{name}"), name, value));
        let known = named.filter(|(path, ..)| self.known.contains(path));
        known.map(|(path, name, value)| (name, self.value(value, &path))).collect()
    }

    fn value(&self, value: Value, path: &str) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::String(text) if text.is_empty() => text.into(),
            _ if is_personal(self.event, path) => mask(self.event, path).unwrap_or_default().into(),
            Value::Object(members) => self.object(members, path).into(),
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

    /// What is text and not about a person.
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
    fn of_every_text_it_is_decided_whether_it_is_about_a_person() {
        for event in EventType::ALL {
            let fields = fields::of(*event, current(*event));
            let is_free = |field: &&crate::domain::contract::Field| {
                field.kinds.contains("string")
                    && !field.rules.iter().any(|rule| rule.keyword == "format")
            };
            for field in fields.iter().filter(is_free) {
                let is_not = NOT_PERSONAL.contains(&field.path.as_str());
                assert!(is_personal(*event, &field.path) != is_not, "{event}: {}", field.path);
            }
            let own = PERSONAL.iter().filter(|(of, ..)| of == event);
            own.for_each(|(_, path, _)| {
                assert!(fields.iter().any(|field| field.path == *path), "{event}: {path}")
            });
        }
    }

    #[test]
    fn what_is_masked_fits_the_schema_and_tells_nothing() {
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
    fn what_is_not_about_a_person_stays_and_so_does_what_is_missing() {
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
