//! `/metrics` in Prometheus format: the engine's metrics and the balance as it was last read. A
//! database that does not respond does not delay the other metrics. It names no hook, and no event
//! type unless a setting allows it. Like `/healthz` it needs no authentication; a setting moves it
//! to a separate port that only the monitoring can reach.

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

/// How long to wait for a fresh balance. Beyond it the previous values are shown.
const SOON: Duration = Duration::from_millis(300);

pub fn router() -> Router<Arc<Portal>> {
    Router::new().route("/metrics", get(show))
}

async fn show(State(portal): State<Arc<Portal>>) -> Response {
    refresh_balance(&portal).await;
    let components = portal.dispatcher.known_components();
    let shows_types = portal.settings.metrics.event_types;
    match telemetry::render(components.iter().map(|part| (part.name, part.is_up)), shows_types) {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "nothing is counted in this process\n")
            .into_response(),
    }
}

/// Refreshes the balance if its cached value has expired and no refresh is running.
async fn refresh_balance(portal: &Arc<Portal>) {
    if portal.balance.try_lock().is_err() {
        return;
    }
    let portal = portal.clone();
    let reading = tokio::spawn(async move {
        match ops::status::balance(&portal).await {
            Ok(balance) => telemetry::balance(&balance),
            Err(error) => tracing::warn!(error = chain(&error), "failed to read the balance"),
        }
    });
    let _later = tokio::time::timeout(SOON, reading).await;
}

/// Layer: counts and times requests by matched route, not by path, so that an id in a path does not
/// create a new time series.
pub async fn count(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
    let watch = portal.clock().stopwatch();
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = telemetry::known_method(request.method());
    let response = next.run(request).await;
    telemetry::record_request(method, &route, response.status().as_u16(), watch.elapsed());
    response
}
