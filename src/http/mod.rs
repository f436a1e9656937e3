//! The HTTP server's router: pages and server functions, the API, files, health checks; with layers
//! for sessions, authentication, cross-site checks, limits and headers. Start reading at
//! [`router`].

pub mod accept;
pub mod api;
mod assets;
mod bodies;
mod compress;
mod emit;
mod error_page;
mod headers;
mod health;
pub mod identify;
mod kept;
pub mod log_limit;
mod measured;
pub mod metrics;
mod origin;
pub mod pages;
mod reader;
pub mod request_id;
mod rpc;
mod schema;
mod site;
mod streams;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{any, get},
};
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer, csrf::CsrfLayer,
    timeout::RequestBodyDeadlineLayer,
};

use self::compress::compressible;
use crate::portal::{auth, ctx::Portal};

/// Brotli quality, of 11 levels: higher ones make pages hardly smaller but much slower to compress.
const QUALITY: i32 = 4;

/// The complete router.
pub fn router(portal: Arc<Portal>) -> Router {
    let public_url = portal.settings.public_url();
    let sessions =
        auth::session::layer(portal.store().clone(), portal.clock().clone(), &public_url);
    // Only pages are compressed: responses to forms and scripts are short.
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Precise(QUALITY))
        .compress_when(compressible());
    let pages = pages::router()
        .layer(compression)
        .route("/", get(pages::home))
        .route("/integration/events/schemas.zip", get(schema::all))
        .route("/integration/events/{key}/schema.json", get(schema::download))
        .route("/integration/events/{key}/sample.json", get(schema::sample))
        .route("/integration/hooks/{id}/measured.csv", get(measured::download))
        .route("/integration/hooks/{id}/deliveries/{delivery}/body.json", get(bodies::download))
        .route("/integration/deliveries/stream", get(streams::of_all))
        .route("/integration/hooks/{id}/deliveries/stream", get(streams::of_hook))
        .route("/integration/jobs/{id}/stream", get(streams::of_job))
        .route("/rpc/{*function}", any(rpc::answer))
        .fallback(pages::render_page)
        .layer(middleware::from_fn(error_page::in_frame))
        .layer(middleware::from_fn_with_state(portal.clone(), identify::by_session))
        .layer(sessions)
        .layer(middleware::from_fn_with_state(portal.clone(), error_page::explain_session_failure))
        .layer(middleware::from_fn_with_state(portal.clone(), origin::check_origin))
        .layer(middleware::from_fn(auth::session::complete_removals))
        .layer(
            CsrfLayer::new().with_rejection_response(|_| error_page::plain(StatusCode::FORBIDDEN)),
        )
        .layer(middleware::from_fn(error_page::with_way_back));
    let layered = Router::new()
        .merge(pages)
        .nest("/api/v1", api::router(portal.clone()))
        .merge(assets::router())
        .merge(health::router(portal.clone()))
        .merge(if portal.settings.metrics.listen.is_none() {
            metrics::router()
        } else {
            Router::new()
        })
        .route_layer(middleware::from_fn_with_state(portal.clone(), metrics::count))
        .layer(middleware::from_fn_with_state(portal.clone(), origin::audit_refusals))
        .layer(CatchPanicLayer::custom(error_page::panicked))
        .layer(middleware::from_fn(error_page::in_theme))
        .layer(RequestBodyDeadlineLayer::new(api::body::DEADLINE))
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(portal.clone(), origin::check_host))
        .layer(middleware::from_fn_with_state(portal.clone(), headers::add))
        .layer(middleware::from_fn(request_id::assign));
    Router::new().route(emit::ROUTE, any(emit::answer)).merge(layered).with_state(portal)
}

/// The router of the separate metrics listener.
pub fn metrics_router(portal: Arc<Portal>) -> Router {
    metrics::router()
        .layer(middleware::from_fn_with_state(portal.clone(), origin::check_host))
        .layer(middleware::from_fn_with_state(portal.clone(), headers::add))
        .with_state(portal)
}
