//! What of an answer is kept: some headers, the beginning of the body as text, and how long the
//! receiver asked to be left alone. All of it is bounded, whatever the receiver sends.

use std::time::Duration;

use encoding_rs::{Encoding, UTF_8};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};

use crate::domain::time::Timestamp;

/// Bytes of a body that are read and kept at most.
const KEEP: usize = 16 * 1024;
/// Header lines that are kept, and bytes of each.
const KEEP_HEADERS: usize = 64;
pub const KEEP_HEADER: usize = 1024;

/// See the module.
#[derive(Default)]
pub struct Kept {
    pub headers: Vec<(String, String)>,
    pub retry_after: Option<Duration>,
    /// More came, or would have come, than is kept.
    pub is_cut: bool,
    body: Vec<u8>,
    charset: Option<&'static Encoding>,
}

impl Kept {
    /// Keeps what is wanted of an answer's headers.
    pub fn head(&mut self, headers: &HeaderMap, now: Timestamp) {
        self.retry_after = retry_after(headers, now);
        self.charset = headers.get(CONTENT_TYPE).and_then(charset);
        self.headers = readable(headers);
    }

    /// Keeps a piece of the body. Is there room for more?
    pub fn take(&mut self, chunk: &[u8]) -> bool {
        let room = KEEP - self.body.len();
        self.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        self.is_cut |= chunk.len() > room;
        !self.is_cut
    }

    /// The body as text, and whether something is missing from it.
    pub fn into_text(self) -> (String, bool) {
        let (text, is_cut) = match self.charset {
            Some(charset) => decoded(&self.body, charset, self.is_cut),
            None => text_of(&self.body),
        };
        (text, is_cut || self.is_cut)
    }
}

/// `Retry-After` in seconds or as a date; anything else, and anything absurdly long, is as if it
/// were not there.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    const LONGEST: usize = 128;
    let value =
        headers.get(RETRY_AFTER)?.to_str().ok().filter(|value| value.len() <= LONGEST)?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let at = Timestamp(i64::try_from(since.as_millis()).ok()?);
    Some(now.until(at))
}

fn readable(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        String::from_utf8_lossy(&bytes[..bytes.len().min(KEEP_HEADER)]).into_owned()
    };
    headers.iter().take(KEEP_HEADERS).map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The charset that a content type names, where it is one we know and not UTF-8.
fn charset(content_type: &HeaderValue) -> Option<&'static Encoding> {
    let parameters = content_type.as_bytes().split(|byte| *byte == b';').skip(1);
    let named = parameters.filter_map(|parameter| {
        let at = parameter.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (parameter[..at].trim_ascii(), parameter[at + 1..].trim_ascii());
        let value =
            value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        name.eq_ignore_ascii_case(b"charset").then_some(value)
    });
    named.filter_map(Encoding::for_label).find(|encoding| *encoding != UTF_8)
}

/// Decodes a body of another charset. A character that was cut in half at the end is left out.
fn decoded(body: &[u8], charset: &'static Encoding, is_cut: bool) -> (String, bool) {
    let mut decoder = charset.new_decoder();
    let room = decoder.max_utf8_buffer_length(body.len()).unwrap_or(KEEP);
    let mut text = String::with_capacity(room);
    let (_result, _read, _had_errors) = decoder.decode_to_string(body, &mut text, !is_cut);
    bounded(text)
}

/// UTF-8. What is not is shown as replacement characters; a character cut in half counts as cut.
fn text_of(body: &[u8]) -> (String, bool) {
    match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(error) if error.error_len().is_none() => {
            (String::from_utf8_lossy(&body[..error.valid_up_to()]).into_owned(), true)
        }
        Err(_) => bounded(String::from_utf8_lossy(body).into_owned()),
    }
}

/// A replacement character, or one of another charset, can be longer than what it stands for: the
/// text is bounded too.
fn bounded(mut text: String) -> (String, bool) {
    let is_cut = text.len() > KEEP;
    text.truncate(text.floor_char_boundary(KEEP));
    (text, is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_takes_seconds_and_dates_and_survives_nonsense() {
        let now = Timestamp(1_700_000_000_000);
        let read = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(read(b"120"), Some(Duration::from_secs(120)));
        assert_eq!(read(b"Tue, 14 Nov 2023 22:14:20 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(read(b"Tue, 14 Nov 2000 22:14:20 GMT"), Some(Duration::ZERO));
        assert_eq!(read(b"18446744073709551615"), Some(Duration::from_secs(u64::MAX)));
        for nonsense in [
            &b"-1"[..],
            b"1e308",
            b"soon",
            b"",
            b"1000000000000000000000",
            &[b'9'; 200],
            b"\xff\xfe",
        ] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
    }

    fn read(content_type: &'static str, body: &[u8]) -> (String, bool) {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let mut kept = Kept::default();
        kept.head(&headers, Timestamp(0));
        kept.take(body);
        kept.into_text()
    }

    #[test]
    fn bodies_become_text_whatever_they_are() {
        assert_eq!(text_of("é".as_bytes()), ("é".into(), false));
        assert_eq!(text_of(&"é".as_bytes()[..1]), (String::new(), true));
        assert_eq!(text_of(b"a\xffb").0, "a\u{fffd}b");
        let (text, is_cut) = text_of(&[0xff; KEEP]);
        assert!(text.len() <= KEEP && is_cut, "{} bytes", text.len());
    }

    #[test]
    fn a_body_is_decoded_by_its_charset() {
        let rows: [(&'static str, &[u8], &str); 9] = [
            ("text/html; charset=iso-8859-1", b"caf\xe9", "café"),
            ("text/plain;charset=\"Windows-1252\"", b"\x80 5", "€ 5"),
            ("text/plain; boundary=x; CHARSET=Shift_JIS", b"\x93\xfa\x96{", "日本"),
            ("text/plain; charset=gb18030", b"\xc4\xe3", "你"),
            ("application/json; charset=utf-16le", b"\xff\xfe{\0}\0", "{}"),
            ("application/json; charset=utf-8", "é".as_bytes(), "é"),
            ("application/json", "é".as_bytes(), "é"),
            ("text/plain; charset=klingon", "é".as_bytes(), "é"),
            ("text/plain; charset", b"a", "a"),
        ];
        for (content_type, body, text) in rows {
            assert_eq!(read(content_type, body), (text.to_owned(), false), "{content_type}");
        }
    }

    #[test]
    fn what_is_decoded_is_bounded_and_never_ends_in_half_a_character() {
        // 8,192 characters of two bytes become three bytes each.
        let (text, is_cut) = read("text/plain; charset=utf-16be", &b"\x65\xe5".repeat(KEEP / 2));
        assert!(
            is_cut && text.len() <= KEEP && text.chars().all(|letter| letter == '日'),
            "{}",
            text.len()
        );
        let (text, is_cut) = read(
            "text/plain; charset=shift_jis",
            &[&[b'a'][..], &b"\x93\xfa".repeat(KEEP)].concat(),
        );
        assert!(is_cut && text.starts_with("a日") && text.ends_with('日'), "{is_cut}");
    }
}
