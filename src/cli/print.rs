//! Output of commands: text for people, JSON for programs.

use std::{fmt::Write as _, io::Write};

use serde_json::{Value, json};

/// Characters that `escape_debug` escapes although they are visible.
const QUOTES: [char; 3] = ['"', '\'', '\\'];

/// Prints a result, `text` for people or `value` for programs, with a line break.
pub fn result(json: bool, text: &str, value: &Value) {
    let line = if json { plain_json(value) } else { text.to_owned() };
    raw(&format!("{line}\n"));
}

/// Untrusted text for a terminal, at most `most` characters: control characters, line breaks,
/// direction marks and all other invisible characters are escaped.
pub fn printable(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let mut shown = String::with_capacity(end);
    for part in text[..end].split_inclusive(QUOTES) {
        let plain = part.strip_suffix(QUOTES).unwrap_or(part);
        shown.extend(plain.escape_debug());
        shown.push_str(&part[plain.len()..]);
    }
    shown
}

/// JSON on one line without characters that control a terminal. serde_json escapes only ASCII
/// control characters.
fn plain_json(value: &Value) -> String {
    let mut line = String::new();
    for letter in value.to_string().chars() {
        if QUOTES.contains(&letter) || letter.escape_debug().len() == 1 {
            line.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _written = write!(line, "\\u{unit:04x}");
            }
        }
    }
    line
}

/// Prints text unchanged. A closed pipe is not an error.
pub fn raw(text: &str) {
    let _gone = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Prints a failure to standard error.
pub fn error(json: bool, message: &str) {
    if json {
        eprintln!("{}", json!({"error": message}));
    } else {
        eprintln!("error: {message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours, their C1 form, bell, delete, right-to-left override, direction mark, byte order
    /// mark, tag, and line separators.
    const UNSEEN: &str =
        "\u{1b}[31m\u{9b}31m\u{7}\u{7f}\u{202e}\u{200f}\u{2066}\u{feff}\u{e0041}\u{2028}\r\n\t";

    #[test]
    fn invisible_characters_are_escaped() {
        let shown = printable(UNSEEN, usize::MAX);
        assert!(
            shown.starts_with("\\u{1b}[31m\\u{9b}31m\\u{7}\\u{7f}\\u{202e}\\u{200f}"),
            "{shown}"
        );
        assert!(shown.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{shown}");
        let seen = "\"Büro\" 'हिन्दी' \\ 日本 🎉";
        assert_eq!(printable(seen, usize::MAX), seen);
        assert_eq!(printable("日本語", 2), "日本");
    }

    #[test]
    fn escaped_json_keeps_its_value_and_has_no_invisible_characters() {
        let value = json!({"text": format!("Büro \\ \"हिन्दी\" {UNSEEN}")});
        let line = plain_json(&value);
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value, "{line}");
        assert!(
            line.contains("Büro")
                && line.contains("\\u009b31m")
                && !line.contains(['\u{9b}', '\u{202e}', '\n']),
            "{line}"
        );
    }
}
