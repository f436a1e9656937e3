//! Bytes that are written as something else altogether, and stand in a text as a run of it: base64
//! (also of URLs, also in lines), hexadecimal digits, and lists of decimal numbers.

use std::ops::Range;

use super::view::View;

/// Runs of fewer bytes than this are passed over.
#[derive(Clone, Copy)]
pub(super) struct Least {
    pub(super) bytes: usize,
    /// The same at the end of a text that was cut.
    pub(super) at_cut: Option<usize>,
}

/// What one place of a text is to a run. The last number is its length.
#[derive(Clone, Copy)]
enum Step {
    Unit(u8, usize),
    /// It may stand between two units.
    Between(usize),
    Other(usize),
}

/// A way to write bytes.
struct Form {
    step: fn(&[u8], usize) -> Step,
    /// So many bits has a unit.
    bits: usize,
    /// A byte may begin at so many of the first units: what stands before a run may look as if it
    /// belonged to it.
    beginnings: usize,
    /// The last unit may be cut itself.
    is_long: bool,
}

const FORMS: [Form; 3] = [
    Form { step: sextet, bits: 6, beginnings: 4, is_long: false },
    Form { step: digit, bits: 4, beginnings: 2, is_long: false },
    Form { step: number, bits: 8, beginnings: 1, is_long: true },
];

/// A run: where it stands, and of how many units.
struct Run {
    part: Range<usize>,
    units: usize,
    /// Where to look for the next.
    next: usize,
    is_at_end: bool,
}

/// Tells `each` what every run can be read as, and whether the text was cut at its end.
pub(super) fn unpack(view: &View, least: Least, each: &mut impl FnMut(&View, bool)) {
    for form in &FORMS {
        let mut from = 0;
        while let Some(run) = next_run(&view.bytes, from, form) {
            from = run.next;
            let at_cut = least.at_cut.filter(|_| run.is_at_end);
            let enough = (at_cut.unwrap_or(least.bytes) * 8).div_ceil(form.bits);
            // What stands in the original as it is was read there.
            if run.units >= enough && (at_cut.is_some() || !view.is_known(&run.part)) {
                let units = units(view, &run, form, at_cut.is_some());
                for skipped in 0..form.beginnings {
                    each(&joined(&units, skipped, form.bits), at_cut.is_some());
                }
            }
        }
    }
}

fn next_run(bytes: &[u8], from: usize, form: &Form) -> Option<Run> {
    let mut run = Run { part: from..from, units: 0, next: from, is_at_end: false };
    while run.next < bytes.len() {
        let step = (form.step)(bytes, run.next);
        let (Step::Unit(_, length) | Step::Between(length) | Step::Other(length)) = step;
        match step {
            Step::Unit(..) => {
                let start = if run.units == 0 { run.next } else { run.part.start };
                run.part = start..run.next + length;
                run.units += 1;
            }
            Step::Other(_) if run.units > 0 => return Some(run),
            Step::Between(_) | Step::Other(_) => {}
        }
        run.next += length;
    }
    run.is_at_end = true;
    (run.units > 0).then_some(run)
}

/// The values of a run's units.
fn units(view: &View, run: &Run, form: &Form, is_cut: bool) -> View<'static> {
    let wanted = run.units - usize::from(is_cut && form.is_long);
    let mut units = View::with_room(wanted);
    let mut at = run.part.start;
    while units.bytes.len() < wanted {
        let step = (form.step)(&view.bytes, at);
        let (Step::Unit(_, length) | Step::Between(length) | Step::Other(length)) = step;
        if let Step::Unit(value, _) = step {
            units.push(value, view, at..at + length);
        }
        at += length;
    }
    units
}

/// The bytes that units of so many bits make, from one of them on.
fn joined(units: &View, skipped: usize, bits: usize) -> View<'static> {
    let values = units.bytes.get(skipped..).unwrap_or_default();
    let mut joined = View::with_room(values.len() * bits / 8);
    let (mut kept, mut held) = (0_u32, 0);
    for (at, value) in (skipped..).zip(values) {
        kept = kept << bits | u32::from(*value);
        held += bits;
        if held >= 8 {
            let first = at + 1 - held.div_ceil(bits);
            held -= 8;
            let [.., byte] = (kept >> held).to_be_bytes();
            joined.push(byte, units, first..at + 1);
        }
    }
    joined
}

/// Base64 in lines has breaks between its letters, and perhaps blanks before the next line.
fn sextet(bytes: &[u8], at: usize) -> Step {
    let value = match bytes[at] {
        letter @ b'A'..=b'Z' => letter - b'A',
        letter @ b'a'..=b'z' => letter - b'a' + 26,
        digit @ b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        b' ' | b'\t' | b'\r' | b'\n' => {
            let rest = &bytes[at..];
            let length = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let is_break = rest[..length].iter().any(|byte| matches!(byte, b'\r' | b'\n'));
            return if is_break { Step::Between(length) } else { Step::Other(length) };
        }
        _ => return Step::Other(1),
    };
    Step::Unit(value, 1)
}

fn digit(bytes: &[u8], at: usize) -> Step {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let value = match bytes[at] {
        b'0' if matches!(bytes.get(at + 1), Some(b'x' | b'X')) && is_digit(at + 2) => {
            return Step::Between(2);
        }
        digit @ b'0'..=b'9' => digit - b'0',
        letter @ b'a'..=b'f' => letter - b'a' + 10,
        letter @ b'A'..=b'F' => letter - b'A' + 10,
        b':' | b'-' | b',' | b';' | b'.' | b'_' => return Step::Between(1),
        blank if blank.is_ascii_whitespace() => return Step::Between(1),
        _ => return Step::Other(1),
    };
    Step::Unit(value, 1)
}

fn number(bytes: &[u8], at: usize) -> Step {
    let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    match bytes[at] {
        _ if length > 0 => {
            let text = str::from_utf8(&bytes[at..at + length]).unwrap_or_default();
            text.parse().map_or(Step::Other(length), |value| Step::Unit(value, length))
        }
        b',' | b';' => Step::Between(1),
        blank if blank.is_ascii_whitespace() => Step::Between(1),
        _ => Step::Other(1),
    }
}
