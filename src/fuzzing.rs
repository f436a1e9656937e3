//! What strangers send, put to the code that reads it: one function for each reader, which panics
//! when something does not hold. `fuzz/` calls them with bytes that nobody thought of, and
//! `src/tests/corpus.rs` with those that are kept.

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
        failure::diagnose,
        hook::{parse_api_key, parse_event_type, parse_name},
        retry::{LONGEST_WAIT, RetryPolicy, Tried, Verdict, classify},
        time::Timestamp,
    },
    engine::{
        catalogue::check,
        clock::Clock,
        delivery::{answer::Kept, guard::Guard, masking::Masks},
        store::secrets::Vault,
    },
    http::{api::v1::requests::event as events, request_id},
    portal::{
        auth::{browser::KNOWN, session},
        ops::tuning,
    },
    rpc::hooks::Update,
};

type Check = fn(&[u8]);

/// Each reader by its name.
pub const TARGETS: &[(&str, Check)] = &[
    ("address", address),
    ("answer", answer),
    ("cookie", cookie),
    ("event", event),
    ("form", form),
    ("retry_after", retry_after),
];

/// The body of `POST /api/v1/events`: what is accepted is what was sent, and reads the same again.
pub fn event(data: &[u8]) {
    let Ok(emitted) = events::read(&Bytes::copy_from_slice(data)) else { return };
    for one in emitted {
        let text = std::str::from_utf8(&one.body).expect("a body is JSON, and JSON is UTF-8");
        assert!(String::from_utf8_lossy(data).contains(text), "a body is a part of what was sent");
        if check(one.event_type, text) == BodyCheck::Fits {
            let body: Option<serde_json::Value> = serde_json::from_str(text).ok();
            assert!(body.is_some_and(|body| body.is_object()), "{text}");
        }
        let again = format!(r#"{{"data":{text},"type":"{}"}}"#, one.event_type.key());
        let again =
            events::read(&Bytes::from(again)).unwrap_or_else(|_| panic!("{text} reads once only"));
        assert!(
            again.len() == 1 && again[0].body == one.body && again[0].event_type == one.event_type,
            "{text}"
        );
    }
}

/// A form of the portal: what is read reads the same again, and what its fields accept stays
/// accepted.
pub fn form(data: &[u8]) {
    let Some(read) = read_form(data.to_vec()) else { return };
    let fields = [
        ("id", &read.id),
        ("version", &read.version),
        ("name", &read.name),
        ("event_type", &read.event_type),
        ("callback_url", &read.callback_url),
        ("api_key", &read.api_key),
        ("enabled", &read.enabled),
        ("draft", &read.draft),
        ("tuning[retry_schedule]", &read.tuning.retry_schedule),
        ("tuning[timeout]", &read.tuning.timeout),
        ("tuning[in_flight]", &read.tuning.in_flight),
        ("tuning[rate_per_second]", &read.tuning.rate_per_second),
        ("tuning[order_by]", &read.tuning.order_by),
    ];
    let written =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let again = read_form(written.clone().into_bytes())
        .unwrap_or_else(|| panic!("{written} cannot be read"));
    assert!(fields_of(&again) == fields_of(&read) && again.tuning == read.tuning, "{written}");
    if let Ok(name) = parse_name(&read.name) {
        assert_eq!(parse_name(&name), Ok(name.clone()));
    }
    if let Ok(key) = parse_api_key(&read.api_key) {
        HeaderValue::from_str(&key).unwrap_or_else(|_| panic!("{key} cannot be sent"));
    }
    let _known = parse_event_type(&read.event_type);
    if let Ok(tuned) = tuning::parse(&read.tuning) {
        assert_eq!(tuning::parse(&tuning::typed(&tuned)), Ok(tuned));
    }
}

fn read_form(body: Vec<u8>) -> Option<Update> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body));
    let request = request.expect("the request is well formed");
    let read = <Update as FromReq<PostUrl, Request, crate::view::Error>>::from_req(request);
    read.now_or_never().expect("the body is there already").ok()
}

fn fields_of(form: &Update) -> [&String; 8] {
    let Update { id, version, name, event_type, callback_url, api_key, enabled, draft, .. } = form;
    [id, version, name, event_type, callback_url, api_key, enabled, draft]
}

