//! How a search compares text: as people read it. Escapes of JSON are decoded, so that a name is
//! found however the producer spelled it (`Kov\u00e1cs`, `Kovács`), and letter case and accents are
//! ignored. Runs in time linear in the payload, for any payload and any text.

use memchr::memmem::Finder;
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// A text to search for, prepared once for all payloads.
#[derive(Clone, Debug)]
pub struct Needle {
    folded: Finder<'static>,
    /// The text spans several JSON values: blanks between them depend on who formatted it.
    ignores_blanks: bool,
    /// The text has a backslash: the reader may have copied an escape from the raw payload.
    raw: Option<Finder<'static>>,
}

impl Needle {
    pub fn new(text: &str) -> Self {
        let ignores_blanks = text.contains(['"', '{', '}', '[', ']', ':', ',']);
        let finder = |text: &str| Finder::new(text.as_bytes()).into_owned();
        let raw = text.contains('\\').then(|| finder(&fold(text.chars(), ignores_blanks)));
        Self { folded: finder(&fold(text.chars(), ignores_blanks)), ignores_blanks, raw }
    }

    /// Whether a payload contains the text.
    pub fn is_in(&self, body: &[u8]) -> bool {
        let body = String::from_utf8_lossy(body);
        let decoded = if body.is_ascii() && memchr::memchr(b'\\', body.as_bytes()).is_none() {
            fold_ascii(&body, self.ignores_blanks)
        } else {
            fold(Decoded::of(&body), self.ignores_blanks)
        };
        if self.folded.find(decoded.as_bytes()).is_some() {
            return true;
        }
        self.raw.as_ref().is_some_and(|raw| {
            raw.find(fold(body.chars(), self.ignores_blanks).as_bytes()).is_some()
        })
    }
}

/// Text without letter case and accents. Blanks are dropped, or each run of them becomes one.
fn fold(text: impl Iterator<Item = char>, drops_blanks: bool) -> String {
    let mut out = String::with_capacity(text.size_hint().0);
    let mut is_blank = false;
    for character in text.nfkd() {
        if character.is_whitespace() {
            is_blank = true;
            continue;
        }
        if is_accent(character) {
            continue;
        }
        if std::mem::take(&mut is_blank) && !drops_blanks && !out.is_empty() {
            out.push(' ');
        }
        push_folded(&mut out, character);
    }
    out
}

/// The same for ASCII without escapes, which nearly all payloads are: many times as fast.
fn fold_ascii(text: &str, drops_blanks: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() && !drops_blanks {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.make_ascii_lowercase();
    out
}

/// Accents and the vowel points of Hebrew and Arabic. Not the marks that make another letter:
/// nukta and virama of Indian scripts, and the voicing of kana.
fn is_accent(character: char) -> bool {
    !character.is_ascii()
        && matches!(canonical_combining_class(character), 10..=36 | 103..=132 | 200..=240)
}

/// One letter in lower case. The letters with a stroke have no decomposition in Unicode.
fn push_folded(out: &mut String, character: char) {
    match character {
        'A'..='Z' => out.push(character.to_ascii_lowercase()),
        _ if character.is_ascii() => out.push(character),
        'ß' | 'ẞ' => out.push_str("ss"),
        'ς' => out.push('σ'),
        'ı' => out.push('i'),
        'ø' | 'Ø' => out.push('o'),
        'ł' | 'Ł' => out.push('l'),
        'đ' | 'Đ' => out.push('d'),
        'æ' | 'Æ' => out.push_str("ae"),
        'œ' | 'Œ' => out.push_str("oe"),
        _ => out.extend(character.to_lowercase().filter(|lower| !is_accent(*lower))),
    }
}

/// The characters of a JSON text with the escapes in its strings decoded. Text that is not JSON is
/// returned as it is.
struct Decoded<'a> {
    rest: std::str::Chars<'a>,
}

