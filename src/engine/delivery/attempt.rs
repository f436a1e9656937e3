//! One attempt: prepare, send, classify. It always ends before its deadline, reads at most 64 KiB of the answer, and
//! turns whatever happened into an [`Answer`] that a person understands.

use std::{error::Error as StdError, time::Duration};

use reqwest::{
    Client, Response,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};

use super::{
    guard::Guard,
    phases::{self, Mark, mark},
    resolver::LookupError,
    signing,
};
use crate::{
    domain::{
        delivery::{Answer, Attempt},
        endpoint,
        hook::Hook,
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        store::{hooks::Secrets, queue::Open},
    },
};

/// Bytes of an answer's body that are read at most, and that are kept.
const READ: usize = 64 * 1024;
const KEEP: usize = 16 * 1024;
/// Header lines of an answer that are kept, and bytes of each.
const KEEP_HEADERS: usize = 64;
const KEEP_HEADER: usize = 1024;

/// A hook, ready to be sent to: its secrets open, its headers checked.
pub struct Target {
    pub hook: Hook,
    api_key: HeaderValue,
    secret: Vec<u8>,
}

impl Target {
    /// Fails only for a stored key or secret that this program never stores.
    pub fn new(hook: Hook, secrets: &Secrets) -> Option<Self> {
        let mut api_key = HeaderValue::from_str(&secrets.api_key).ok()?;
        api_key.set_sensitive(true);
        Some(Self { hook, api_key, secret: signing::secret_bytes(&secrets.signing_secret)? })
    }
}

/// What the portal dials with, shared by all attempts.
#[derive(Clone)]
pub struct Sender {
    pub client: Client,
    pub guard: Guard,
    pub allow_http: bool,
    pub deadline: Duration,
    pub clock: Clock,
}

/// What came of an attempt, and how long the receiver asked us to wait.
pub struct Report {
    pub attempt: Attempt,
    pub retry_after: Option<Duration>,
}

/// What of the answer is kept.
#[derive(Default)]
struct Kept {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: bool,
    retry_after: Option<Duration>,
    address: Option<String>,
}

/// A failure without an answer, and what more can be said of it.
struct Failure {
    answer: Answer,
    detail: Option<String>,
}

impl Sender {
    /// Sends one delivery once.
    pub async fn send(&self, target: &Target, open: &Open) -> Report {
        let started_at = self.clock.now();
        let watch = self.clock.stopwatch();
        let mut kept = Kept::default();
        // The status decides as soon as it is there: a body that drips on past the deadline does not undo it.
        let mut status = None;
        let exchange = self.exchange(target, open, started_at, &mut status, &mut kept);
        let limited = tokio::time::timeout(target.hook.tuning.timeout.unwrap_or(self.deadline), exchange);
        let (outcome, marked) = phases::timed(watch, limited).await;
        let (answer, detail) = match (outcome, status) {
            (Ok(Err(failure)), None) => (failure.answer, failure.detail),
            (Ok(Err(failure)), Some(status)) => (Answer::Status(status), failure.detail),
            (_, Some(status)) => (Answer::Status(status), None),
            (_, None) => (Answer::Timeout, Some(marked.under_way().to_owned())),
        };
        let (response_body, was_cut) = text_of(&kept.body);
        let attempt = Attempt {
            number: open.attempts + 1,
            started_at,
            duration_ms: watch.millis(),
            answer,
            detail,
            url: target.hook.callback_url.clone(),
            response_headers: kept.headers,
            response_body,
            response_cut: kept.cut || was_cut,
            timing: marked.timing(),
            address: kept.address,
        };
        Report { attempt, retry_after: kept.retry_after }
    }

    async fn exchange(
        &self,
        target: &Target,
        open: &Open,
        started_at: Timestamp,
        status: &mut Option<u16>,
        kept: &mut Kept,
    ) -> Result<(), Failure> {
        // An address in the URL never reaches the resolver, so it is vetted here, before each send.
        let vet = |address| self.guard.may_dial(address);
        let endpoint = endpoint::parse(&target.hook.callback_url, self.allow_http, vet).map_err(|problem| Failure {
            answer: Answer::AddressRefused,
            detail: Some(problem.message().to_owned()),
        })?;
        let request = self.client.post(endpoint.url).headers(headers(target, open, started_at)).body(open.body.clone());
        let mut response = request.send().await.map_err(|error| classify(&error))?;
        mark(Mark::Answered);
        *status = Some(response.status().as_u16());
        kept.address = response.remote_addr().map(|address| address.to_string());
        kept.retry_after = retry_after(response.headers(), started_at);
        kept.headers = readable_headers(response.headers());
        read_body(&mut response, kept).await
    }
}

