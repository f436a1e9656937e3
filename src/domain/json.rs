//! Pretty-prints JSON without parsing it into values, so that numbers and strings keep their
//! spelling (1.50 stays 1.50).

/// Deeper levels get no further indentation.
const LEVELS: usize = 40;
/// Total spaces of indentation, or as many as the text has bytes, if that is more.
const BLANKS: usize = 64 * 1024;

/// The indented text; `None` if it is not JSON. At most about four times as long as the input,
/// whatever its nesting.
pub fn pretty(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0usize;
    let mut blanks = BLANKS.max(text.len());
    let mut characters = text.chars().peekable();
    let mut newline = |out: &mut String, depth: usize| {
        out.push('\n');
        // Limits lists of small values at a deep level, which would grow forty times.
        let indent = (2 * depth.min(LEVELS)).min(blanks);
        blanks -= indent;
        out.push_str(&" ".repeat(indent));
    };
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                out.push('"');
                string(&mut out, &mut characters);
            }
            '{' | '[' => {
                out.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    newline(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                newline(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                newline(&mut out, depth);
            }
            ':' => out.push_str(": "),
            blank if blank.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    Some(out)
}

/// Copies a string literal, from after the opening quote to the closing one.
fn string(out: &mut String, characters: &mut impl Iterator<Item = char>) {
    let mut is_escaped = false;
    for character in characters {
        out.push(character);
        match character {
            '"' if !is_escaped => return,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn only_whitespace_changes() {
        let text = concat!(
            r#"{ "a":1.50,"b" : [1e2, {} ,[ ]], "c":"x, {y}: \" \\","#,
            r#""d":12345678901234567890,"é":null}"#
        );
        let indented = pretty(text).unwrap();
        assert_eq!(
            indented,
            "{\n  \"a\": 1.50,\n  \"b\": [\n    1e2,\n    {},\n    []\n  ],\n  \"c\": \"x, {y}: \
             \\\" \\\\\",\n  \"d\": 12345678901234567890,\n  \"é\": null\n}"
        );
        assert_eq!(pretty(&indented).unwrap(), indented);
        assert_eq!(pretty("not json"), None);
        assert_eq!(pretty("\"x\"").unwrap(), "\"x\"");
    }

    #[test]
    fn the_size_is_limited_for_any_nesting() {
        let size = 256 * 1024;
        let lists = format!("{}{}1{}", "[".repeat(100), "1,".repeat(size / 2), "]".repeat(100));
        let deep = "[".repeat(size / 2) + &"]".repeat(size / 2);
        for text in [lists, deep] {
            let indented = pretty(&text).unwrap();
            assert!(
                indented.len() < 4 * text.len(),
                "{} bytes became {}",
                text.len(),
                indented.len()
            );
            assert_eq!(indented.replace(['\n', ' '], ""), text);
        }
    }
}
