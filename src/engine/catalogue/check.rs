//! A body that somebody typed: is it JSON, and is it as its event's schema demands?

use super::{strict::Strict, validate::validate};
use crate::domain::{contract::BodyCheck, event::EventType, invalid::FieldError};

pub fn check(event: EventType, text: &str) -> BodyCheck {
    match serde_json::from_str::<Strict>(text) {
        Err(error) => not_json(text, &error),
        Ok(Strict(body)) => match validate(event, &body) {
            Ok(()) => BodyCheck::Fits,
            Err(invalid) => BodyCheck::Differs(invalid.0.into_iter().map(within_body).collect()),
        },
    }
}

/// Named as it stands in the body itself, which nothing surrounds here.
fn within_body(fault: FieldError) -> FieldError {
    let field = match fault.field.strip_prefix("data.") {
        Some(member) => member.to_owned(),
        None => "the body".to_owned(),
    };
    FieldError { field, ..fault }
}

/// Where it is wrong, as a person counts: the parser counts bytes.
fn not_json(text: &str, error: &serde_json::Error) -> BodyCheck {
    let line = error.line().max(1);
    let bytes = text.split('\n').nth(line - 1).unwrap_or_default();
    let before = &bytes[..bytes.floor_char_boundary(error.column())];
    let said = error.to_string();
    let words = said.split(" at line ").next().unwrap_or_default().to_owned();
    BodyCheck::NotJson { line, column: before.chars().count().max(1), words }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (usize, usize) {
        match check(EventType::ConversationAbandoned, text) {
            BodyCheck::NotJson { line, column, words } => {
                assert!(!words.is_empty() && !words.contains("line"), "{words}");
                (line, column)
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_is_not_json_is_told_by_line_and_character() {
        assert_eq!(place(""), (1, 1));
        assert_eq!(place("nonsense"), (1, 2));
        assert_eq!(place("{\n  \"é😀\": x\n}"), (2, 9), "columns are characters, not bytes");
        assert_eq!(place("{\n  \"a\": 1,\n}"), (3, 1));
        assert_eq!(place("{\n  \"a\": 1\n"), (3, 1));
        assert_eq!(place(&"[".repeat(500)).0, 1, "too deep is an answer, not a crash");
    }

    #[test]
    fn what_is_not_as_the_schema_demands_is_told_by_member() {
        let event = EventType::ConversationAbandoned;
        assert_eq!(check(event, super::super::sample(event)), BodyCheck::Fits);
        let BodyCheck::Differs(faults) = check(event, r#"{"queue": 7}"#) else {
            panic!("it differs")
        };
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert!(fields.contains(&"queue") && fields.contains(&"timestamp"), "{fields:?}");
    }
}
