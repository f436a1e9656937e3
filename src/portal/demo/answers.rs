//! What receivers answered: attempts with plausible timings, addresses, headers and bodies.

use super::rng::Rng;
use crate::domain::{
    delivery::{Answer, Attempt, Timing},
    time::Timestamp,
};

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Server(u16),
    Client(u16),
    Redirect,
    /// 429 without and with `Retry-After`.
    TooMany,
    Wait,
    Gone,
    /// A status that HTTP does not define.
    Odd,
    Timeout,
    Connect,
    Tls,
    Dns,
    Refused,
    Invalid,
    /// A problem of the portal's machine.
    Own,
}
use Fault::*;

/// Why a single event fails although its hook works.
pub const REJECTIONS: &[Fault] = &[
    Client(422),
    Client(400),
    Client(413),
    Server(500),
    Server(504),
    Redirect,
    TooMany,
    Odd,
    Timeout,
    Connect,
    Tls,
    Dns,
    Refused,
    Invalid,
];

impl Fault {
    pub fn answer(self) -> Answer {
        match self {
            Server(status) | Client(status) => Answer::Status(status),
            Redirect => Answer::Status(301),
            TooMany | Wait => Answer::Status(429),
            Gone => Answer::Status(410),
            Odd => Answer::Status(999),
            Timeout => Answer::Timeout,
            Connect => Answer::ConnectFailed,
            Tls => Answer::TlsFailed,
            Dns => Answer::DnsFailed,
            Refused => Answer::AddressRefused,
            Invalid => Answer::InvalidResponse,
            Own => Answer::LocalFailure,
        }
    }

    fn detail(self) -> Option<&'static str> {
        Some(match self {
            Timeout => "before the answer",
            Connect => "connection refused",
            Tls => "the certificate expired",
            Dns => "the name does not resolve",
            Refused => "10.4.0.17 is a private address",
            Invalid => "the receiver closed the connection in the middle of its answer",
            Own => "this machine has no free file descriptors",
            _ => return None,
        })
    }

    /// The type and text of the response.
    fn body(self) -> (&'static str, &'static str) {
        match self {
            Server(503) => (HTML, MAINTENANCE),
            Server(_) => (
                JSON,
                r#"{"error":"internal","message":"No column \"queue_id\"","trace":"c1f4a0b2"}"#,
            ),
            Client(401) => (JSON, r#"{"error":"unauthorized","message":"Unknown API key"}"#),
            Client(403) => (JSON, r#"{"error":"forbidden","message":"The key has expired"}"#),
            Client(_) => {
                (JSON, r#"{"errors":[{"field":"customerPhoneNumber","message":"is not E.164"}]}"#)
            }
            TooMany | Wait => (JSON, r#"{"error":"rate_limited","limit":100,"window":"1h"}"#),
            Gone => ("text/plain; charset=utf-8", "This endpoint was shut down. Use v3."),
            Odd => ("text/plain; charset=utf-8", "Request denied"),
            _ => (HTML, ""),
        }
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const MAINTENANCE: &str = "<!DOCTYPE html>\n<html lang=\"de\">\n<head><title>503 – \
    Wartung</title></head>\n<body>\n<h1>Wir sind gleich zurück</h1>\n<p>Das System wird bis 06:00 \
    Uhr gewartet.</p>\n</body>\n</html>";
const THANKS: &[(&str, &str)] = &[
    (JSON, r#"{"status":"ok"}"#),
    (JSON, r#"{"received":true,"id":"a3f1c9","links":{"self":"/v1/items/a3f1c9"}}"#),
    ("text/plain; charset=utf-8", "Thank you"),
    ("application/xml", "<result><code>0</code><text>Angenommen für Köln</text></result>"),
    ("", ""),
];

/// An attempt: a success, or one that failed in this way.
pub fn attempt(
    rng: &mut Rng,
    url: &str,
    number: u32,
    at: Timestamp,
    fault: Option<Fault>,
) -> Attempt {
    let answer =
        fault.map_or_else(|| Answer::Status(rng.pick(&[200, 200, 202, 204])), Fault::answer);
    let timing = timing(rng, fault);
    let all: i64 = timing.parts().iter().filter_map(|(_, part)| *part).sum();
    let duration_ms = match fault {
        Some(Timeout) => 15_000,
        Some(Own) => 1,
        _ => (all / 1000).max(1),
    };
    let (kind, body) = match (answer, fault) {
        (Answer::Status(204), _) => ("", ""),
        (Answer::Status(_), None) => rng.pick(THANKS),
        (Answer::Status(_), Some(fault)) => fault.body(),
        _ => ("", ""),
    };
    Attempt {
        number,
        started_at: at,
        duration_ms,
        answer,
        detail: fault.and_then(Fault::detail).map(str::to_owned),
        url: url.to_owned(),
        response_headers: headers(rng, answer, kind, body, fault),
        response_body: body.to_owned(),
        response_cut: false,
        timing,
        address: timing.first_byte.map(|_| format!("203.0.113.{}:443", url.len() % 250)),
    }
}

fn headers(
    rng: &mut Rng,
    answer: Answer,
    kind: &str,
    body: &str,
    fault: Option<Fault>,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if answer.status().is_none() {
        return headers;
    }
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    add("server", "nginx".to_owned());
    if !kind.is_empty() {
        add("content-type", kind.to_owned());
    }
    add("content-length", body.len().to_string());
    add("x-request-id", rng.hex(16));
    match fault {
        Some(Redirect) => add("location", "https://login.example/sso?next=hooks".to_owned()),
        Some(Wait) => add("retry-after", "21600".to_owned()),
        _ => {}
    }
    headers
}

/// The phases that took place. Two of three requests reuse a connection.
fn timing(rng: &mut Rng, fault: Option<Fault>) -> Timing {
    let fresh = rng.percent(34) || matches!(fault, Some(Connect | Tls | Dns | Timeout | Invalid));
    let mut timing = Timing::default();
    if matches!(fault, Some(Refused | Own | Dns)) {
        return timing;
    }
    if fresh {
        timing.dns = Some(rng.skewed(400, 30_000));
        if fault == Some(Connect) {
            return timing;
        }
        timing.connect = Some(rng.skewed(2_000, 60_000));
        if fault == Some(Tls) {
            return timing;
        }
        timing.tls = Some(rng.skewed(8_000, 90_000));
    }
    if !matches!(fault, Some(Timeout | Invalid)) {
        timing.first_byte = Some(rng.skewed(12_000, 900_000));
        timing.body = Some(rng.skewed(50, 9_000));
    }
    timing
}
