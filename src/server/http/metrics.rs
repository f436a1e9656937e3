//! `/metrics` for Prometheus: what the engine counts, and the balance, read from the database. It names no hook and no
//! event, and like `/healthz` it asks for no token: keep it inside by the proxy if the figures are nobody's business.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    engine::store::error::chain,
    server::{ctx::Portal, ops, telemetry},
};

pub async fn show(State(portal): State<Arc<Portal>>) -> Response {
    match ops::status::balance(&portal).await {
        Ok(balance) => telemetry::balance(&balance),
        Err(error) => tracing::warn!(error = chain(&error), "the balance could not be read"),
    }
    match telemetry::figures() {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "nothing is counted in this process\n").into_response(),
    }
}

/// Counts and times requests by the route they matched, so that no address with an id in it becomes a series of its own.
pub async fn count(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
    let watch = portal.clock().stopwatch();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = telemetry::known_method(request.method());
    let response = next.run(request).await;
    telemetry::answered(method, route, response.status().as_u16(), watch.elapsed());
    response
}