/// A callback URL, or the bytes of an address: nothing that is let through is an address that is
/// surely forbidden, and the stored form is judged as the typed one was.
pub fn address(data: &[u8]) {
    let strict = Guard::new(&[]);
    let wide =
        Guard::new(&["0.0.0.0/0", "::/0"].map(|range| range.parse().expect("a constant range")));
    if let Ok(bytes) = <[u8; 16]>::try_from(data) {
        vet(&strict, &wide, Ipv6Addr::from(bytes).into());
    }
    if let Ok(bytes) = <[u8; 4]>::try_from(data) {
        vet(&strict, &wide, Ipv4Addr::from(bytes).into());
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

fn vet(strict: &Guard, wide: &Guard, address: IpAddr) {
    assert!(!strict.may_dial(address) || !is_surely_forbidden(address), "{address}");
    assert!(!strict.may_dial_resolved(address) || !is_surely_forbidden(address), "{address}");
    let is_metadata = matches!(address, IpAddr::V4(address) if address.is_link_local());
    assert!(
        !is_metadata || !wide.may_dial(address) && !wide.may_dial_resolved(address),
        "{address}"
    );
    assert!(!strict.why_not(address).is_empty());
}

/// As the standard library knows them, wherever IPv4 is spelled inside IPv6.
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

/// `Retry-After`: whatever it says, the wait that follows is within the limits.
pub fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut kept = Kept::default();
    kept.head(&HeaderMap::from_iter([(RETRY_AFTER, value)]), Timestamp(1_700_000_000_000));
    let policy = RetryPolicy::default();
    for (status, uncounted) in [(429, 0), (503, 0), (429, u32::MAX), (500, 0)] {
        let answer = Answer::Status(status);
        let tried =
            Tried { counted: 0, uncounted, is_probe: false, answer, retry_after: kept.retry_after };
        match classify(&policy.schedule, policy.longest_wait, &tried, 0.999) {
            Verdict::RetryIn(wait) | Verdict::PutOff(wait) => {
                assert!(wait.as_secs() >= 1 && wait <= LONGEST_WAIT.mul_f64(1.1), "{wait:?}");
            }
            other => panic!("{status} came to {other:?}"),
        }
    }
}

/// Cookies, and the request's id. Only a whole session id is looked up, nobody can make up what we
/// seal, and an id that is taken over cannot break a line of the log.
pub fn cookie(data: &[u8]) {
    static VAULT: LazyLock<Vault> =
        LazyLock::new(|| Vault::from_key_file(&[7; 32]).expect("the key is long enough"));
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    for url in ["http://127.0.0.1:3000", "https://hooks.example.org"] {
        let name = session::cookie_name(url);
        let mut headers = HeaderMap::from_iter([(COOKIE, value.clone())]);
        let found = session::without_malformed(&mut headers, name);
        // As the session layer reads them: as UTF-8, not only ASCII.
        let line = headers.get(COOKIE).map(HeaderValue::as_bytes).unwrap_or_default();
        let left = std::str::from_utf8(line).unwrap_or_default().to_owned();
        let pairs = left.split(';').filter_map(|pair| pair.split_once('='));
        let ids: Vec<&str> =
            pairs.filter(|(key, _)| key.trim() == name).map(|(_, id)| id.trim()).collect();
        assert!(ids.iter().all(|id| id.trim_matches('"').parse::<Id>().is_ok()), "{left}");
        assert!(!found.session || !ids.is_empty(), "{left}");
        let again = session::without_malformed(&mut headers, name);
        assert!(!again.malformed && again.session == found.session, "{left}");
        let is_https = url.starts_with("https://");
        let known = KNOWN.read::<serde_json::Value>(&VAULT, &Clock::System, is_https, &headers);
        assert!(known.is_none(), "{left}");
    }
    let headers = HeaderMap::from_iter([(request_id::HEADER, value)]);
    let id = request_id::of(&headers);
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic()) && id.len() <= 128, "{id}");
}

/// What a receiver answers, lines first: secret, status, content type, then the body. What is kept
/// is bounded text without the secret, and there are words for it.
pub fn answer(data: &[u8]) {
    const KEPT: usize = 16 * 1024;
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (secret, status, content_type, body) = (line(), line(), line(), line());
    let Ok(secret) = parse_api_key(&String::from_utf8_lossy(secret)) else { return };
    let mut kept = Kept::default();
    if let Ok(value) = HeaderValue::from_bytes(content_type) {
        kept.head(&HeaderMap::from_iter([(CONTENT_TYPE, value)]), Timestamp(0));
    }
    let all_taken = body.chunks(1000).all(|chunk| kept.take(chunk));
    assert!(all_taken || body.len() > KEPT);
    let (mut text, is_cut) = kept.into_text();
    assert!(text.len() <= KEPT && (is_cut || all_taken), "{} bytes", text.len());
    Masks::new(&[&secret]).mask(&mut text, is_cut);
    // A short one is not masked, and the mask itself is made of stars.
    if secret.len() >= 8 && !secret.contains('*') {
        let json = serde_json::Value::from(secret.as_str()).to_string();
        // Without the quotes around it; it may end in one of its own.
        for spelling in [secret.as_str(), &json[1..json.len() - 1]] {
            assert!(!text.contains(spelling), "{spelling} in {text}");
        }
    }
    let status = std::str::from_utf8(status).ok().and_then(|text| text.trim().parse().ok());
    let said = diagnose(Answer::Status(status.unwrap_or(500)), Some(&text)).both();
    assert!(!said.is_empty());
}
