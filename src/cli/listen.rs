//! `service-hooks listen`: a development receiver. It checks API key and signature, prints the
//! delivery and responds like a real receiver. Any program and any web page on this machine can
//! send to it, so requests that are not deliveries are refused, and all output is escaped for the
//! terminal.

mod refused;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::ALLOW},
    response::{IntoResponse, Response},
    routing::any,
};
use clap::Args;
use refused::Refused;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    failure::{Failure, Outcome},
    print,
};
use crate::{
    domain::json::pretty,
    engine::{clock::Clock, delivery::signing, dispatcher::MAX_BODY},
    http::api::body::{Unread, bounded},
};

/// Tolerance for `webhook-timestamp` in seconds, as in the Standard Webhooks libraries.
const TOLERANCE: i64 = 300;
/// Maximum characters printed of a header: more than any event key or id has.
const SHOWN: usize = 100;

#[derive(Args)]
pub struct Listen {
    /// Listen on this port of 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Expect this API key in x-api-key
    #[arg(long)]
    api_key: Option<String>,
    /// Check signatures with this signing secret (whsec_...)
    #[arg(long)]
    secret: Option<String>,
}

struct Receiver {
    api_key: Option<String>,
    secret: Option<Vec<u8>>,
    clock: Clock,
    json: bool,
}

/// Result of a check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Good,
    Bad(&'static str),
    NotConfigured,
}

impl Check {
    fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad(why) => why,
            Self::NotConfigured => "not checked",
        }
    }
}

impl Listen {
    pub async fn run(self, json: bool) -> Outcome {
        let secret = match &self.secret {
            None => None,
            Some(text) => Some(signing::secret_bytes(text).ok_or_else(|| {
                Failure::Usage(
                    "--secret must be a signing secret: whsec_ and 24 to 64 bytes in base64."
                        .to_owned(),
                )
            })?),
        };
        let receiver = Receiver { api_key: self.api_key, secret, clock: Clock::System, json };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.map_err(|error| {
            Failure::Failed(format!(
                "Can't listen on port {}: {error}. Choose another port with --port.",
                self.port
            ))
        })?;
        let address = listener.local_addr().map_err(|error| Failure::Failed(error.to_string()))?;
        eprintln!("Listening for deliveries on http://{address}/");
        let router = Router::new().fallback(any(receive)).with_state(Arc::new(receiver));
        axum::serve(listener, router).await.map_err(|error| Failure::Failed(error.to_string()))
    }
}

async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(refused) = refused::check(&parts.method, &parts.headers) {
        return refuse(refused);
    }
    match bounded(body, MAX_BODY).await {
        Ok(body) => receiver.take(&parts.headers, &body).into_response(),
        Err(Unread::TooLarge) => refuse(refused::TOO_LARGE),
        Err(Unread::Broken) => refuse(refused::BROKEN),
    }
}

fn refuse(Refused { status, why }: Refused) -> Response {
    eprintln!("refused with {}: {why}", status.as_u16());
    let allow = (status == StatusCode::METHOD_NOT_ALLOWED).then_some([(ALLOW, "POST")]);
    (status, allow, format!("{why}\n")).into_response()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Receiver {
    fn check_key(&self, headers: &HeaderMap) -> Check {
        use subtle::ConstantTimeEq;
        let Some(expected) = &self.api_key else { return Check::NotConfigured };
        let sent = header(headers, "x-api-key");
        if bool::from(sent.as_bytes().ct_eq(expected.as_bytes())) {
            Check::Good
        } else {
            Check::Bad("WRONG")
        }
    }

    fn check_signature(&self, headers: &HeaderMap, body: &[u8]) -> Check {
        let Some(secret) = &self.secret else { return Check::NotConfigured };
        let Ok(timestamp) = header(headers, "webhook-timestamp").parse::<i64>() else {
            return Check::Bad("MISSING TIMESTAMP");
        };
        if self.clock.now().seconds().abs_diff(timestamp) > TOLERANCE.unsigned_abs() {
            return Check::Bad("TOO OLD OR TOO NEW");
        }
        let id = header(headers, "webhook-id");
        if signing::verify(secret, id, timestamp, body, header(headers, "webhook-signature")) {
            Check::Good
        } else {
            Check::Bad("WRONG")
        }
    }

    /// Prints a delivery. The body is printed only if key and signature are correct, because
    /// otherwise anyone may have sent it.
    fn take(&self, headers: &HeaderMap, body: &[u8]) -> (StatusCode, &'static str) {
        let (key, signature) = (self.check_key(headers), self.check_signature(headers, body));
        let (status, answer) = match (key, signature) {
            (Check::Bad(_), _) => (StatusCode::UNAUTHORIZED, "wrong x-api-key\n"),
            (_, Check::Bad(_)) => (StatusCode::UNAUTHORIZED, "wrong signature\n"),
            _ => (StatusCode::OK, "ok\n"),
        };
        let event = print::printable(header(headers, "x-service-hook-event"), SHOWN);
        let id = print::printable(header(headers, "webhook-id"), SHOWN);
        let is_test = header(headers, "x-service-hook-test") == "true";
        let test = if is_test { " (test)" } else { "" };
        let line =
            format!("{event}{test}  id {id}  key {}  signature {}", key.words(), signature.words());
        let mut value = json!({
            "event": event, "id": id, "test": is_test, "api_key": key.words(),
                "signature": signature.words(),
        });
        if status == StatusCode::OK {
            let text = String::from_utf8_lossy(body);
            value["body"] = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
            value["raw"] = text.as_ref().into();
            print::result(self.json, &format!("{line}\n{}\n", shown(&text)), &value);
        } else {
            print::result(
                self.json,
                &format!("{line}\nThe payload is not shown, because a check failed.\n"),
                &value,
            );
        }
        (status, answer)
    }
}

/// A body for the terminal: indented JSON, or one escaped line. A body cannot add lines that look
/// like the output of this command.
fn shown(body: &str) -> String {
    let indented = pretty(body);
    let lines = indented.as_deref().map_or(vec![body], |indented| indented.split('\n').collect());
    lines.into_iter().map(|line| print::printable(line, usize::MAX)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_body_cannot_control_the_terminal_or_add_lines() {
        assert_eq!(
            shown("{\"a\":\"\u{9b}31m\u{202e}é\",\r\"b\":1}"),
            "{\n  \"a\": \"\\u{9b}31m\\u{202e}é\",\n  \"b\": 1\n}"
        );
        assert_eq!(
            shown("not json\n\u{1b}[2Jwork_item.closed  id x"),
            "not json\\n\\u{1b}[2Jwork_item.closed  id x"
        );
    }
}
