//! Fuzz targets for the parsers of untrusted input: one function for each parser, which panics when
//! an invariant is violated. `fuzz/` calls them with generated input, `src/tests/corpus.rs` with
//! the stored corpus.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use futures::FutureExt;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, RETRY_AFTER};
use leptos::server_fn::codec::{FromReq, PostUrl};
use tower_sessions::session::Id;

use crate::{
    domain::{
        contract::BodyCheck,
        delivery::Answer,
        endpoint::{self, Host},
        hook::{ApiKey, parse_event_type, parse_name},
        retry::{AttemptFacts, LONGEST_WAIT, RetryPolicy, Verdict, classify},
        time::Timestamp,
        tuning,
    },
    engine::{
        catalogue::check,
        clock::Clock,
        delivery::{answer::CapturedResponse, guard::Guard, masking::Masks},
        dispatcher::Emit,
        store::secrets::Vault,
    },
    http::{api::v1::requests::event as events, request_id},
    portal::auth::{browser::KNOWN, session},
    rpc::hooks::Update,
    view::{hooks::PostedHook, words::failure::diagnose},
};

type Target = fn(&[u8]);

/// All targets by name. The corpus of a target is in `fuzz/corpus/NAME`.
pub const TARGETS: &[(&str, Target)] = &[
    ("address", address),
    ("answer", answer),
    ("cookie", cookie),
    ("event", event),
    ("form", form),
    ("retry_after", retry_after),
];

/// The body of `POST /api/v1/events`. An accepted payload is a substring of the input, and parses
/// to the same event again.
pub fn event(data: &[u8]) {
    let Ok(emitted) = events::read(&Bytes::copy_from_slice(data)) else { return };
    for event in emitted {
        let text = std::str::from_utf8(&event.body).expect("a body is JSON, and JSON is UTF-8");
        assert!(String::from_utf8_lossy(data).contains(text), "the payload is a part of the input");
        if check(event.event_type, text) == BodyCheck::Valid {
            let body: Option<serde_json::Value> = serde_json::from_str(text).ok();
            assert!(body.is_some_and(|body| body.is_object()), "{text}");
        }
        let request = format!(r#"{{"data":{text},"type":"{}"}}"#, event.event_type.key());
        let again = events::read(&Bytes::from(request))
            .unwrap_or_else(|_| panic!("{text} parses only once"));
        let is_same =
            |again: &Emit| again.body == event.body && again.event_type == event.event_type;
        assert!(again.len() == 1 && is_same(&again[0]), "{text}");
    }
}

/// The hook form of the portal. A parsed form parses to the same values after it is encoded again,
/// and accepted field values stay accepted.
pub fn form(data: &[u8]) {
    let Some(posted) = parse_form(data.to_vec()) else { return };
    let (form, enabled) = (&posted.form, posted.form.enabled.to_string());
    let fields = [
        ("id", &posted.id),
        ("version", &posted.version),
        ("name", &form.name),
        ("event_type", &form.event_type),
        ("callback_url", &form.callback_url),
        ("api_key", &form.api_key),
        ("enabled", &enabled),
        ("draft", &posted.draft),
    ];
    let tuning_fields = form.tuning.fields();
    let settings =
        tuning_fields.iter().map(|field| (format!("tuning[{}]", field.name), field.value));
    let encoded = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .extend_pairs(settings)
        .finish();
    let again = parse_form(encoded.clone().into_bytes())
        .unwrap_or_else(|| panic!("{encoded} cannot be parsed"));
    assert!(again == posted, "{encoded}");
    if let Ok(name) = parse_name(&form.name) {
        assert_eq!(parse_name(&name), Ok(name.clone()));
    }
    if let Ok(key) = ApiKey::parse(&form.api_key) {
        let key = key.expose();
        HeaderValue::from_str(key).unwrap_or_else(|_| panic!("{key} cannot be sent"));
    }
    let _known = parse_event_type(&form.event_type);
    if let Ok(tuned) = tuning::parse(&form.tuning) {
        assert_eq!(tuning::parse(&tuning::typed(&tuned)), Ok(tuned));
    }
}

fn parse_form(body: Vec<u8>) -> Option<PostedHook> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body));
    let request = request.expect("the request is well formed");
    let parsed = <Update as FromReq<PostUrl, Request, crate::view::Error>>::from_req(request);
    let parsed = parsed.now_or_never().expect("the body is there already");
    parsed.ok().map(|update| update.posted)
}

/// A callback URL, or the bytes of an IP address. No forbidden address is allowed, and the
/// normalised URL gives the same result as the typed one.
pub fn address(data: &[u8]) {
    let strict = Guard::new(&[]);
    let wide =
        Guard::new(&["0.0.0.0/0", "::/0"].map(|range| range.parse().expect("a constant range")));
    if let Ok(bytes) = <[u8; 16]>::try_from(data) {
        check_guard(&strict, &wide, Ipv6Addr::from(bytes).into());
    }
    if let Ok(bytes) = <[u8; 4]>::try_from(data) {
        check_guard(&strict, &wide, Ipv4Addr::from(bytes).into());
    }
    let Ok(raw) = std::str::from_utf8(data) else { return };
    let Ok(endpoint) = endpoint::parse(raw, true, |address| strict.may_dial(address)) else {
        return;
    };
    match &endpoint.host {
        Host::Ip(address) => {
            assert!(strict.may_dial(*address) && !is_surely_forbidden(*address), "{raw}")
        }
        Host::Name { name, .. } => {
            assert!(name.parse::<IpAddr>().is_err() && name.is_ascii(), "{raw}")
        }
    }
    let url = &endpoint.url;
    assert!(
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none(),
        "{raw}"
    );
    assert!(url.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{raw}");
    let again = endpoint::parse(url.as_str(), true, |address| strict.may_dial(address));
    assert_eq!(again.as_ref(), Ok(&endpoint), "{raw}");
}

fn check_guard(strict: &Guard, wide: &Guard, address: IpAddr) {
    assert!(!strict.may_dial(address) || !is_surely_forbidden(address), "{address}");
    assert!(!strict.may_dial_resolved(address) || !is_surely_forbidden(address), "{address}");
    let is_metadata = matches!(address, IpAddr::V4(address) if address.is_link_local());
    assert!(
        !is_metadata || !wide.may_dial(address) && !wide.may_dial_resolved(address),
        "{address}"
    );
    assert!(!strict.refusal_reason(address).is_empty());
}

/// The standard library's classification, also for IPv4 addresses embedded in IPv6. It is
/// independent of the guard's own tables.
fn is_surely_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            let embedded = address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0]
                || address.to_ipv4_mapped().is_some();
            let [.., a, b, c, d] = address.octets();
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || embedded && is_surely_forbidden(Ipv4Addr::new(a, b, c, d).into())
        }
    }
}