impl<'a> Decoded<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text.chars() }
    }

    /// The number of a `\uXXXX` whose `\u` was read; consumes it only if it is complete.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest.as_str().get(..4)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.rest = self.rest.as_str()[4..].chars();
        Some(unit)
    }

    /// A character that is spelled as `\uXXXX`, or as two of them for a surrogate pair.
    fn spelled(&mut self) -> Option<char> {
        let unit = self.unit()?;
        if !(0xd800..0xdc00).contains(&unit) {
            return Some(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let behind = self.rest.clone();
        if let Some(after) = self.rest.as_str().strip_prefix("\\u") {
            self.rest = after.chars();
            if let Some(low @ 0xdc00..0xe000) = self.unit() {
                return char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            }
            self.rest = behind;
        }
        Some(char::REPLACEMENT_CHARACTER)
    }
}

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character != '\\' {
            return Some(character);
        }
        let before = self.rest.clone();
        match self.rest.next() {
            Some('u') => self.spelled().or_else(|| {
                self.rest = before;
                Some('\\')
            }),
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('b' | 'f') => Some(' '),
            Some(escaped @ ('"' | '\\' | '/')) => Some(escaped),
            // Outside of JSON a backslash is just one.
            _ => {
                self.rest = before;
                Some('\\')
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest.as_str().len(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(body: &str, text: &str) -> bool {
        Needle::new(text).is_in(body.as_bytes())
    }

    #[test]
    fn a_text_is_found_however_it_is_spelled() {
        let spelled = [
            r#"{"name":"Anna Kovács","path":"a/b"}"#,
            r#"{ "name" : "Anna Kov\u00e1cs", "path": "a\/b" }"#,
            r#"{"name":"Anna Kova\u0301cs","path":"a\u002Fb"}"#,
        ];
        for body in spelled {
            for text in [
                "Kovács",
                "KOVACS",
                "kova\u{301}cs",
                "anna  kov",
                "a/b",
                r#""name": "Anna"#,
                r#""name":"anna kovacs","path""#,
                "{",
            ] {
                assert!(is_in(body, text), "{text} in {body}");
            }
            for text in ["Kovacz", "annakovacs", "a//b", r#""name": "Kov"#] {
                assert!(!is_in(body, text), "{text} in {body}");
            }
        }
        assert!(is_in(r#"{"x":"\ud83d\ude00 \ud83d"}"#, "😀"));
        assert!(is_in(r#"{"x":"Kov\u00e1cs"}"#, r"Kov\u00e1cs"), "as the raw payload shows it");
        assert!(is_in(r#"{"x":"C:\\new"}"#, r"c:\new"));
        assert!(!is_in("", "a") && !Needle::new("é").is_in(b"\xff\xfe"));
    }

    #[test]
    fn case_and_accents_count_in_no_language() {
        for (body, text) in [
            ("Straße", "STRASSE"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσεύς"),
            ("Łódź", "lodz"),
            ("İstanbul", "istanbul"),
            ("Ærø", "aero"),
            ("Việt Nam", "viet nam"),
            ("Ёлка", "елка"),
            ("שָׁלוֹם", "שלום"),
            ("ﬁrst", "FIRST"),
        ] {
            assert!(is_in(body, text) && is_in(text, body), "{text} in {body}");
        }
        // These marks make another letter.
        assert!(!is_in("が", "か\u{3099}x") && is_in("が", "か\u{3099}"));
    }

    #[test]
    fn the_fast_way_folds_as_the_other() {
        for text in ["", "  ", "a", " A\tb  c\r\n", "{\"X\": 1}", "AZ az \u{b}\u{c}x"] {
            for drops_blanks in [false, true] {
                let folded = fold(Decoded::of(text), drops_blanks);
                assert_eq!(fold_ascii(text, drops_blanks), folded, "{text:?}");
            }
        }
    }

    #[test]
    fn broken_escapes_end_nothing() {
        for body in [r"\u", r"\u12", r"\ud800\u", r"\ud800\u0041", r"\", r"\x", r"\uZZZZ é"] {
            let _found = is_in(body, "x");
            assert!(is_in(&format!("{body} end"), "end"), "{body}");
        }
    }
}
