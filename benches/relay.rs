//! The relay baselines. The bare relay does the minimum of any sender: it parses the event,
//! responds with 202, and posts the payload with reqwest. It stores nothing. It has the same
//! runtime and the same connection limits as Service Hooks.
//!
//! The durable relay also keeps a [journal](crate::journal): an event is synced to disk before it
//! is acknowledged, and the result of each post afterwards. That is the minimum of a sender that
//! loses nothing.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt,
};
use reqwest::Client;
use serde::Deserialize;
use serde_json::value::RawValue;
use service_hooks::engine::config::Delivery;
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use service_hooks::engine::delivery::client::USER_AGENT;

use crate::{Outcome, journal::Journal, server::API_KEY};

/// An event id with the same length as real ones.
const ID: &str = "01990000-0000-7000-8000-000000000000";

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

struct Relay {
    client: Client,
    targets: Vec<String>,
    headers: HeaderMap,
    /// Limits concurrent posts. Callers wait for a permit, because the relay has no queue.
    permits: Arc<Semaphore>,
    /// `None` for the bare relay.
    journal: Option<Journal>,
}

/// Serves until the standard input closes.
pub async fn run(targets: Vec<String>, is_durable: bool) -> Outcome {
    let journal = if is_durable { Some(journal()?) } else { None };
    let in_flight = Delivery::default().in_flight;
    let permits = Arc::new(Semaphore::new(in_flight));
    let client = client(in_flight)?;
    let relay = Relay { client, targets, headers: headers(), permits, journal };
    let router = Router::new().route("/api/v1/events", post(forward)).with_state(Arc::new(relay));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    // Disables Nagle's algorithm, like Service Hooks.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let mut ignored = Vec::new();
    let mut input = tokio::io::stdin();
    tokio::select! {
        ended = async { axum::serve(listener, router).await } => ended?,
        closed = input.read_to_end(&mut ignored) => drop(closed?),
    }
    Ok(())
}

/// The idle pool has a connection for each concurrent post, so that none is closed and reopened.
fn client(in_flight: usize) -> Outcome<Client> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the client of the baseline, and not of the product"
    )]
    let builder = Client::builder();
    let builder = builder
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy();
    let builder = builder.http1_only().referer(false).tcp_nodelay(true);
    let builder =
        builder.pool_max_idle_per_host(in_flight).pool_idle_timeout(Duration::from_secs(30));
    let tls = service_hooks::engine::delivery::client::tls()?;
    Ok(builder.user_agent(USER_AGENT).tls_backend_preconfigured(tls).build()?)
}

/// The file is on the same disk as the databases. Its directory is removed immediately, so that
/// nothing remains when this process is killed.
fn journal() -> Outcome<Journal> {
    let folder = tempfile::tempdir()?;
    Journal::create(&folder.path().join("journal"))
}

async fn forward(State(relay): State<Arc<Relay>>, body: Bytes) -> Response {
    let Ok(event) = serde_json::from_slice::<Event>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Ok(event_type) = HeaderValue::from_str(event.event_type) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let data = body.slice_ref(event.data.get().as_bytes());
    if let Some(journal) = &relay.journal
        && !journal.append(body.clone()).await
    {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    for target in 0..relay.targets.len() {
        let Ok(permit) = relay.permits.clone().acquire_owned().await else { break };
        tokio::spawn(relay.clone().post(target, event_type.clone(), data.clone(), permit));
    }
    let accepted = format!(r#"{{"id":"{ID}","deliveries":{}}}"#, relay.targets.len());
    (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], accepted).into_response()
}

impl Relay {
    async fn post(
        self: Arc<Self>,
        target: usize,
        event_type: HeaderValue,
        data: Bytes,
        permit: OwnedSemaphorePermit,
    ) {
        let mut headers = self.headers.clone();
        headers.insert("x-service-hook-event", event_type);
        let sent = self.client.post(&self.targets[target]).headers(headers).body(data).send().await;
        // A failed post needs no handling: the receiver counts arrivals.
        let mut outcome = [0; 2];
        if let Ok(mut answer) = sent {
            outcome = answer.status().as_u16().to_le_bytes();
            while let Ok(Some(_)) = answer.chunk().await {}
        }
        if let Some(journal) = &self.journal {
            let record = [ID.as_bytes(), &target.to_le_bytes(), &outcome].concat();
            // Without the record the event would be sent again after a crash. That is irrelevant
            // here.
            let _synced = journal.append(record.into()).await;
        }
        drop(permit);
    }
}

/// Headers with the same lengths as those of a real delivery, computed once.
fn headers() -> HeaderMap {
    let fixed = [
        ("content-type", "application/json"),
        ("x-api-key", API_KEY),
        ("webhook-id", ID),
        ("webhook-timestamp", "1795000000"),
        ("webhook-signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ];
    fixed
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}
