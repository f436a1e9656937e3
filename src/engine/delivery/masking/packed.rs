//! Bytes that are written as something else altogether, and stand in a text as a run of it: base64
//! (also of URLs, also in lines), hexadecimal digits, and lists of decimal numbers.

use std::ops::Range;

use super::view::{Builder, View};

/// Runs of fewer bytes than this are passed over.
#[derive(Clone, Copy)]
pub(super) struct Least {
    pub(super) bytes: usize,
    /// The same at the end of a text that was cut.
    pub(super) at_cut: Option<usize>,
}

/// What one place of a text is to a run. It is the same for every byte of what stands between.
enum Step {
    /// A value, and the number of its characters.
    Unit(u8, usize),
    /// It may stand between two units.
    Between,
    /// So many characters that are in no run.
    Other(usize),
}

/// A way to write bytes.
struct Form<S> {
    step: S,
    /// So many bits has a unit.
    bits: usize,
    /// A byte may begin at so many of the first units: what stands before a run may look as if it
    /// belonged to it.
    beginnings: usize,
    /// The last unit of a text that was cut may be cut itself.
    is_cut_within: bool,
}

/// A run: where it stands, of how many units, and whether it reaches the end of the text.
struct Run {
    part: Range<usize>,
    units: usize,
    is_last: bool,
}

/// Tells `each` what every run can be read as, and whether the text was cut at its end.
pub(super) fn unpack(view: &View, least: Least, each: &mut impl FnMut(&View, bool)) {
    let base64 = Form { step: sextet, bits: 6, beginnings: 4, is_cut_within: false };
    let digits = Form { step: digit, bits: 4, beginnings: 2, is_cut_within: false };
    let numbers = Form { step: number, bits: 8, beginnings: 1, is_cut_within: true };
    base64.unpack(view, least, each);
    digits.unpack(view, least, each);
    numbers.unpack(view, least, each);
}

impl<S: Fn(&[u8], usize) -> Step> Form<S> {
    fn unpack(&self, view: &View, least: Least, each: &mut impl FnMut(&View, bool)) {
        let mut buffer = Vec::new();
        let mut from = 0;
        while let Some(run) = self.next(&view.bytes, from, least) {
            from = run.part.end;
            let is_cut = run.is_last && least.at_cut.is_some();
            // What stands in the original as it is was read there.
            if is_cut || !view.is_known(&run.part) {
                let units = self.units(view, &run, is_cut);
                for skipped in 0..self.beginnings {
                    each(&View::joined(&units, skipped, self.bits, &mut buffer), is_cut);
                }
            }
        }
    }

    /// The next run that is long enough.
    fn next(&self, bytes: &[u8], mut from: usize, least: Least) -> Option<Run> {
        let wanted = |least: usize| (least * 8).div_ceil(self.bits);
        let enough = wanted(least.bytes);
        let is_other = |at: &usize| matches!((self.step)(bytes, *at), Step::Other(_));
        while from < bytes.len() {
            // A run has at least as many characters as units. Looking for its end first, most of a
            // text is passed over.
            if from + enough > bytes.len() && least.at_cut.is_none() {
                return None;
            }
            let window = from..(from + enough).min(bytes.len());
            if let Some(at) = window.rev().find(is_other).filter(|_| from + enough <= bytes.len()) {
                from = at + 1;
                continue;
            }
            let run = self.run(bytes, from);
            let at_cut = least.at_cut.filter(|_| run.is_last);
            if run.units > 0 && run.units >= at_cut.map_or(enough, wanted) {
                return Some(run);
            }
            from = run.part.end.max(from + 1);
        }
        None
    }

    /// The run that begins here, however long it is.
    fn run(&self, bytes: &[u8], from: usize) -> Run {
        let (mut at, mut units) = (from, 0);
        while at < bytes.len() {
            at += match (self.step)(bytes, at) {
                Step::Unit(_, length) => {
                    units += 1;
                    length
                }
                Step::Between => 1,
                Step::Other(_) => break,
            };
        }
        Run { part: from..at, units, is_last: at == bytes.len() }
    }

    /// The values of a run's units.
    fn units(&self, view: &View, run: &Run, is_cut: bool) -> View<'static> {
        let wanted = run.units - usize::from(is_cut && self.is_cut_within);
        let mut units = Builder::new(view, wanted);
        let (mut at, mut count) = (run.part.start, 0);
        while count < wanted {
            at += match (self.step)(&view.bytes, at) {
                Step::Unit(value, length) => {
                    units.push(value, at..at + length);
                    count += 1;
                    length
                }
                Step::Between => 1,
                Step::Other(length) => length,
            };
        }
        units.build()
    }
}

fn blank_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes[at - 1].is_ascii_whitespace()
}

/// Base64 in lines has breaks between its letters, and perhaps blanks before the next line.
fn sextet(bytes: &[u8], at: usize) -> Step {
    let value = match bytes[at] {
        letter @ b'A'..=b'Z' => letter - b'A',
        letter @ b'a'..=b'z' => letter - b'a' + 26,
        digit @ b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        b'\r' | b'\n' => return Step::Between,
        b' ' | b'\t' if blank_before(bytes, at) => return Step::Between,
        _ => return Step::Other(1),
    };
    Step::Unit(value, 1)
}

fn digit(bytes: &[u8], at: usize) -> Step {
    let value = match bytes[at] {
        b'0' if matches!(bytes.get(at + 1), Some(b'x' | b'X')) => return Step::Between,
        b'x' | b'X' if at > 0 && bytes[at - 1] == b'0' => return Step::Between,
        digit @ b'0'..=b'9' => digit - b'0',
        letter @ b'a'..=b'f' => letter - b'a' + 10,
        letter @ b'A'..=b'F' => letter - b'A' + 10,
        b':' | b'-' | b',' | b';' | b'.' | b'_' => return Step::Between,
        blank if blank.is_ascii_whitespace() => return Step::Between,
        _ => return Step::Other(1),
    };
    Step::Unit(value, 1)
}

fn number(bytes: &[u8], at: usize) -> Step {
    let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    match bytes[at] {
        _ if digits > 0 => {
            let text = str::from_utf8(&bytes[at..at + digits]).unwrap_or_default();
            text.parse().map_or(Step::Other(digits), |value| Step::Unit(value, digits))
        }
        b',' | b';' => Step::Between,
        blank if blank.is_ascii_whitespace() => Step::Between,
        _ => Step::Other(1),
    }
}
