//! What was wrong with an input, field by field. The API, the forms and the command line show the
//! same words.

use serde::{Deserialize, Serialize};

/// One field that cannot be accepted, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The control's or member's name: `callback_url`, `data.timeInQueue`, `[3].type`.
    pub field: String,
    /// A stable word for programs: `required`, `ip-range`, `schema`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// Every field that was wrong; never empty once it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid(pub Vec<FieldError>);

impl Invalid {
    pub fn one(field: &str, code: &str, message: impl Into<String>) -> Self {
        let mut invalid = Self::default();
        invalid.add(field, code, message);
        invalid
    }

    pub fn add(&mut self, field: &str, code: &str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.to_owned(),
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// Notes a choice that is none of those there are, unless it is fine.
    pub fn add_unless(&mut self, is_fine: bool, field: &str, message: &str) {
        if !is_fine {
            self.add(field, "unknown", message);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The message for one field, if it is wrong.
    pub fn message(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// `value` when nothing was wrong, else what was.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Takes the value out of a field's judgement, or notes what was wrong with it.
    pub fn take<T>(&mut self, judged: Result<T, Self>) -> Option<T> {
        match judged {
            Ok(value) => Some(value),
            Err(mut errors) => {
                self.0.append(&mut errors.0);
                None
            }
        }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", error.field, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}
