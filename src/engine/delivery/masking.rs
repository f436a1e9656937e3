//! Secrets in what receivers answer. Some answer with the request they got, and what they answer is
//! shown to people who may not see the secrets: this hook's own are replaced before anything is
//! kept.
//!
//! A secret has too many spellings to list them. The text is decoded instead, layer by layer, each
//! byte with the part of the text that it was written as: where a secret reads in any layer, that
//! part of the text is masked. `docs/security/limits.md` says what is not found.

use std::ops::Range;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use needle::Needle;
use packed::Least;
use view::View;

mod escapes;
mod mail;
mod needle;
mod packed;
#[cfg(test)]
mod tests;
mod view;

/// A secret this short is a placeholder: an answer is full of the same letters, and masking them
/// would hide it all.
const SHORTEST: usize = 8;
/// So much of a secret is masked where an answer was cut in the middle of it.
const SHORTEST_END: usize = 4;
/// A secret that is base64 of so many bytes may be echoed in another spelling of these bytes.
const SHORTEST_BYTES: usize = 16;
/// JSON in JSON in JSON.
const LAYERS: usize = 3;
const MASK: &str = "****";

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// See the module.
pub struct Masks {
    needles: Vec<Needle>,
}

/// One text that is looked through.
struct Search<'a> {
    needles: &'a [Needle],
    is_cut: bool,
    /// Length of the original.
    length: usize,
    found: Vec<Range<usize>>,
    /// A layer in small letters.
    folded: Vec<u8>,
}

impl Masks {
    pub fn new(secrets: &[&str]) -> Self {
        let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST);
        Self { needles: long.flat_map(|secret| needles(secret)).collect() }
    }

    /// Masks all of them. `is_cut`: the text may end in the middle of one.
    pub fn mask(&self, text: &mut String, is_cut: bool) {
        let Some(least) = self.needles.iter().map(Needle::len).min() else { return };
        let at_cut = is_cut.then_some(SHORTEST_END);
        if text.len() < at_cut.unwrap_or(least) {
            return;
        }
        let least = Least { bytes: least, at_cut };
        let (length, found, folded) = (text.len(), Vec::new(), Vec::new());
        let mut search = Search { needles: &self.needles, is_cut, length, found, folded };
        search.all(text, least);
        if !search.found.is_empty() {
            *text = masked(text, search.found);
        }
    }
}

impl Search<'_> {
    fn all(&mut self, text: &str, least: Least) {
        let mut view = View::plain(text.as_bytes());
        self.layer(&view, least);
        if let Some(mail) = mail::decode(&view, self.is_cut) {
            self.layer(&mail, least);
            self.escaped(&mail, self.is_cut);
        }
        for _ in 0..LAYERS {
            let Some(next) = escapes::decode(&view, escapes::ALL, self.is_cut) else { return };
            self.layer(&next, least);
            view = next;
        }
    }

    /// Looks for the secrets in a layer, and in what is packed there.
    fn layer(&mut self, view: &View, least: Least) {
        self.plainly(view, self.is_cut);
        packed::unpack(view, least, &mut |unpacked, is_cut| {
            self.plainly(unpacked, is_cut);
            self.escaped(unpacked, is_cut);
        });
    }

    fn escaped(&mut self, view: &View, is_cut: bool) {
        if let Some(decoded) = escapes::decode(view, escapes::ALL, is_cut) {
            self.plainly(&decoded, is_cut);
        }
    }

    fn plainly(&mut self, view: &View, is_cut: bool) {
        self.folded.clear();
        self.folded.extend(view.bytes.iter().map(u8::to_ascii_lowercase));
        for needle in self.needles {
            let found = |part| self.found.push(view.source(&part));
            let begun = needle.find(&self.folded, is_cut, found);
            if is_cut && begun >= SHORTEST_END {
                let end = view.bytes.len();
                self.found.push(view.source(&(end - begun..end)).start..self.length);
            }
        }
    }
}

/// What to look for: the secret, the bytes it is base64 of, and, if it looks as if it were escaped,
/// what would be left of it: a layer is read without knowing where in it the secret is.
fn needles(secret: &str) -> Vec<Needle> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
    let plain = View::plain(secret.as_bytes());
    let read = (1..=escapes::ALL).filter_map(|kinds| escapes::decode(&plain, kinds, false));
    let mut others: Vec<Vec<u8>> = read.map(|view| view.bytes.into_owned()).collect();
    others.push(json.as_bytes().to_vec());
    others.extend(BASE64.decode(secret).ok().filter(|bytes| bytes.len() >= SHORTEST_BYTES));
    others.retain(|other| other.len() >= SHORTEST && other != secret.as_bytes());
    others.sort_unstable();
    others.dedup();
    let bare = secret.trim_end_matches('=');
    let first = if bare.len() < SHORTEST { secret } else { bare };
    let is_padded = first != secret;
    let first = Needle::new(first.as_bytes(), is_padded);
    let others = others.iter().map(|other| Needle::new(other, is_padded));
    std::iter::once(first).chain(others).collect()
}

/// The text with these parts of it masked, whatever their order.
fn masked(text: &str, mut parts: Vec<Range<usize>>) -> String {
    parts.sort_unstable_by_key(|part| part.start);
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for part in parts {
        // What is read as bytes may begin in the middle of a character.
        let (from, until) =
            (text.floor_char_boundary(part.start), text.ceil_char_boundary(part.end));
        if from > end || end == 0 {
            shown.push_str(&text[end..from]);
            shown.push_str(MASK);
        }
        end = end.max(until);
    }
    shown + &text[end..]
}
