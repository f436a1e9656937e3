//! The search for one secret, in time that grows with the text only, whatever the text is. Where
//! the secret is not there at all, which is nearly always, the library's search says so fast.
//! Otherwise that of Knuth, Morris and Pratt finds every place, also where two overlap, and how
//! much of the secret the text ends with.

use std::ops::Range;

use memchr::memmem::Finder;

/// See the module.
pub(super) struct Needle {
    /// For the secret in small letters.
    finder: Finder<'static>,
    /// For its first one, two, three ... bytes: how many of them at their end are a beginning of it
    /// again.
    again: Box<[u16]>,
    /// It was base64 with padding: its `=` belong to it where they are there.
    is_padded: bool,
}

impl Needle {
    /// Of 1 to 65,535 bytes.
    pub(super) fn new(secret: &[u8], is_padded: bool) -> Self {
        let bytes = secret.to_ascii_lowercase();
        let mut again = vec![0; bytes.len()];
        let mut length = 0_u16;
        for at in 1..bytes.len() {
            while length > 0 && bytes[at] != bytes[usize::from(length)] {
                length = again[usize::from(length) - 1];
            }
            length += u16::from(bytes[at] == bytes[usize::from(length)]);
            again[at] = length;
        }
        let finder = Finder::new(&bytes).into_owned();
        Self { finder, again: again.into_boxed_slice(), is_padded }
    }

    pub(super) fn len(&self) -> usize {
        self.again.len()
    }

    /// Tells `found` each part of the text, which has small letters only, that is the secret. If
    /// the text was cut, returns how much of the secret's beginning it ends with.
    pub(super) fn find(
        &self,
        text: &[u8],
        is_cut: bool,
        mut found: impl FnMut(Range<usize>),
    ) -> usize {
        let from = match self.finder.find(text) {
            Some(at) => at,
            None if is_cut => text.len().saturating_sub(self.len() - 1),
            None => return 0,
        };
        let bytes = self.finder.needle();
        let mut length = 0;
        for (at, byte) in text.iter().enumerate().skip(from) {
            while length > 0 && bytes[length] != *byte {
                length = usize::from(self.again[length - 1]);
            }
            length += usize::from(bytes[length] == *byte);
            if length == bytes.len() {
                found(at + 1 - length..self.padded(text, at + 1));
                length = usize::from(self.again[length - 1]);
            }
        }
        if is_cut { length } else { 0 }
    }

    fn padded(&self, text: &[u8], end: usize) -> usize {
        // Base64 has two at most.
        let padding = text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        if self.is_padded { end + padding } else { end }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of ranges are what is compared")]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_overlaps_and_what_has_begun() {
        let rows: [(&str, &str, &[Range<usize>], usize); 6] = [
            ("aBab", "xabababx", &[1..5, 3..7], 0),
            ("abab", "abaab", &[], 2),
            ("aaa", "aaaa", &[0..3, 1..4], 2),
            ("aab", "aaab", &[1..4], 0),
            ("é+/x", "é+/", &[], 4),
            ("long", "", &[], 0),
        ];
        for (secret, text, parts, begun) in rows {
            for (is_cut, begun) in [(true, begun), (false, 0)] {
                let mut found = Vec::new();
                let needle = Needle::new(secret.as_bytes(), false);
                let rest = needle.find(text.as_bytes(), is_cut, |part| found.push(part));
                assert_eq!((found.as_slice(), rest), (parts, begun), "{secret} in {text}");
            }
        }
        let mut found = Vec::new();
        Needle::new(b"abcd", true).find(b"abcd== =", false, |part| found.push(part));
        assert_eq!(found, [0..6]);
    }
}
