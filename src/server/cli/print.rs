//! What commands print: sentences for people, JSON for programs.

use std::io::Write;

use serde_json::{Value, json};

/// A result: `text` for people, `value` for programs. Ends with a line break.
pub fn result(json: bool, text: &str, value: &Value) {
    let line = if json { value.to_string() } else { text.to_owned() };
    raw(&format!("{line}\n"));
}

/// Bytes as they are. A reader that went away is not our failure.
pub fn raw(text: &str) {
    let _gone = std::io::stdout().lock().write_all(text.as_bytes());
}

/// A failure, on standard error.
pub fn error(json: bool, message: &str) {
    if json {
        eprintln!("{}", json!({"error": message}));
    } else {
        eprintln!("error: {message}");
    }
}
