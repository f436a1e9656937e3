//! Where a text is not JSON, and why, in our own words: the parser's are for programmers and may
//! quote the payload.

use std::fmt;

use super::strict;

/// A syntax error, with its position in lines and characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: usize,
    pub column: usize,
    pub words: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.words, self.line, self.column)
    }
}

/// Beginnings of the parser's messages, and what is said instead.
const WORDS: &[(&str, &str)] = &[
    ("EOF while parsing an object", "it ends in the middle of an object"),
    ("EOF while parsing a list", "it ends in the middle of a list"),
    ("EOF while parsing a string", "it ends in the middle of a string"),
    ("EOF while parsing", "it ends where a value should begin"),
    ("expected `:`", "a colon is missing after the name of a field"),
    ("expected `,` or `]`", "a comma or ] is missing"),
    ("expected `,` or `}`", "a comma or } is missing"),
    ("expected ident", "only true, false and null may be written without quotes"),
    ("expected value", "a value is missing or not valid"),
    ("key must be a string", "the name of a field must be in double quotes"),
    ("trailing comma", "there is a comma after the last item"),
    ("trailing characters", "there is more text after its end"),
    ("recursion limit exceeded", "it is nested too deeply"),
    ("number out of range", "a number is too large"),
    ("invalid number", "a number is not valid"),
    (
        "control character",
        "a string contains a control character; write it as an escape such as \\n",
    ),
    ("invalid unicode code point", "it contains bytes that are not UTF-8"),
    ("invalid escape", "a string has an escape that is not valid"),
    ("lone leading surrogate", "a string has half of a surrogate pair"),
    ("unexpected end of hex escape", "a string has a \\u escape that is not valid"),
];

/// Says what is wrong with `text`. The parser counts columns in bytes.
pub fn fault(text: &[u8], error: &serde_json::Error) -> Fault {
    let line = error.line().max(1);
    let bytes = text.split(|byte| *byte == b'\n').nth(line - 1).unwrap_or_default();
    let before = String::from_utf8_lossy(&bytes[..error.column().min(bytes.len())]);
    // A column in the middle of a character is that character's.
    let cut = before.ends_with(char::REPLACEMENT_CHARACTER) && std::str::from_utf8(bytes).is_ok();
    let column = (before.chars().count() - usize::from(cut)).max(1);
    let message = error.to_string();
    let known = WORDS.iter().find(|(begins, _)| message.starts_with(begins));
    let words = match (strict::duplicate_in(error), known) {
        (Some(duplicate), _) => duplicate,
        (None, Some((_, words))) => (*words).to_owned(),
        (None, None) => "it is not valid".to_owned(),
    };
    Fault { line, column, words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::catalogue::strict::StrictJson;

    #[test]
    fn every_kind_of_error_is_said_without_the_parsers_words() {
        let rows: &[(&[u8], &str)] = &[
            (b"", "it ends where a value should begin (line 1, column 1)"),
            (b"{", "it ends in the middle of an object (line 1, column 1)"),
            (b"[1,", "it ends where a value should begin (line 1, column 3)"),
            (b"[1", "it ends in the middle of a list (line 1, column 2)"),
            (b"[\"a", "it ends in the middle of a string (line 1, column 3)"),
            (b"{\"a\" 1}", "a colon is missing after the name of a field (line 1, column 6)"),
            (b"[1 2]", "a comma or ] is missing (line 1, column 4)"),
            (b"{\"a\":1 \"b\":2}", "a comma or } is missing (line 1, column 8)"),
            (
                b"nonsense",
                "only true, false and null may be written without quotes (line 1, column 2)",
            ),
            (b"[?]", "a value is missing or not valid (line 1, column 2)"),
            (b"{a:1}", "the name of a field must be in double quotes (line 1, column 2)"),
            (b"{\n  \"a\": 1,\n}", "there is a comma after the last item (line 3, column 1)"),
            (b"{} x", "there is more text after its end (line 1, column 4)"),
            (b"1e999", "a number is too large (line 1, column 5)"),
            (b"-x", "a number is not valid (line 1, column 2)"),
            (
                b"\"a\tb\"",
                "a string contains a control character; write it as an escape such as \\n \
                 (line 1, column 3)",
            ),
            (b"\"\xff\"", "it contains bytes that are not UTF-8 (line 1, column 2)"),
            (b"\"\\x\"", "a string has an escape that is not valid (line 1, column 3)"),
            (b"\"\\ud800x\"", "a string has a \\u escape that is not valid (line 1, column 8)"),
            (
                "{\n  \"\u{e9}\u{1f600}\": x\n}".as_bytes(),
                "a value is missing or not valid (line 2, column 9)",
            ),
            (b"{\"a\":1,\"a\":2}", "the field \"a\" appears twice (line 1, column 13)"),
        ];
        for (text, words) in rows {
            let error = serde_json::from_slice::<StrictJson>(text).err().unwrap();
            assert_eq!(fault(text, &error).to_string(), *words, "{error}");
        }
        let deep = vec![b'['; 500];
        let error = serde_json::from_slice::<StrictJson>(&deep).err().unwrap();
        assert_eq!(fault(&deep, &error).words, "it is nested too deeply");
    }
}
