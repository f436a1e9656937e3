//! JSON as people read it: indented, with every number and every string spelled exactly as it was.
//! (A parser would read 1.50 and write 1.5.)

/// Levels that are indented: nobody sees more.
const LEVELS: usize = 40;
/// Blanks that every text may be indented with; a long one with as many as it has letters.
const BLANKS: usize = 64 * 1024;

/// The text with a line for each member, if it is JSON at all. However it is nested, at most about
/// four times as long.
pub fn pretty(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0usize;
    let mut blanks = BLANKS.max(text.len());
    let mut characters = text.chars().peekable();
    let mut newline = |out: &mut String, depth: usize| {
        out.push('\n');
        // A list of small numbers at the deepest level would become forty times as long.
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

/// Copies a string, from after its first quote to its last.
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
    fn nothing_but_blanks_is_changed() {
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
    fn however_it_is_nested_it_does_not_grow_out_of_proportion() {
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
