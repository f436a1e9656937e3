//! The final router: who is asking, the portal's pages and server functions, the API, files,
//! health; and around all of it sessions, the same-origin rule, limits and headers.

pub mod accept;
mod assets;
mod bodies;
mod compress;
mod emit;
mod error_page;
mod headers;
mod health;
pub mod identify;
mod measured;
pub mod metrics;
mod origin;
mod reader;
mod rpc;
mod schema;
mod streams;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Extension},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware,
    response::Redirect,
    routing::{any, get},
};

use leptos::prelude::{LeptosOptions, provide_context};
use leptos_axum::{ResponseOptions, generate_route_list};
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer, csrf::CsrfLayer,
    timeout::RequestBodyDeadlineLayer,
};

use self::{
    compress::{ShowsSecret, compressible},
    reader::Reader,
};
use super::{
    api, auth,
    ctx::{OpCtx, Portal},
    request_id,
};
use crate::{
    app::{App, AssetVersion, shell},
    domain::permission::Permission,
    view::Error,
};

/// Of brotli's eleven: beyond it pages get hardly smaller, and much slower.
const QUALITY: i32 = 4;

/// How long a request's body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Everything the server answers.
pub fn router(portal: Arc<Portal>) -> Router {
    let public_url = portal.settings.public_url();
    let sessions =
        auth::session::layer(portal.store().clone(), portal.clock().clone(), &public_url);
    // The pages only: answers to forms and scripts are short.
    let small = CompressionLayer::new()
        .quality(CompressionLevel::Precise(QUALITY))
        .compress_when(compressible());
    let pages = pages()
        .layer(small)
        .route("/", get(home))
        .route("/integration/events/schemas.zip", get(schema::all))
        .route("/integration/events/{key}/schema.json", get(schema::download))
        .route("/integration/events/{key}/sample.json", get(schema::sample))
        .route("/integration/hooks/{id}/measured.csv", get(measured::download))
        .route("/integration/hooks/{id}/deliveries/{delivery}/body.json", get(bodies::download))
        .route("/integration/deliveries/stream", get(streams::of_all))
        .route("/integration/hooks/{id}/deliveries/stream", get(streams::of_hook))
        .route("/integration/jobs/{id}/stream", get(streams::of_job))
        .route("/rpc/{*function}", any(rpc::answer))
        .fallback(render_page)
        .layer(middleware::from_fn(error_page::in_frame))
        .layer(middleware::from_fn_with_state(portal.clone(), identify::by_session))
        .layer(sessions)
        .layer(middleware::from_fn_with_state(portal.clone(), error_page::of_session))
        .layer(middleware::from_fn_with_state(portal.clone(), origin::vouched))
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
        .layer(middleware::from_fn_with_state(portal.clone(), origin::noted))
        .layer(CatchPanicLayer::custom(error_page::panicked))
        .layer(middleware::from_fn(error_page::in_theme))
        .layer(RequestBodyDeadlineLayer::new(BODY_DEADLINE))
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(portal.clone(), origin::known_host))
        .layer(middleware::from_fn_with_state(portal.clone(), headers::add))
        .layer(middleware::from_fn(request_id::carry));
    Router::new().route(emit::ROUTE, any(emit::answer)).merge(layered).with_state(portal)
}

/// What the figures' own port answers.
pub fn figures_router(portal: Arc<Portal>) -> Router {
    metrics::router()
        .layer(middleware::from_fn_with_state(portal.clone(), origin::known_host))
        .layer(middleware::from_fn_with_state(portal.clone(), headers::add))
        .with_state(portal)
}

/// Leads to the first page that a person may see.
async fn home(Extension(ctx): Extension<OpCtx>) -> Redirect {
    Redirect::to(if ctx.may(Permission::HooksRead) { "/integration/hooks" } else { "/account" })
}

/// The portal's pages, as the route table of `app` lists them.
fn pages() -> Router<Arc<Portal>> {
    page_paths().iter().fold(Router::new(), |router, path| router.route(path, get(render_page)))
}

/// Every path of the route table: the tests try them all.
pub fn page_paths() -> Vec<String> {
    generate_route_list(App).iter().map(|listing| listing.path().to_owned()).collect()
}

/// Parameters of pages that may show a key: one that was just made, or one that was asked for.
const SECRETIVE: &[&str] = &["secrets=", "draft="];

async fn render_page(request: axum::extract::Request) -> axum::response::Response {
    render(request, None).await
}

/// Renders the app for a request; with an error, the page that explains it and nothing else.
async fn render(request: axum::extract::Request, fault: Option<Error>) -> axum::response::Response {
    let options = LeptosOptions::builder().output_name("service-hooks").build();
    let reader = Reader::of(&request);
    let context = move || {
        page_context();
        reader.provide();
        if let Some(fault) = fault.clone() {
            provide_context(fault);
        }
    };
    let render =
        leptos_axum::render_app_async_with_context(context, move || shell(options.clone()));
    let shows_secret = request
        .uri()
        .query()
        .is_some_and(|query| SECRETIVE.iter().any(|name| query.contains(name)));
    let mut response = render(request).await;
    if shows_secret {
        response.extensions_mut().insert(ShowsSecret);
    }
    // A page that leads elsewhere says so with a redirect, whatever else it contains.
    if response.status() == StatusCode::OK && response.headers().contains_key("location") {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    response
}

/// What a page finds in its context besides the request: the version of the assets, and the policy
/// for its own nonce.
fn page_context() {
    provide_context(AssetVersion(assets::version().to_owned()));
    let nonce = leptos::nonce::use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
    let policy = headers::page_policy(&nonce);
    if let (Some(response), Ok(policy)) =
        (leptos::prelude::use_context::<ResponseOptions>(), HeaderValue::from_str(&policy))
    {
        response.insert_header(HeaderName::from_static("content-security-policy"), policy);
    }
}