fn headers(target: &Target, open: &Open, now: Timestamp) -> HeaderMap {
    let id = open.event.to_string();
    let signature = signing::sign(&target.secret, &id, now.seconds(), &open.body);
    let text = |value: &str| HeaderValue::from_str(value).expect("ids, keys and base64 are visible ASCII");
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-api-key", target.api_key.clone());
    headers.insert("x-service-hook-event", HeaderValue::from_static(open.event_type.key()));
    headers.insert("webhook-id", text(&id));
    headers.insert("webhook-timestamp", text(&now.seconds().to_string()));
    headers.insert("webhook-signature", text(&signature));
    if open.is_test {
        headers.insert(HeaderName::from_static("x-service-hook-test"), HeaderValue::from_static("true"));
    }
    headers
}

/// Reads up to the cap and then lets go of the connection; never drains what a receiver goes on sending.
async fn read_body(response: &mut Response, kept: &mut Kept) -> Result<(), Failure> {
    let mut read = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        read += chunk.len();
        let room = KEEP.saturating_sub(kept.body.len());
        kept.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        kept.cut |= chunk.len() > room;
        if read >= READ {
            kept.cut = true;
            break;
        }
    }
    Ok(())
}

/// What went wrong, by the first cause in the chain that we know.
fn classify(error: &reqwest::Error) -> Failure {
    let plain = |answer| Failure { answer, detail: None };
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(lookup) = inner.downcast_ref::<LookupError>() {
            let answer = if *lookup == LookupError::Refused { Answer::AddressRefused } else { Answer::DnsFailed };
            return Failure { answer, detail: Some(lookup.to_string()) };
        }
        if let Some(tls) = tls_cause(inner) {
            return Failure { answer: Answer::TlsFailed, detail: Some(tls.to_string()) };
        }
        cause = inner.source();
    }
    if error.is_timeout() {
        let detail = error.is_connect().then(|| "no connection within the time allowed for connecting".to_owned());
        return Failure { answer: Answer::Timeout, detail };
    }
    if error.is_connect() {
        return Failure { answer: Answer::ConnectFailed, detail: io_kind(error) };
    }
    plain(Answer::BrokenAnswer)
}

/// The TLS error inside a cause: rustls errors travel wrapped in `io::Error`s, which hide them from `source`.
fn tls_cause<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls);
    }
    let inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    tls_cause(inner)
}

/// `connection refused` and the like: the kind, never the address.
fn io_kind(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Some(io.kind().to_string());
        }
        cause = inner.source();
    }
    None
}

/// `Retry-After` in seconds or as a date; anything else, and anything absurdly long, is as if it were not there.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    const LONGEST: usize = 128;
    let value = headers.get(RETRY_AFTER)?.to_str().ok().filter(|value| value.len() <= LONGEST)?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let at = Timestamp(i64::try_from(since.as_millis()).ok()?);
    Some(now.until(at))
}

fn readable_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        String::from_utf8_lossy(&bytes[..bytes.len().min(KEEP_HEADER)]).into_owned()
    };
    headers.iter().take(KEEP_HEADERS).map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The kept bytes as text. What is not UTF-8 is shown as replacement characters; a character cut in half counts as cut.
/// A replacement character is longer than the byte it stands for, so the text is bounded as well as the bytes.
fn text_of(body: &[u8]) -> (String, bool) {
    match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(error) if error.error_len().is_none() => {
            (String::from_utf8_lossy(&body[..error.valid_up_to()]).into_owned(), true)
        }
        Err(_) => {
            let mut text = String::from_utf8_lossy(body).into_owned();
            let is_cut = text.len() > KEEP;
            text.truncate(text.floor_char_boundary(KEEP));
            (text, is_cut)
        }
    }
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
        for nonsense in [&b"-1"[..], b"1e308", b"soon", b"", b"1000000000000000000000", &[b'9'; 200], b"\xff\xfe"] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn bodies_become_text_whatever_they_are() {
        assert_eq!(text_of("é".as_bytes()), ("é".into(), false));
        assert_eq!(text_of(&"é".as_bytes()[..1]), (String::new(), true));
        assert_eq!(text_of(b"a\xffb").0, "a\u{fffd}b");
        let (text, is_cut) = text_of(&[0xff; KEEP]);
        assert!(text.len() <= KEEP && is_cut, "{} bytes", text.len());
    }
}
