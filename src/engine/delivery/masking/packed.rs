//! Finds and decodes runs of packed bytes in a text: base64 (also URL-safe, also in lines),
//! hexadecimal digits, and lists of decimal numbers. A *unit* is one base64 character, hexadecimal
//! digit or number; a *run* is a sequence of units with separators between them. Imports `view`
//! only.

use std::ops::Range;

use super::view::{Builder, View};

/// Minimum decoded length of a run. Shorter ones cannot contain a secret and are skipped.
#[derive(Clone, Copy)]
pub(super) struct MinLen {
    pub(super) bytes: usize,
    /// The minimum for a run at the end of a truncated text; `None` if the text is complete.
    pub(super) at_cut: Option<usize>,
}

/// How a position of the text is classified. Each byte of a separator must be classified alike.
enum Step {
    /// A unit: its value, and its number of characters.
    Unit(u8, usize),
    /// A separator that may stand between two units.
    Separator,
    /// This many characters that belong to no run.
    Other(usize),
}

/// An encoding of bytes.
struct Encoding<S> {
    step: S,
    /// Bits per unit.
    bits: usize,
    /// How many alignments to try: text before the encoded bytes can look like part of the run, so
    /// the first byte may start at any of the first units.
    alignments: usize,
    /// The last unit of a truncated text may itself be truncated, and is then dropped.
    may_cut_unit: bool,
}

/// A run: its range, its number of units, and whether it reaches the end of the text.
struct Run {
    range: Range<usize>,
    units: usize,
    is_last: bool,
}

/// Calls `each` with every possible decoding of every run, and whether the run is truncated.
pub(super) fn unpack(view: &View, min_len: MinLen, each: &mut impl FnMut(&View, bool)) {
    let base64 = Encoding { step: base64_step, bits: 6, alignments: 4, may_cut_unit: false };
    let hex = Encoding { step: hex_step, bits: 4, alignments: 2, may_cut_unit: false };
    let numbers = Encoding { step: number_step, bits: 8, alignments: 1, may_cut_unit: true };
    base64.unpack(view, min_len, each);
    hex.unpack(view, min_len, each);
    numbers.unpack(view, min_len, each);
}

impl<S: Fn(&[u8], usize) -> Step> Encoding<S> {
    fn unpack(&self, view: &View, min_len: MinLen, each: &mut impl FnMut(&View, bool)) {
        let mut buffer = Vec::new();
        let mut from = 0;
        while let Some(run) = self.next_run(&view.bytes, from, min_len) {
            from = run.range.end;
            let is_cut = run.is_last && min_len.at_cut.is_some();
            // A run that this layer did not change was already searched in the original.
            if is_cut || !view.is_unchanged(&run.range) {
                let units = self.units(view, &run, is_cut);
                for skipped in 0..self.alignments {
                    each(&View::joined(&units, skipped, self.bits, &mut buffer), is_cut);
                }
            }
        }
    }

    /// The next run that is long enough.
    fn next_run(&self, bytes: &[u8], mut from: usize, min_len: MinLen) -> Option<Run> {
        let units_for = |bytes: usize| (bytes * 8).div_ceil(self.bits);
        let min_units = units_for(min_len.bytes);
        let is_other = |at: &usize| matches!((self.step)(bytes, *at), Step::Other(_));
        while from < bytes.len() {
            // A run has at least as many characters as units. So a character that belongs to no run
            // is searched backwards from the minimum length: most of the text is skipped unread.
            if from + min_units > bytes.len() && min_len.at_cut.is_none() {
                return None;
            }
            let window = from..(from + min_units).min(bytes.len());
            let is_whole_window = from + min_units <= bytes.len();
            if let Some(at) = window.rev().find(is_other).filter(|_| is_whole_window) {
                from = at + 1;
                continue;
            }
            let run = self.run_at(bytes, from);
            let at_cut = min_len.at_cut.filter(|_| run.is_last);
            if run.units > 0 && run.units >= at_cut.map_or(min_units, units_for) {
                return Some(run);
            }
            from = run.range.end.max(from + 1);
        }
        None
    }

    /// The run that begins at `from`. It may be empty.
    fn run_at(&self, bytes: &[u8], from: usize) -> Run {
        let (mut at, mut units) = (from, 0);
        while at < bytes.len() {
            at += match (self.step)(bytes, at) {
                Step::Unit(_, length) => {
                    units += 1;
                    length
                }
                Step::Separator => 1,
                Step::Other(_) => break,
            };
        }
        Run { range: from..at, units, is_last: at == bytes.len() }
    }

    /// The values of a run's units.
    fn units(&self, view: &View, run: &Run, is_cut: bool) -> View<'static> {
        let total = run.units - usize::from(is_cut && self.may_cut_unit);
        let mut units = Builder::new(view, total);
        let (mut at, mut count) = (run.range.start, 0);
        while count < total {
            at += match (self.step)(&view.bytes, at) {
                Step::Unit(value, length) => {
                    units.push(value, at..at + length);
                    count += 1;
                    length
                }
                Step::Separator => 1,
                Step::Other(length) => length,
            };
        }
        units.build()
    }
}

fn follows_whitespace(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1].is_ascii_whitespace()
}

/// Base64 in lines has line breaks between units, and perhaps an indentation after them.
fn base64_step(bytes: &[u8], at: usize) -> Step {
    let value = match bytes[at] {
        letter @ b'A'..=b'Z' => letter - b'A',
        letter @ b'a'..=b'z' => letter - b'a' + 26,
        digit @ b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        b'\r' | b'\n' => return Step::Separator,
        b' ' | b'\t' if follows_whitespace(bytes, at) => return Step::Separator,
        _ => return Step::Other(1),
    };
    Step::Unit(value, 1)
}

fn hex_step(bytes: &[u8], at: usize) -> Step {
    let value = match bytes[at] {
        b'0' if matches!(bytes.get(at + 1), Some(b'x' | b'X')) => return Step::Separator,
        b'x' | b'X' if at > 0 && bytes[at - 1] == b'0' => return Step::Separator,
        digit @ b'0'..=b'9' => digit - b'0',
        letter @ b'a'..=b'f' => letter - b'a' + 10,
        letter @ b'A'..=b'F' => letter - b'A' + 10,
        b':' | b'-' | b',' | b';' | b'.' | b'_' => return Step::Separator,
        blank if blank.is_ascii_whitespace() => return Step::Separator,
        _ => return Step::Other(1),
    };
    Step::Unit(value, 1)
}

fn number_step(bytes: &[u8], at: usize) -> Step {
    let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    match bytes[at] {
        _ if digits > 0 => {
            let text = str::from_utf8(&bytes[at..at + digits]).unwrap_or_default();
            text.parse().map_or(Step::Other(digits), |value| Step::Unit(value, digits))
        }
        b',' | b';' => Step::Separator,
        blank if blank.is_ascii_whitespace() => Step::Separator,
        _ => Step::Other(1),
    }
}
