//! A decoded text with source positions: for each decoded byte, the range of the original text that
//! it came from. Imports nothing.

use std::{borrow::Cow, ops::Range};

/// The bytes of one decoding, and where they came from.
pub(super) struct View<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    sources: Sources<'a>,
}

enum Sources<'a> {
    /// The view is the original text.
    Original,
    /// Start and end in the original, for each byte.
    Ranges(Vec<(u32, u32)>),
    /// Each byte is joined from `units` of `bits` bits; the first `skipped` units are not used.
    Units { units: &'a View<'a>, skipped: usize, bits: usize },
}

impl<'a> View<'a> {
    /// A view of the original text.
    pub(super) fn plain(text: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), sources: Sources::Original }
    }

    /// Joins units of `bits` bits into bytes, without the first `skipped` units. The result borrows
    /// `buffer`.
    pub(super) fn joined(
        units: &'a View<'a>,
        skipped: usize,
        bits: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Self {
        buffer.clear();
        let (mut accumulator, mut pending_bits) = (0_u32, 0);
        for value in units.bytes.get(skipped..).unwrap_or_default() {
            accumulator = accumulator << bits | u32::from(*value);
            pending_bits += bits;
            if pending_bits >= 8 {
                pending_bits -= 8;
                let [.., byte] = (accumulator >> pending_bits).to_be_bytes();
                buffer.push(byte);
            }
        }
        let sources = Sources::Units { units, skipped, bits };
        Self { bytes: Cow::Borrowed(buffer), sources }
    }

    /// The range of the original text that a part came from. The part must not be empty.
    pub(super) fn source(&self, part: &Range<usize>) -> Range<usize> {
        match &self.sources {
            Sources::Original => part.clone(),
            Sources::Ranges(sources) => {
                sources[part.start].0 as usize..sources[part.end - 1].1 as usize
            }
            Sources::Units { units, skipped, bits } => {
                let (first, end) = (part.start * 8 / bits, (part.end * 8).div_ceil(*bits));
                units.source(&(skipped + first..skipped + end))
            }
        }
    }

    /// Whether this view is a decoding that left the part unchanged (same length as its source).
    pub(super) fn is_unchanged(&self, part: &Range<usize>) -> bool {
        !matches!(self.sources, Sources::Original) && self.source(part).len() == part.len()
    }
}

/// Builds a view that decodes another one, byte by byte.
pub(super) struct Builder<'w> {
    encoded: &'w View<'w>,
    bytes: Vec<u8>,
    sources: Vec<(u32, u32)>,
}

impl<'w> Builder<'w> {
    /// `capacity` is the expected number of decoded bytes.
    pub(super) fn new(encoded: &'w View<'w>, capacity: usize) -> Self {
        Self { encoded, bytes: Vec::with_capacity(capacity), sources: Vec::with_capacity(capacity) }
    }

    /// Adds a byte that was decoded from this part of the encoded view.
    pub(super) fn push(&mut self, byte: u8, part: Range<usize>) {
        let source = self.encoded.source(&part);
        self.bytes.push(byte);
        // The casts cannot truncate: a stored response has at most 16 KiB.
        self.sources.push((source.start as u32, source.end as u32));
    }

    pub(super) fn build(self) -> View<'static> {
        View { bytes: Cow::Owned(self.bytes), sources: Sources::Ranges(self.sources) }
    }
}