/// `Retry-After`. The resulting delay is within the limits for any value.
pub fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut response = CapturedResponse::default();
    response.capture_headers(
        &HeaderMap::from_iter([(RETRY_AFTER, value)]),
        Timestamp(1_700_000_000_000),
    );
    let policy = RetryPolicy::default();
    for (status, uncounted) in [(429, 0), (503, 0), (429, u32::MAX), (500, 0)] {
        let answer = Answer::Status(status);
        let facts = AttemptFacts {
            counted: 0,
            uncounted,
            is_probe: false,
            answer,
            retry_after: response.retry_after,
        };
        match classify(&policy.schedule, policy.longest_wait, &facts, 0.999) {
            Verdict::RetryIn(wait) | Verdict::Postpone(wait) => {
                assert!(wait.as_secs() >= 1 && wait <= LONGEST_WAIT.mul_f64(1.1), "{wait:?}");
            }
            other => panic!("{status} came to {other:?}"),
        }
    }
}

/// Cookies and the request id. Only well-formed session ids are looked up, sealed cookies cannot be
/// forged, and a request id from a client cannot break a log line.
pub fn cookie(data: &[u8]) {
    static VAULT: LazyLock<Vault> =
        LazyLock::new(|| Vault::from_key_file(&[7; 32]).expect("the key is long enough"));
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    for url in ["http://127.0.0.1:3000", "https://hooks.example.org"] {
        let name = session::cookie_name(url);
        let mut headers = HeaderMap::from_iter([(COOKIE, value.clone())]);
        let found = session::without_malformed(&mut headers, name);
        // The session layer accepts UTF-8, not only ASCII.
        let header = headers.get(COOKIE).map(HeaderValue::as_bytes).unwrap_or_default();
        let remaining = std::str::from_utf8(header).unwrap_or_default().to_owned();
        let pairs = remaining.split(';').filter_map(|pair| pair.split_once('='));
        let ids: Vec<&str> =
            pairs.filter(|(key, _)| key.trim() == name).map(|(_, id)| id.trim()).collect();
        assert!(ids.iter().all(|id| id.trim_matches('"').parse::<Id>().is_ok()), "{remaining}");
        assert!(!found.session || !ids.is_empty(), "{remaining}");
        let again = session::without_malformed(&mut headers, name);
        assert!(!again.malformed && again.session == found.session, "{remaining}");
        let is_https = url.starts_with("https://");
        let known = KNOWN.read::<serde_json::Value>(&VAULT, &Clock::System, is_https, &headers);
        assert!(known.is_none(), "{remaining}");
    }
    let headers = HeaderMap::from_iter([(request_id::HEADER, value)]);
    let id = request_id::of(&headers);
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic()) && id.len() <= 128, "{id}");
}

/// A response. The first three lines of the input are the secret, the status and the content type;
/// the rest is the body. The stored text is bounded and does not contain the secret, and every
/// result has an explanation.
pub fn answer(data: &[u8]) {
    const MAX_BODY: usize = 16 * 1024;
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (secret, status, content_type, body) = (line(), line(), line(), line());
    let Ok(secret) = ApiKey::parse(&String::from_utf8_lossy(secret)) else { return };
    let secret = secret.expose();
    let mut response = CapturedResponse::default();
    if let Ok(value) = HeaderValue::from_bytes(content_type) {
        response.capture_headers(&HeaderMap::from_iter([(CONTENT_TYPE, value)]), Timestamp(0));
    }
    let is_complete = body.chunks(1000).all(|chunk| response.push(chunk));
    assert!(is_complete || body.len() > MAX_BODY);
    let (mut text, is_cut) = response.into_text();
    assert!(text.len() <= MAX_BODY && (is_cut || is_complete), "{} bytes", text.len());
    Masks::new(&[secret]).mask(&mut text, is_cut);
    // Short secrets are not masked. The mask consists of asterisks, so a secret with one could
    // appear to remain.
    if secret.len() >= 8 && !secret.contains('*') {
        let json = serde_json::Value::from(secret).to_string();
        // Without the surrounding quotes. Trimming would remove too much from a secret that ends in
        // one.
        for spelling in [secret, &json[1..json.len() - 1]] {
            assert!(!text.contains(spelling), "{spelling} in {text}");
        }
    }
    let status = std::str::from_utf8(status).ok().and_then(|text| text.trim().parse().ok());
    let explanation = diagnose(Answer::Status(status.unwrap_or(500)), Some(&text)).both();
    assert!(!explanation.is_empty());
}
