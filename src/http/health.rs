//! Health checks for load balancers and supervisors. `/healthz`: the process responds. `/readyz`:
//! which components work. No authentication, so the responses name no machine, file or hook.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};

use crate::{engine::dispatcher::ready::Component, http::log_limit::LogLimit, portal::ctx::Portal};

/// Several monitors poll every few seconds, so the log line is limited.
static NOT_READY: LogLimit = LogLimit::new();

pub fn router(portal: Arc<Portal>) -> Router<Arc<Portal>> {
    Router::new()
        .route(
            "/healthz",
            get(|| async { Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})) }),
        )
        .route("/readyz", get(ready))
        .with_state(portal)
}

/// Responds within a second, even if the database does not.
async fn ready(State(portal): State<Arc<Portal>>) -> (StatusCode, Json<Value>) {
    let components = portal.dispatcher.components().await;
    let is_stopping = portal.stopping.is_cancelled();
    let down: Vec<&str> =
        components.iter().filter(|part| !part.is_up).map(|part| part.name).collect();
    let (status, word) = match down.is_empty() && !is_stopping {
        true => (StatusCode::OK, "ready"),
        false if is_stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    if !down.is_empty()
        && let Some(times) = NOT_READY.record()
    {
        tracing::warn!(times, down = down.join(", "), "not ready");
    }
    let shape =
        |part: &Component| json!({"name": part.name, "up": part.is_up, "detail": part.words});
    let components: Vec<Value> = components.iter().map(shape).collect();
    (status, Json(json!({"status": word, "components": components})))
}
