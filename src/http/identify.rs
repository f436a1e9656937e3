//! Authentication by session. Deny by default: without a session only the sign-in and set-up pages
//! can be reached. Inserts the request's [`OpCtx`] for pages and server functions; permissions are
//! checked in `ops`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{error_page, kept};
use crate::{
    engine::store::error::chain,
    http::log_limit::LogLimit,
    portal::{
        auth::{
            actor::{actor_of_user, find_session_user},
            client, session,
        },
        ctx::{OpCtx, Portal},
        request::RPC_PREFIX,
    },
};

/// Paths and server functions (module and function) that need no session.
const OPEN_PATHS: &[&str] = &["/sign-in", "/setup"];
const OPEN_FUNCTIONS: &[&str] = &[
    "session/sign_in",
    "session/read_sign_in",
    "session/read_frame",
    "setup/set_up",
    "setup/read_setup",
];

/// Whether this path can be reached without a session.
pub fn is_open(path: &str) -> bool {
    match path.strip_prefix(RPC_PREFIX) {
        Some(function) => {
            OPEN_FUNCTIONS.iter().any(|open| function.ends_with(&format!("/rpc/{open}")))
        }
        None => OPEN_PATHS.contains(&path),
    }
}

pub async fn by_session(
    State(portal): State<Arc<Portal>>,
    mut request: Request,
    next: Next,
) -> Response {
    let user = match session::of(request.extensions()) {
        Some(session) => find_session_user(portal.store(), portal.clock(), &session).await,
        None => Ok(None),
    };
    let user = match user {
        Ok(user) => user,
        Err(error) => {
            tracing::error!(error = chain(&error), "failed to read sessions");
            return error_page::plain(StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    if user.is_none() && !is_open(request.uri().path()) {
        return redirect_to_sign_in(&portal, request).await;
    }
    let actor = user.as_ref().map(actor_of_user);
    let client = Some(client_address(&portal, &request));
    request.extensions_mut().insert(OpCtx { portal, actor, user, client, once: None });
    next.run(request).await
}

static UNTRUSTED: LogLimit = LogLimit::new();

/// The client's address. Logs a hint if a proxy seems to be in front but none is configured: then
/// all users share one client's rate limits.
fn client_address(portal: &Portal, request: &Request) -> IpAddr {
    let address =
        client::address(request.extensions(), request.headers(), &portal.settings.trusted_proxies);
    if request.headers().contains_key(client::FORWARDED)
        && portal.settings.trusted_proxies.is_empty()
        && let Some(times) = UNTRUSTED.record()
    {
        tracing::info!(times, proxy = %address,
            "X-Forwarded-For is ignored, because SERVICE_HOOKS_TRUSTED_PROXIES is not set");
    }
    address
}

/// Redirects a browser to the sign-in page, with the current path to return to. A script that
/// expects JSON gets 401 with a JSON error. A form is kept, see [`kept`].
async fn redirect_to_sign_in(portal: &Arc<Portal>, request: Request) -> Response {
    let accept = request.headers().get("accept").and_then(|accept| accept.to_str().ok());
    let accept = accept.unwrap_or_default().to_owned();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && accept.contains("application/json") && !accept.contains("text/html") {
        return (StatusCode::UNAUTHORIZED, axum::Json(crate::view::Error::SignIn)).into_response();
    }
    if !is_read {
        let client = client_address(portal, &request);
        return kept::sign_in_again(portal, client, request).await;
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let next: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
    Redirect::to(&format!("/sign-in?next={next}")).into_response()
}
