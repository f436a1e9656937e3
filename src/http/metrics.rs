//! `/metrics` for Prometheus: what the engine counts, and the balance, as it was last read from the
//! database; a database that does not answer keeps nobody from the rest. It names no hook, and no
//! event unless a setting allows it; like `/healthz` it asks for no token. By setting it has a port
//! of its own, which only the monitoring needs to reach.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    engine::store::error::chain,
    portal::{ctx::Portal, ops},
    telemetry,
};

/// How long the balance is waited for: usually it is there by then.
const SOON: Duration = Duration::from_millis(300);

pub fn router() -> Router<Arc<Portal>> {
    Router::new().route("/metrics", get(show))
}

async fn show(State(portal): State<Arc<Portal>>) -> Response {
    refresh_balance(&portal).await;
    let components = portal.dispatcher.known_components();
    let shows_types = portal.settings.metrics.event_types;
    match telemetry::figures(components.iter().map(|part| (part.name, part.is_up)), shows_types) {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "nothing is counted in this process\n")
            .into_response(),
    }
}

/// Reads the balance anew where it is old, unless that is under way.
async fn refresh_balance(portal: &Arc<Portal>) {
    if portal.balance.try_lock().is_err() {
        return;
    }
    let portal = portal.clone();
    let reading = tokio::spawn(async move {
        match ops::status::balance(&portal).await {
            Ok(balance) => telemetry::balance(&balance),
            Err(error) => tracing::warn!(error = chain(&error), "the balance could not be read"),
        }
    });
    let _later = tokio::time::timeout(SOON, reading).await;
}

/// Counts and times requests by the route they matched, so that no address with an id in it becomes
/// a series of its own.
pub async fn count(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
    let watch = portal.clock().stopwatch();
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = telemetry::known_method(request.method());
    let response = next.run(request).await;
    telemetry::answered(method, &route, response.status().as_u16(), watch.elapsed());
    response
}
