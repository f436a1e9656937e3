//! A backend that embeds the delivery engine. It creates a hook for outbound calls, and its own
//! route emits an event:
//!
//! ```text
//! SERVICE_HOOKS_EGRESS__ALLOW_CIDRS=127.0.0.0/8 \
//!     cargo run --example embed --no-default-features --features engine,sqlite \
//!     -- http://127.0.0.1:9000/
//! curl -X POST http://127.0.0.1:4000/calls/17
//! ```

use std::error::Error;

use axum::{Router, extract::Path, extract::State, http::StatusCode, routing::post};
use service_hooks::{
    Dispatcher,
    domain::hook::{ApiKey, Tuning, parse_name},
    domain::permission::{Actor, right},
    engine::catalogue::payloads::{DateTime, OutboundCallInitiated, Payload},
    engine::dispatcher::{Config, Emit},
    engine::hooks::{self, NewHook},
};

/// Creates the hook and returns the backend's own routes.
pub async fn backend(engine: &Dispatcher, url: &str) -> Result<Router, Box<dyn Error>> {
    let hook = NewHook {
        name: parse_name("Telephone system")?,
        event_type: OutboundCallInitiated::EVENT,
        endpoint: engine.validate_url(url).await.map_err(|problem| problem.message())?,
        api_key: ApiKey::parse("the-key-that-the-receiver-expects")?,
        enabled: true,
        tuning: Tuning::default(),
        signing_secret: None,
    };
    let by = Actor::portal().require(right::HooksWrite).map_err(|_| "not permitted")?;
    hooks::create(engine, by, hook, None).await?;
    Ok(Router::new().route("/calls/{agent}", post(dialled)).with_state(engine.clone()))
}

/// Responds after the event is committed. From then on the engine delivers it, also after a crash.
async fn dialled(State(engine): State<Dispatcher>, Path(agent_id): Path<String>) -> StatusCode {
    let call = OutboundCallInitiated {
        agent_id,
        target_phone_number: "+123456789".to_owned(),
        timestamp: DateTime("2026-11-29T10:00:00Z".to_owned()),
    };
    let Ok(event) = Emit::of(&call) else { return StatusCode::INTERNAL_SERVER_ERROR };
    let stored = engine.emit(event, "telephone system").await;
    stored.map_or(StatusCode::SERVICE_UNAVAILABLE, |_| StatusCode::ACCEPTED)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("give the URL that events go to")?;
    let engine = Dispatcher::start(Config::load()?).await?;
    let routes = backend(&engine, &url).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4000").await?;
    axum::serve(listener, routes).await?;
    engine.shutdown().await;
    Ok(())
}
