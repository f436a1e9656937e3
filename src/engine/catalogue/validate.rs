//! Validates the body of an event against its schema. May import domain.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::schema::{Draft, schema};
use crate::domain::{event::EventType, invalid::Invalid};

struct Validators([Validator; EventType::ALL.len()]);

/// Compiled once: a schema of our own that does not compile is a bug, and the tests would show it.
static VALIDATORS: LazyLock<Validators> = LazyLock::new(|| {
    Validators(std::array::from_fn(|position| {
        jsonschema::options()
            .should_validate_formats(true)
            .build(&schema(EventType::ALL[position], Draft::Draft2020))
            .expect("the generated schemas compile")
    }))
});

/// At most this many faults are told at once.
const FAULTS: usize = 20;

/// Validates a body against the schema of its event. Faults name the member: `data.timeInQueue`.
pub fn validate(event: EventType, body: &Value) -> Result<(), Invalid> {
    let position = EventType::ALL.iter().position(|known| *known == event).unwrap_or(0);
    let mut invalid = Invalid::default();
    for fault in VALIDATORS.0[position].iter_errors(body).take(FAULTS) {
        let (field, message) = name_fault(&fault);
        invalid.add(&field, "schema", message);
    }
    invalid.or(())
}

/// Where the fault is, in dots, and what it is. A missing member is named itself, not its parent.
fn name_fault(fault: &jsonschema::ValidationError<'_>) -> (String, String) {
    use jsonschema::error::ValidationErrorKind as Kind;
    let pointer = fault.instance_path().to_string();
    let mut field = format!("data{}", pointer.replace('/', "."));
    let message = match fault.kind() {
        Kind::Required { property } => {
            if let Some(name) = property.as_str() {
                field = format!("{field}.{name}");
            }
            "is required".to_owned()
        }
        Kind::Type { .. } => format!("has the wrong type: {}", clipped(&fault.to_string())),
        Kind::Format { format } => {
            format!("must be a {format} (RFC 3339, such as 2022-03-08T07:39:47Z)")
        }
        Kind::MinLength { .. } => "must not be empty".to_owned(),
        Kind::Minimum { limit } => format!("must be {limit} or more"),
        _ => clipped(&fault.to_string()),
    };
    (field, message)
}

/// Producers' values can be long, and personal; a message is neither.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 160;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
