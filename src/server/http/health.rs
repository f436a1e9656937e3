//! For load balancers and supervisors: does the process answer, and can it reach its database?

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};

use crate::{
    engine::store::{error::chain, users},
    server::ctx::Portal,
};

pub fn router(portal: Arc<Portal>) -> Router<Arc<Portal>> {
    Router::new()
        .route("/healthz", get(|| async { Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})) }))
        .route("/readyz", get(ready))
        .with_state(portal)
}

async fn ready(State(portal): State<Arc<Portal>>) -> (StatusCode, Json<Value>) {
    let reached = async { users::any(&mut portal.store().read().await?).await };
    match reached.await {
        Ok(_) => (StatusCode::OK, Json(json!({"status": "ready"}))),
        Err(error) => {
            tracing::warn!(error = chain(&error), "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "the database cannot be reached"})))
        }
    }
}
