//! Masks a hook's secrets in responses. Some receivers echo the request, and responses are shown to
//! users who may not see the secrets, so they are masked before a response is stored.
//!
//! A secret has too many encoded forms to list. Instead the text is decoded layer by layer, and
//! each decoded byte keeps the range of the original text that it came from ([`view`]). Where a
//! layer contains a secret, that range of the original is masked. [`escapes`] decodes escape
//! sequences, [`mail`] quoted-printable, [`packed`] base64, hexadecimal and number lists;
//! [`needle`] searches. `docs/security/limits.md` lists what is not found.

use std::ops::Range;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use needle::Needle;
use packed::MinLen;
use view::View;

mod escapes;
mod mail;
mod needle;
mod packed;
#[cfg(test)]
mod tests;
mod view;

/// Shorter secrets are not masked: they are placeholders, and would match ordinary text.
const MIN_SECRET_LEN: usize = 8;
/// Minimum length of a secret's prefix that is masked at the end of a truncated text.
const MIN_PREFIX_LEN: usize = 4;
/// If a secret is base64 of at least this many bytes, these bytes are masked in other encodings
/// too.
const MIN_DECODED_LEN: usize = 16;
/// Maximum number of nested escape layers, for example JSON in JSON in JSON.
const MAX_LAYERS: usize = 3;
const MASK: &str = "****";

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The secrets to mask, prepared for searching.
pub struct Masks {
    needles: Vec<Needle>,
}

/// The search in one text.
struct Search<'a> {
    needles: &'a [Needle],
    is_cut: bool,
    /// Length of the original text.
    length: usize,
    /// Ranges of the original text to mask. They can overlap.
    found: Vec<Range<usize>>,
    /// Reused buffer: the current layer in lower case.
    lowercase: Vec<u8>,
}

impl Masks {
    pub fn new(secrets: &[&str]) -> Self {
        let long = secrets.iter().filter(|secret| secret.len() >= MIN_SECRET_LEN);
        Self { needles: long.flat_map(|secret| needles(secret)).collect() }
    }

    /// Masks all secrets in `text`. `is_cut`: the text is truncated and may end in the middle of
    /// one.
    pub fn mask(&self, text: &mut String, is_cut: bool) {
        let Some(shortest) = self.needles.iter().map(Needle::len).min() else { return };
        let at_cut = is_cut.then_some(MIN_PREFIX_LEN);
        if text.len() < at_cut.unwrap_or(shortest) {
            return;
        }
        let min_len = MinLen { bytes: shortest, at_cut };
        let (length, found, lowercase) = (text.len(), Vec::new(), Vec::new());
        let mut search = Search { needles: &self.needles, is_cut, length, found, lowercase };
        search.all_layers(text, min_len);
        if !search.found.is_empty() {
            *text = masked(text, search.found);
        }
    }
}

impl Search<'_> {
    fn all_layers(&mut self, text: &str, min_len: MinLen) {
        let mut view = View::plain(text.as_bytes());
        self.layer(&view, min_len);
        if let Some(mail) = mail::decode(&view, self.is_cut) {
            self.layer(&mail, min_len);
            self.escaped(&mail, self.is_cut);
        }
        for _ in 0..MAX_LAYERS {
            let Some(next) = escapes::decode(&view, escapes::ALL, self.is_cut) else { return };
            self.layer(&next, min_len);
            view = next;
        }
    }

    /// Searches a layer, and everything that is packed in it.
    fn layer(&mut self, view: &View, min_len: MinLen) {
        self.plain(view, self.is_cut);
        packed::unpack(view, min_len, &mut |unpacked, is_cut| {
            self.plain(unpacked, is_cut);
            self.escaped(unpacked, is_cut);
        });
    }

    fn escaped(&mut self, view: &View, is_cut: bool) {
        if let Some(decoded) = escapes::decode(view, escapes::ALL, is_cut) {
            self.plain(&decoded, is_cut);
        }
    }

    fn plain(&mut self, view: &View, is_cut: bool) {
        self.lowercase.clear();
        self.lowercase.extend(view.bytes.iter().map(u8::to_ascii_lowercase));
        for needle in self.needles {
            let found = |part| self.found.push(view.source(&part));
            let prefix_len = needle.find(&self.lowercase, is_cut, found);
            if is_cut && prefix_len >= MIN_PREFIX_LEN {
                let end = view.bytes.len();
                self.found.push(view.source(&(end - prefix_len..end)).start..self.length);
            }
        }
    }
}

/// The byte sequences to search for: the secret, its JSON form, the bytes it is base64 of, and what
/// unescaping makes of it. The last is needed because a whole layer is unescaped, including a
/// secret that happens to contain what looks like an escape sequence.
fn needles(secret: &str) -> Vec<Needle> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
    let plain = View::plain(secret.as_bytes());
    let unescaped = (1..=escapes::ALL).filter_map(|kinds| escapes::decode(&plain, kinds, false));
    let mut others: Vec<Vec<u8>> = unescaped.map(|view| view.bytes.into_owned()).collect();
    others.push(json.as_bytes().to_vec());
    others.extend(BASE64.decode(secret).ok().filter(|bytes| bytes.len() >= MIN_DECODED_LEN));
    others.retain(|other| other.len() >= MIN_SECRET_LEN && other != secret.as_bytes());
    others.sort_unstable();
    others.dedup();
    let bare = secret.trim_end_matches('=');
    let first = if bare.len() < MIN_SECRET_LEN { secret } else { bare };
    let is_padded = first != secret;
    let first = Needle::new(first.as_bytes(), is_padded);
    let others = others.iter().map(|other| Needle::new(other, is_padded));
    std::iter::once(first).chain(others).collect()
}

/// The text with these ranges masked. They may overlap and have any order.
fn masked(text: &str, mut parts: Vec<Range<usize>>) -> String {
    parts.sort_unstable_by_key(|part| part.start);
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    for part in parts {
        // A range of bytes can begin or end inside of a character.
        let (from, until) =
            (text.floor_char_boundary(part.start), text.ceil_char_boundary(part.end));
        if from > end || end == 0 {
            masked.push_str(&text[end..from]);
            masked.push_str(MASK);
        }
        end = end.max(until);
    }
    masked + &text[end..]
}
