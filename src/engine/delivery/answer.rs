//! The part of a response that is stored with an attempt: some headers, the start of the body as
//! text, and the delay from `Retry-After`. Every size is limited here, because the receiver is not
//! trusted. Pure: it reads what `attempt` passes in.

use std::time::Duration;

use encoding_rs::{Encoding, UTF_8};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};

use crate::domain::time::Timestamp;

/// Maximum bytes of a body that are read and stored.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Maximum number of stored header lines, and of bytes per value.
const MAX_HEADERS: usize = 64;
pub const MAX_HEADER_BYTES: usize = 1024;

/// A response while it is read: bounded headers and body.
#[derive(Default)]
pub struct CapturedResponse {
    pub headers: Vec<(String, String)>,
    pub retry_after: Option<Duration>,
    /// The body is truncated: it was larger than the limit, or reading ended early.
    pub is_cut: bool,
    body: Vec<u8>,
    /// `None` means UTF-8.
    charset: Option<&'static Encoding>,
}

impl CapturedResponse {
    /// Stores the headers, and reads the charset and `Retry-After` from them.
    pub fn capture_headers(&mut self, headers: &HeaderMap, now: Timestamp) {
        self.retry_after = retry_after(headers, now);
        self.charset = headers.get(CONTENT_TYPE).and_then(charset);
        self.headers = headers_as_text(headers);
    }

    /// Appends a chunk of the body. Returns `false` once the limit was exceeded: stop reading then.
    pub fn push(&mut self, chunk: &[u8]) -> bool {
        let free = MAX_BODY_BYTES - self.body.len();
        self.body.extend_from_slice(&chunk[..chunk.len().min(free)]);
        self.is_cut |= chunk.len() > free;
        !self.is_cut
    }

    /// The body as text, and whether it is truncated.
    pub fn into_text(self) -> (String, bool) {
        let (text, is_cut) = match self.charset {
            Some(charset) => decode_charset(&self.body, charset, self.is_cut),
            None => decode_utf8(&self.body),
        };
        (text, is_cut || self.is_cut)
    }
}

/// `Retry-After` in seconds or as an HTTP date. Invalid values, and values longer than 128 bytes,
/// are ignored. A date in the past gives zero.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    const MAX_LENGTH: usize = 128;
    let value =
        headers.get(RETRY_AFTER)?.to_str().ok().filter(|value| value.len() <= MAX_LENGTH)?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let at = Timestamp(i64::try_from(since.as_millis()).ok()?);
    Some(now.until(at))
}

/// The first headers of a response as text, with their values shortened.
fn headers_as_text(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_HEADER_BYTES)]).into_owned()
    };
    headers.iter().take(MAX_HEADERS).map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The `charset` parameter of a content type. `None` if it is missing, unknown or UTF-8.
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

/// Decodes a body that is not UTF-8. An incomplete character at the end of a truncated body is
/// dropped.
fn decode_charset(body: &[u8], charset: &'static Encoding, is_cut: bool) -> (String, bool) {
    let mut decoder = charset.new_decoder();
    let capacity = decoder.max_utf8_buffer_length(body.len()).unwrap_or(MAX_BODY_BYTES);
    let mut text = String::with_capacity(capacity);
    let (_result, _read, _had_errors) = decoder.decode_to_string(body, &mut text, !is_cut);
    truncate(text)
}

/// Decodes UTF-8. Invalid bytes become replacement characters. An incomplete character at the end
/// is dropped and reported as a truncation.
fn decode_utf8(body: &[u8]) -> (String, bool) {
    match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(error) if error.error_len().is_none() => {
            (String::from_utf8_lossy(&body[..error.valid_up_to()]).into_owned(), true)
        }
        Err(_) => truncate(String::from_utf8_lossy(body).into_owned()),
    }
}

/// Limits the decoded text too: a replacement character or a converted character can take more
/// bytes than its source.
fn truncate(mut text: String) -> (String, bool) {
    let is_cut = text.len() > MAX_BODY_BYTES;
    text.truncate(text.floor_char_boundary(MAX_BODY_BYTES));
    (text, is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_takes_seconds_and_dates_and_ignores_invalid_values() {
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
        for invalid in [
            &b"-1"[..],
            b"1e308",
            b"soon",
            b"",
            b"1000000000000000000000",
            &[b'9'; 200],
            b"\xff\xfe",
        ] {
            assert_eq!(read(invalid), None, "{invalid:?}");
        }
    }

    fn read(content_type: &'static str, body: &[u8]) -> (String, bool) {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let mut captured = CapturedResponse::default();
        captured.capture_headers(&headers, Timestamp(0));
        captured.push(body);
        captured.into_text()
    }

    #[test]
    fn bytes_that_are_not_utf8_become_bounded_text() {
        assert_eq!(decode_utf8("é".as_bytes()), ("é".into(), false));
        assert_eq!(decode_utf8(&"é".as_bytes()[..1]), (String::new(), true));
        assert_eq!(decode_utf8(b"a\xffb").0, "a\u{fffd}b");
        let (text, is_cut) = decode_utf8(&[0xff; MAX_BODY_BYTES]);
        assert!(text.len() <= MAX_BODY_BYTES && is_cut, "{} bytes", text.len());
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
    fn decoded_text_is_bounded_and_ends_with_a_whole_character() {
        // 8,192 characters of two bytes become three bytes each.
        let (text, is_cut) =
            read("text/plain; charset=utf-16be", &b"\x65\xe5".repeat(MAX_BODY_BYTES / 2));
        assert!(
            is_cut && text.len() <= MAX_BODY_BYTES && text.chars().all(|letter| letter == '日'),
            "{}",
            text.len()
        );
        let (text, is_cut) = read(
            "text/plain; charset=shift_jis",
            &[&[b'a'][..], &b"\x93\xfa".repeat(MAX_BODY_BYTES)].concat(),
        );
        assert!(is_cut && text.starts_with("a日") && text.ends_with('日'), "{is_cut}");
    }
}
