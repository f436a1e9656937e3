//! Operations of version 1 of the API.

mod deliveries;
mod dismissals;
mod event_types;
pub mod events;
pub(in crate::http) mod exports;
mod hooks;
mod jobs;
mod once;
mod openapi;
pub mod requests;
mod routes;
pub(in crate::http) mod shapes;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};

pub use self::routes::ROUTES;
use crate::portal::ctx::Portal;

/// All operations except `POST /events`: `http::emit` serves it, and stores its idempotency key in
/// the commit that accepts the events.
pub fn router() -> Router<Arc<Portal>> {
    Router::new()
        .route("/events/{id}", get(events::find))
        .route("/event-types", get(event_types::list))
        .route("/event-types/{key}/schema", get(event_types::schema))
        .route("/hooks", get(hooks::list).post(hooks::create))
        .route("/hooks/{id}", get(hooks::find).patch(hooks::update).delete(hooks::delete))
        .route("/hooks/{id}/test", post(hooks::test))
        .route("/hooks/{id}/recover", post(jobs::recover))
        .route("/hooks/{id}/try-now", post(hooks::try_now))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/export", get(exports::deliveries))
        .route("/deliveries/redeliver", post(jobs::redeliver))
        .route("/deliveries/{id}", get(deliveries::find))
        .route("/deliveries/{id}/redeliver", post(deliveries::redeliver))
        .route("/hooks/{id}/dismiss", post(dismissals::dismiss))
        .route("/dismissals", get(dismissals::list))
        .route("/dismissals/{id}/undo", post(dismissals::undo))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::find).patch(jobs::update))
        .route("/openapi.json", get(openapi::document))
        .route_layer(middleware::from_fn(once::act_once))
}
