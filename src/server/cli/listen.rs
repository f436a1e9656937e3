//! `service-hooks listen`: a receiver for trying things out. It checks the key and the signature of what comes, prints
//! it, and answers as a receiver should.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::any,
};
use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Failure, Outcome, print};
use crate::engine::{clock::Clock, delivery::signing};

/// How old or new a timestamp may be, in seconds: the tolerance of Standard Webhooks' own libraries.
const TOLERANCE: i64 = 300;

#[derive(Args)]
pub struct Listen {
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// The API key to expect in x-api-key
    #[arg(long)]
    api_key: Option<String>,
    /// The signing secret (whsec_...) to check signatures with
    #[arg(long)]
    secret: Option<String>,
}

struct Receiver {
    api_key: Option<String>,
    secret: Option<Vec<u8>>,
    clock: Clock,
    json: bool,
}

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Good,
    Bad(&'static str),
    NotAsked,
}

impl Check {
    fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad(why) => why,
            Self::NotAsked => "not checked",
        }
    }
}

impl Listen {
    pub async fn run(self, json: bool) -> Outcome {
        let secret = match &self.secret {
            None => None,
            Some(text) => Some(signing::secret_bytes(text).ok_or_else(|| {
                Failure::Usage("--secret is a signing secret: whsec_ and 24 to 64 bytes in base64".to_owned())
            })?),
        };
        let receiver = Receiver { api_key: self.api_key, secret, clock: Clock::System, json };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.map_err(|error| {
            Failure::Failed(format!("cannot listen on port {}: {error}; choose another with --port", self.port))
        })?;
        let address = listener.local_addr().map_err(|error| Failure::Failed(error.to_string()))?;
        eprintln!("listening on http://{address}/ for deliveries");
        let router = Router::new().fallback(any(receive)).with_state(Arc::new(receiver));
        axum::serve(listener, router).await.map_err(|error| Failure::Failed(error.to_string()))
    }
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let key = receiver.check_key(&headers);
    let signature = receiver.check_signature(&headers, &body);
    receiver.show(&headers, &body, key, signature);
    match (key, signature) {
        (Check::Bad(_), _) => (StatusCode::UNAUTHORIZED, "wrong x-api-key\n"),
        (_, Check::Bad(_)) => (StatusCode::UNAUTHORIZED, "wrong signature\n"),
        _ => (StatusCode::OK, "ok\n"),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Receiver {
    fn check_key(&self, headers: &HeaderMap) -> Check {
        use subtle::ConstantTimeEq;
        let Some(expected) = &self.api_key else { return Check::NotAsked };
        let sent = header(headers, "x-api-key");
        if bool::from(sent.as_bytes().ct_eq(expected.as_bytes())) { Check::Good } else { Check::Bad("WRONG") }
    }

    fn check_signature(&self, headers: &HeaderMap, body: &[u8]) -> Check {
        let Some(secret) = &self.secret else { return Check::NotAsked };
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

    fn show(&self, headers: &HeaderMap, body: &[u8], key: Check, signature: Check) {
        let event = header(headers, "x-service-hook-event");
        let id = header(headers, "webhook-id");
        let is_test = header(headers, "x-service-hook-test") == "true";
        let text = String::from_utf8_lossy(body);
        let test = if is_test { " (test)" } else { "" };
        let words = format!("{event}{test}  id {id}  key {}  signature {}\n{text}\n", key.words(), signature.words());
        let parsed = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
        let value = json!({
            "event": event, "id": id, "test": is_test, "api_key": key.words(), "signature": signature.words(),
            "body": parsed, "raw": text,
        });
        print::result(self.json, &words, &value);
    }
}
