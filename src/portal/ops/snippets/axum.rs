//! Receives and verifies work_item.closed. Needs axum 0.8, base64 0.22, hmac 0.13, serde_json 1,
//! sha2 0.11, subtle 2 and tokio 1 (with "full"). Run it with API_KEY=... SIGNING_SECRET=whsec_...
//! cargo run

use std::{
    collections::HashSet,
    env,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const PATH: &str = "/service-hooks";
/// Tolerated clock difference in seconds.
const TOLERANCE: u64 = 5 * 60;

struct Receiver {
    api_key: String,
    secret: Vec<u8>,
    /// Ids of events already received. In production, use a unique database column.
    seen: Mutex<HashSet<String>>,
}

pub fn router(api_key: &str, signing_secret: &str) -> Router {
    let secret = BASE64_STANDARD
        .decode(signing_secret.trim_start_matches("whsec_"))
        .expect("a secret like whsec_...");
    let receiver = Receiver { api_key: api_key.to_owned(), secret, seen: Mutex::default() };
    Router::new().route(PATH, post(receive)).with_state(Arc::new(receiver))
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if receiver.is_genuine(&headers, &body).is_none() {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(event) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let id = text(&headers, "webhook-id").unwrap_or_default().to_owned();
    // Acknowledge a duplicate, but do not process it again.
    let is_new = receiver.seen.lock().unwrap().insert(id.clone());
    if is_new {
        // Respond immediately and process later. In production, store the event before you respond.
        tokio::spawn(async move { println!("work_item.closed {id}: {}", event["id"]) });
    }
    StatusCode::NO_CONTENT
}

impl Receiver {
    /// `Some` if API key, timestamp and signature are valid.
    fn is_genuine(&self, headers: &HeaderMap, body: &[u8]) -> Option<()> {
        let key = text(headers, "x-api-key")?;
        bool::from(key.as_bytes().ct_eq(self.api_key.as_bytes())).then_some(())?;

        let (id, timestamp) = (text(headers, "webhook-id")?, text(headers, "webhook-timestamp")?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        (timestamp.parse::<u64>().ok()?.abs_diff(now) <= TOLERANCE).then_some(())?;

        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        // During secret rotation the header has several signatures, separated by spaces.
        let mut signatures = text(headers, "webhook-signature")?.split(' ');
        signatures
            .any(|signature| signature.as_bytes().ct_eq(expected.as_bytes()).into())
            .then_some(())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[tokio::main]
async fn main() {
    let setting = |name: &str| env::var(name).unwrap_or_else(|_| panic!("set {name}"));
    let port = env::var("PORT").unwrap_or_else(|_| "4000".to_owned());
    // Run it behind TLS: the portal requires an https:// URL.
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, router(&setting("API_KEY"), &setting("SIGNING_SECRET"))).await.unwrap();
}
