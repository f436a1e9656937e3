//! For load balancers and supervisors. `/healthz`: does the process answer? `/readyz`: does it do
//! its work, and which part of it does not? Asked for no token, so no word of it names a machine, a
//! file or a hook.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};

use crate::{engine::dispatcher::ready::Component, http::noise::Noise, portal::ctx::Portal};

/// Asked every few seconds, by several.
static NOT_READY: Noise = Noise::none_yet();

pub fn router(portal: Arc<Portal>) -> Router<Arc<Portal>> {
    Router::new()
        .route(
            "/healthz",
            get(|| async { Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})) }),
        )
        .route("/readyz", get(ready))
        .with_state(portal)
}

/// Answered within a second, whatever happens.
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
        && let Some(times) = NOT_READY.note()
    {
        tracing::warn!(times, down = down.join(", "), "not ready");
    }
    let shape =
        |part: &Component| json!({"name": part.name, "up": part.is_up, "detail": part.words});
    let components: Vec<Value> = components.iter().map(shape).collect();
    (status, Json(json!({"status": word, "components": components})))
}
