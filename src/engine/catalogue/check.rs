//! Checks a payload that a user typed: is it valid JSON, and does it match the event's schema?

use super::{
    strict::StrictJson,
    syntax::{self, Fault},
    validate::validate,
};
use crate::domain::{contract::BodyCheck, event::EventType, invalid::FieldError};

/// Checks the syntax first, then the schema. Used for tests of a hook.
pub fn check(event: EventType, text: &str) -> BodyCheck {
    match serde_json::from_str::<StrictJson>(text) {
        Err(error) => {
            let Fault { line, column, words } = syntax::fault(text.as_bytes(), &error);
            BodyCheck::NotJson { line, column, words }
        }
        Ok(StrictJson(body)) => match validate(event, &body) {
            Ok(()) => BodyCheck::Valid,
            Err(invalid) => {
                BodyCheck::SchemaMismatch(invalid.0.into_iter().map(relative_to_body).collect())
            }
        },
    }
}

/// Removes the prefix `data.`: the user sees the payload alone, without the envelope of the API.
fn relative_to_body(fault: FieldError) -> FieldError {
    let field = match fault.field.strip_prefix("data.") {
        Some(path) => path.to_owned(),
        None => "the body".to_owned(),
    };
    FieldError { field, ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_position(text: &str) -> (usize, usize) {
        match check(EventType::ConversationAbandoned, text) {
            BodyCheck::NotJson { line, column, words } => {
                assert!(!words.is_empty() && !words.contains("line"), "{words}");
                (line, column)
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_syntax_error_has_a_line_and_a_character_column() {
        assert_eq!(error_position(""), (1, 1));
        assert_eq!(error_position("nonsense"), (1, 2));
        assert_eq!(
            error_position("{\n  \"é😀\": x\n}"),
            (2, 9),
            "columns are characters, not bytes"
        );
        assert_eq!(error_position("{\n  \"a\": 1,\n}"), (3, 1));
        assert_eq!(error_position("{\n  \"a\": 1\n"), (3, 1));
        assert_eq!(error_position(&"[".repeat(500)).0, 1, "too deep is an answer, not a crash");
    }

    #[test]
    fn a_schema_mismatch_names_the_fields() {
        let event = EventType::ConversationAbandoned;
        assert_eq!(check(event, super::super::sample(event)), BodyCheck::Valid);
        let BodyCheck::SchemaMismatch(faults) = check(event, r#"{"queue": 7}"#) else {
            panic!("it differs")
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert!(fields.contains(&"queue") && fields.contains(&"timestamp"), "{fields:?}");
    }
}
