//! A text as one decoding of it reads: its bytes, and for each the part of the original text that it
//! was written as. Imports nothing.

use std::{borrow::Cow, ops::Range};

/// See the module.
pub(super) struct View<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// Where each byte comes from, as its beginning and end. `None`: this is the original.
    sources: Option<Vec<(u32, u32)>>,
}

impl<'a> View<'a> {
    /// The original.
    pub(super) fn plain(text: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(text), sources: None }
    }

    /// An empty one with room for so many bytes, to be filled with `push`.
    pub(super) fn with_room(bytes: usize) -> Self {
        let sources = Some(Vec::with_capacity(bytes));
        Self { bytes: Cow::Owned(Vec::with_capacity(bytes)), sources }
    }

    /// Adds a byte that `whole` has in this part.
    pub(super) fn push(&mut self, byte: u8, whole: &View, part: Range<usize>) {
        let source = whole.source(&part);
        self.bytes.to_mut().push(byte);
        if let Some(sources) = &mut self.sources {
            // A kept text is far shorter than 4 GiB.
            sources.push((source.start as u32, source.end as u32));
        }
    }

    /// Where a part that is not empty stands in the original.
    pub(super) fn source(&self, part: &Range<usize>) -> Range<usize> {
        let Some(sources) = &self.sources else { return part.clone() };
        sources[part.start].0 as usize..sources[part.end - 1].1 as usize
    }

    /// Is this another than the original, and does the part stand in that as it is here?
    pub(super) fn is_known(&self, part: &Range<usize>) -> bool {
        self.sources.is_some() && self.source(part).len() == part.len()
    }
}
