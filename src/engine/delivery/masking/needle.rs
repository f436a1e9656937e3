//! Searches for one secret in linear time, also in hostile text. The usual case, no match, is
//! decided by the fast search of `memchr`. Otherwise the Knuth-Morris-Pratt algorithm finds every
//! match, including overlapping ones, and the longest prefix of the secret that the text ends with.

use std::ops::Range;

use memchr::memmem::Finder;

/// A byte sequence to search for, ignoring ASCII case.
pub(super) struct Needle {
    /// Holds the sequence in lower case.
    finder: Finder<'static>,
    /// KMP failure function: for each prefix, the length of its longest proper suffix that is also
    /// a prefix.
    failure: Box<[u16]>,
    /// The secret was base64 with padding: `=` characters after a match are part of it.
    is_padded: bool,
}

impl Needle {
    /// `secret` has 1 to 65,535 bytes.
    pub(super) fn new(secret: &[u8], is_padded: bool) -> Self {
        let bytes = secret.to_ascii_lowercase();
        let mut failure = vec![0; bytes.len()];
        let mut length = 0_u16;
        for at in 1..bytes.len() {
            while length > 0 && bytes[at] != bytes[usize::from(length)] {
                length = failure[usize::from(length) - 1];
            }
            length += u16::from(bytes[at] == bytes[usize::from(length)]);
            failure[at] = length;
        }
        let finder = Finder::new(&bytes).into_owned();
        Self { finder, failure: failure.into_boxed_slice(), is_padded }
    }

    pub(super) fn len(&self) -> usize {
        self.failure.len()
    }

    /// Calls `found` with the range of every match in `text`, which must be in lower case. If
    /// `is_cut`, returns the length of the secret's longest prefix that the text ends with,
    /// otherwise 0.
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
                length = usize::from(self.failure[length - 1]);
            }
            length += usize::from(bytes[length] == *byte);
            if length == bytes.len() {
                found(at + 1 - length..self.end_with_padding(text, at + 1));
                length = usize::from(self.failure[length - 1]);
            }
        }
        if is_cut { length } else { 0 }
    }

    fn end_with_padding(&self, text: &[u8], end: usize) -> usize {
        // Base64 ends with at most two padding characters.
        let padding = text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        if self.is_padded { end + padding } else { end }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of ranges are what is compared")]
mod tests {
    use super::*;

    #[test]
    fn overlapping_matches_and_a_prefix_at_the_end_are_found() {
        let rows: [(&str, &str, &[Range<usize>], usize); 6] = [
            ("aBab", "xabababx", &[1..5, 3..7], 0),
            ("abab", "abaab", &[], 2),
            ("aaa", "aaaa", &[0..3, 1..4], 2),
            ("aab", "aaab", &[1..4], 0),
            ("é+/x", "é+/", &[], 4),
            ("long", "", &[], 0),
        ];
        for (secret, text, parts, prefix_len) in rows {
            for (is_cut, prefix_len) in [(true, prefix_len), (false, 0)] {
                let mut found = Vec::new();
                let needle = Needle::new(secret.as_bytes(), false);
                let at_end = needle.find(text.as_bytes(), is_cut, |part| found.push(part));
                assert_eq!((found.as_slice(), at_end), (parts, prefix_len), "{secret} in {text}");
            }
        }
        let mut found = Vec::new();
        Needle::new(b"abcd", true).find(b"abcd== =", false, |part| found.push(part));
        assert_eq!(found, [0..6]);
    }
}
