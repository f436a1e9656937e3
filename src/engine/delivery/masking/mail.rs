//! Decodes quoted-printable, as in mail: `=2B` for a byte, and soft line breaks after a `=`. It is
//! a pass of its own and not one of [`escapes`](super::escapes), because `?key=ab` in a URL would
//! be misread. Imports `escapes` and `view` only.

use super::{
    escapes::hexadecimal,
    view::{Builder, View},
};

/// The decoded text; `None` if it contains no quoted-printable sequence. `is_cut`: an incomplete
/// sequence at the end of a truncated text is dropped.
pub(super) fn decode(view: &View, is_cut: bool) -> Option<View<'static>> {
    let bytes = &*view.bytes;
    let escape_at = |at: usize| match bytes[at] {
        b'=' if is_cut && at + 2 >= bytes.len() => Some((None, bytes.len() - at)),
        b'=' => escape(&bytes[at..]),
        _ => None,
    };
    let first = (0..bytes.len()).find(|at| escape_at(*at).is_some())?;
    let mut decoded = Builder::new(view, bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let found = if at < first { None } else { escape_at(at) };
        let (byte, length) = found.unwrap_or((Some(bytes[at]), 1));
        if let Some(byte) = byte {
            decoded.push(byte, at..at + length);
        }
        at += length;
    }
    Some(decoded.build())
}

/// The sequence at the start of the text: the decoded byte (`None` for a soft line break), and its
/// length.
fn escape(text: &[u8]) -> Option<(Option<u8>, usize)> {
    if let Some(byte) = text.get(1..3).and_then(hexadecimal) {
        return Some((Some(byte), 3));
    }
    match text[1..] {
        [b'\n', ..] => Some((None, 2)),
        [b'\r', b'\n', ..] => Some((None, 3)),
        _ => None,
    }
}
