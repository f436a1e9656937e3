//! A text as one decoding of it reads: its bytes, and for each the part of the original text that
//! it was written as. Imports nothing.

use std::{borrow::Cow, ops::Range};

/// See the module.
pub(super) struct View<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    sources: Sources<'a>,
}

enum Sources<'a> {
    /// This is the original.
    Itself,
    /// The beginning and end of each byte.
    Listed(Vec<(u32, u32)>),
    /// So many bits of each of these units, from one of them on.
    Units { units: &'a View<'a>, skipped: usize, bits: usize },
}

impl<'a> View<'a> {
    /// The original.
    pub(super) fn plain(text: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), sources: Sources::Itself }
    }

    /// The bytes that units of so many bits make, from one of them on. `buffer` holds them.
    pub(super) fn joined(
        units: &'a View<'a>,
        skipped: usize,
        bits: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Self {
        buffer.clear();
        let (mut kept, mut held) = (0_u32, 0);
        for value in units.bytes.get(skipped..).unwrap_or_default() {
            kept = kept << bits | u32::from(*value);
            held += bits;
            if held >= 8 {
                held -= 8;
                let [.., byte] = (kept >> held).to_be_bytes();
                buffer.push(byte);
            }
        }
        let sources = Sources::Units { units, skipped, bits };
        Self { bytes: Cow::Borrowed(buffer), sources }
    }

    /// Where a part that is not empty stands in the original.
    pub(super) fn source(&self, part: &Range<usize>) -> Range<usize> {
        match &self.sources {
            Sources::Itself => part.clone(),
            Sources::Listed(sources) => {
                sources[part.start].0 as usize..sources[part.end - 1].1 as usize
            }
            Sources::Units { units, skipped, bits } => {
                let (first, end) = (part.start * 8 / bits, (part.end * 8).div_ceil(*bits));
                units.source(&(skipped + first..skipped + end))
            }
        }
    }

    /// Is this another than the original, and does the part stand in that as it is here?
    pub(super) fn is_known(&self, part: &Range<usize>) -> bool {
        !matches!(self.sources, Sources::Itself) && self.source(part).len() == part.len()
    }
}

/// Makes a view of another, byte by byte.
pub(super) struct Builder<'w> {
    whole: &'w View<'w>,
    bytes: Vec<u8>,
    sources: Vec<(u32, u32)>,
}

impl<'w> Builder<'w> {
    /// With room for so many bytes.
    pub(super) fn new(whole: &'w View<'w>, room: usize) -> Self {
        Self { whole, bytes: Vec::with_capacity(room), sources: Vec::with_capacity(room) }
    }

    /// Adds a byte that `whole` has in this part.
    pub(super) fn push(&mut self, byte: u8, part: Range<usize>) {
        let source = self.whole.source(&part);
        self.bytes.push(byte);
        // A kept text is far shorter than 4 GiB.
        self.sources.push((source.start as u32, source.end as u32));
    }

    pub(super) fn build(self) -> View<'static> {
        View { bytes: Cow::Owned(self.bytes), sources: Sources::Listed(self.sources) }
    }
}
