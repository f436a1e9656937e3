//! Validation errors, one per field. API, forms and commands show the same messages.

use serde::{Deserialize, Serialize};

/// One invalid field, and how to correct it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The name of the form control or of the JSON field: `callback_url`, `data.timeInQueue`,
    /// `[3].type`.
    pub field: String,
    /// A stable code for programs: `required`, `ip-range`, `schema`.
    pub code: String,
    /// A sentence ("Enter a name."), or a clause in lower case that continues the field's name
    /// ("must be a string").
    pub message: String,
}

impl FieldError {
    /// Does the message continue the field's name?
    fn is_clause(&self) -> bool {
        self.message.starts_with(|first: char| first.is_lowercase())
    }
}

/// All invalid fields of an input. Not empty when it is returned as an error.
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

    /// Adds an error with the code `unknown`, unless the choice is valid.
    pub fn add_unless(&mut self, is_valid: bool, field: &str, message: &str) {
        if !is_valid {
            self.add(field, "unknown", message);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first message for a field, if it has an error.
    pub fn message(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// `value` if there are no errors, else the errors.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Takes the value of a parsed field, or collects its errors.
    pub fn take<T>(&mut self, parsed: Result<T, Self>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(mut errors) => {
                self.0.append(&mut errors.0);
                None
            }
        }
    }
}

/// Full sentences with the names of the fields: "name: Enter a name. enabled must be true or
/// false."
impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { " " };
            let colon = if error.is_clause() { "" } else { ":" };
            let stop = if error.message.ends_with(['.', '!', '?']) { "" } else { "." };
            write!(f, "{separator}{}{colon} {}{stop}", error.field, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_joined_as_full_sentences() {
        let mut invalid = Invalid::one("name", "required", "Enter a name.");
        invalid.add("enabled", "type", "must be true or false");
        assert_eq!(invalid.to_string(), "name: Enter a name. enabled must be true or false.");
    }
}
