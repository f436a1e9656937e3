//! Decodes escape sequences: backslashes as in JSON and most languages, percent encoding, HTML
//! entities, and doubled quotes as in CSV, SQL and shells. One pass removes one layer of all kinds.
//! Imports `view` only.

use super::view::{Builder, View};

/// Bit flags for the kinds of escape sequences.
const BACKSLASHES: u8 = 1;
const PERCENTS: u8 = 2;
const ENTITIES: u8 = 4;
const SINGLE_QUOTES: u8 = 8;
const DOUBLE_QUOTES: u8 = 16;
pub(super) const ALL: u8 = 31;

/// Maximum length of an HTML entity that is decoded. The names in [`NAMES`] are shorter.
const MAX_ENTITY_LEN: usize = 12;
/// Replaces a decoded character that no secret can contain.
const OTHER: u8 = 0xff;

/// HTML entity names of ASCII characters.
const NAMES: [(&str, u8); 37] = [
    ("amp", b'&'),
    ("apos", b'\''),
    ("ast", b'*'),
    ("bsol", b'\\'),
    ("colon", b':'),
    ("comma", b','),
    ("commat", b'@'),
    ("dollar", b'$'),
    ("equals", b'='),
    ("excl", b'!'),
    ("grave", b'`'),
    ("gt", b'>'),
    ("hat", b'^'),
    ("lbrace", b'{'),
    ("lbrack", b'['),
    ("lcub", b'{'),
    ("lowbar", b'_'),
    ("lpar", b'('),
    ("lsqb", b'['),
    ("lt", b'<'),
    ("newline", b'\n'),
    ("num", b'#'),
    ("percnt", b'%'),
    ("period", b'.'),
    ("plus", b'+'),
    ("quest", b'?'),
    ("quot", b'"'),
    ("rbrace", b'}'),
    ("rbrack", b']'),
    ("rcub", b'}'),
    ("rpar", b')'),
    ("rsqb", b']'),
    ("semi", b';'),
    ("sol", b'/'),
    ("tab", b'\t'),
    ("verbar", b'|'),
    ("vert", b'|'),
];

/// The text with one layer of escapes decoded; `None` if it contains none. `is_cut`: an incomplete
/// escape at the end of a truncated text is dropped.
pub(super) fn decode(view: &View, kinds: u8, is_cut: bool) -> Option<View<'static>> {
    let bytes = &*view.bytes;
    let is_incomplete = |at: usize| is_cut && is_incomplete(&bytes[at..]);
    let first = (0..bytes.len())
        .filter(|at| may_begin(bytes[*at]))
        .find(|at| escape(&bytes[*at..], kinds).is_some() || is_incomplete(*at))?;
    let mut decoded = Builder::new(view, bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let found = if at < first { None } else { escape(&bytes[at..], kinds) };
        if found.is_none() && at >= first && is_incomplete(at) {
            break;
        }
        let (byte, length) = found.unwrap_or((bytes[at], 1));
        decoded.push(byte, at..at + length);
        at += length;
    }
    Some(decoded.build())
}

fn may_begin(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&' | b'\'' | b'"' | 0xc2 | 0xc3)
}

/// The escape sequence at the start of the text: the decoded byte, and the length of the sequence.
fn escape(text: &[u8], kinds: u8) -> Option<(u8, usize)> {
    match text[0] {
        b'\\' if kinds & BACKSLASHES != 0 => backslash(text),
        b'%' if kinds & PERCENTS != 0 => Some((hexadecimal(text.get(1..3)?)?, 3)),
        b'&' if kinds & ENTITIES != 0 => entity(text),
        b'"' if kinds & DOUBLE_QUOTES != 0 => text.starts_with(b"\"\"").then_some((b'"', 2)),
        b'\'' if kinds & SINGLE_QUOTES != 0 => {
            let forms = [&b"'\"'\"'"[..], b"'\\''", b"''"];
            let form = forms.iter().find(|form| text.starts_with(form))?;
            Some((b'\'', form.len()))
        }
        // UTF-8 of a byte that was read as Latin-1.
        high @ (0xc2 | 0xc3) => {
            let low = text.get(1).filter(|low| (0x80..0xc0).contains(*low))?;
            Some(((high & 3) << 6 | low & 0x3f, 2))
        }
        _ => None,
    }
}

fn backslash(text: &[u8]) -> Option<(u8, usize)> {
    let simple = match text.get(1)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return Some((character(text.get(2..6)?)?, 6)),
        b'x' => return Some((hexadecimal(text.get(2..4)?)?, 4)),
        mark @ (b'\\' | b'"' | b'\'' | b'/' | b'$' | b'`') => *mark,
        _ => return None,
    };
    Some((simple, 2))
}

fn entity(text: &[u8]) -> Option<(u8, usize)> {
    let end = text.iter().take(MAX_ENTITY_LEN).position(|byte| *byte == b';')?;
    let name = &text[1..end];
    let byte = match name {
        [b'#', b'x' | b'X', digits @ ..] => character(digits)?,
        [b'#', digits @ ..] => byte_of(number(digits, 10)?),
        _ => NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?.1,
    };
    Some((byte, end + 1))
}

/// Whether the text is only the beginning of an escape sequence.
fn is_incomplete(text: &[u8]) -> bool {
    let max_len = match text[0] {
        b'\\' => 6,
        b'%' => 3,
        b'&' => MAX_ENTITY_LEN,
        _ => return false,
    };
    text.len() < max_len
        && text[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#')
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    let text = str::from_utf8(digits).ok().filter(|_| digits.iter().all(is_digit))?;
    u32::from_str_radix(text, radix).ok()
}

fn byte_of(code: u32) -> u8 {
    u8::try_from(code).unwrap_or(OTHER)
}

fn character(digits: &[u8]) -> Option<u8> {
    number(digits, 16).map(byte_of)
}

/// The byte that hexadecimal digits stand for.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<u8> {
    number(digits, 16).map(byte_of)
}
