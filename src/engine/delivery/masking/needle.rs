//! The search for one secret: Knuth, Morris and Pratt's, which takes time in proportion to the text
//! whatever the text is, and knows at its end how much of the secret stands there. Large and small
//! ASCII letters are the same.

use std::ops::Range;

/// See the module.
pub(super) struct Needle {
    /// In small letters.
    bytes: Box<[u8]>,
    /// How much of the beginning is found again just before the end of the first one, two, three ...
    /// bytes.
    again: Box<[usize]>,
    /// It was base64 with padding: its `=` belong to it where they are there.
    is_padded: bool,
}

impl Needle {
    /// Of bytes that are not empty.
    pub(super) fn new(secret: &[u8], is_padded: bool) -> Self {
        let bytes = secret.to_ascii_lowercase().into_boxed_slice();
        let mut again = vec![0; bytes.len()];
        let mut length = 0;
        for at in 1..bytes.len() {
            while length > 0 && bytes[at] != bytes[length] {
                length = again[length - 1];
            }
            length += usize::from(bytes[at] == bytes[length]);
            again[at] = length;
        }
        Self { bytes, again: again.into_boxed_slice(), is_padded }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Tells `found` each part of the text that is the secret. Returns how much of its beginning the
    /// text ends with.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) -> usize {
        let mut length = 0;
        for (at, byte) in text.iter().enumerate() {
            let byte = byte.to_ascii_lowercase();
            while length > 0 && self.bytes[length] != byte {
                length = self.again[length - 1];
            }
            length += usize::from(self.bytes[length] == byte);
            if length == self.bytes.len() {
                found(at + 1 - length..self.padded(text, at + 1));
                length = self.again[length - 1];
            }
        }
        length
    }

    fn padded(&self, text: &[u8], end: usize) -> usize {
        let padding = text[end..].iter().take_while(|byte| **byte == b'=').count();
        if self.is_padded { end + padding } else { end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_overlaps_and_what_has_begun() {
        let rows: [(&str, &str, &[Range<usize>], usize); 6] = [
            ("abab", "xABABABx", &[1..5, 3..7], 0),
            ("abab", "abaab", &[], 2),
            ("aaa", "aaaa", &[0..3, 1..4], 2),
            ("aab", "aaab", &[1..4], 0),
            ("é+/x", "é+/", &[], 4),
            ("long", "", &[], 0),
        ];
        for (secret, text, parts, begun) in rows {
            let mut found = Vec::new();
            let needle = Needle::new(secret.as_bytes(), false);
            let rest = needle.find(text.as_bytes(), |part| found.push(part));
            assert_eq!((found.as_slice(), rest), (parts, begun), "{secret} in {text}");
        }
        let mut found = Vec::new();
        Needle::new(b"abcd", true).find(b"abcd== =", |part| found.push(part));
        assert_eq!(found, [0..6]);
    }
}
