//! Deny by default: whoever is not signed in gets to the sign-in page and back, and to nothing
//! else. Puts the request's [`OpCtx`] where pages and server functions find it; what the person may
//! do is decided in `ops`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::error_page;
use crate::{
    engine::store::error::chain,
    http::noise::Noise,
    portal::{
        auth::{
            actor::{actor_of_user, user_of},
            client, session,
        },
        ctx::{OpCtx, Portal},
        request::RPC_PREFIX,
    },
};

/// What may be reached without a session. Server functions are named by module and function.
const OPEN_PATHS: &[&str] = &["/sign-in", "/setup"];
const OPEN_FUNCTIONS: &[&str] = &[
    "session/sign_in",
    "session/read_sign_in",
    "session/read_frame",
    "setup/set_up",
    "setup/read_setup",
];

/// Is this path open to whoever is not signed in?
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
        Some(session) => user_of(portal.store(), portal.clock(), &session).await,
        None => Ok(None),
    };
    let user = match user {
        Ok(user) => user,
        Err(error) => {
            tracing::error!(error = chain(&error), "sessions cannot be read");
            return error_page::plain(StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    if user.is_none() && !is_open(request.uri().path()) {
        return lead_to_sign_in(&request);
    }
    let actor = user.as_ref().map(actor_of_user);
    let client = Some(whence(&portal, &request));
    request.extensions_mut().insert(OpCtx { portal, actor, user, client, once: None });
    next.run(request).await
}

static UNTRUSTED: Noise = Noise::none_yet();

/// Where a request comes from. Whoever forgot to name their proxy learns from the log why all their
/// people share one client's limits.
fn whence(portal: &Portal, request: &Request) -> IpAddr {
    let address =
        client::address(request.extensions(), request.headers(), &portal.settings.trusted_proxies);
    if request.headers().contains_key(client::FORWARDED)
        && portal.settings.trusted_proxies.is_empty()
        && let Some(times) = UNTRUSTED.note()
    {
        tracing::info!(times, proxy = %address,
            "X-Forwarded-For is ignored: SERVICE_HOOKS_TRUSTED_PROXIES names no proxy");
    }
    address
}

/// A browser is led to sign-in and back; a script is told in its own words.
fn lead_to_sign_in(request: &Request) -> Response {
    let accepts = |kind| {
        request
            .headers()
            .get("accept")
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains(kind))
    };
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && accepts("application/json") && !accepts("text/html") {
        return (StatusCode::UNAUTHORIZED, axum::Json(crate::view::Error::SignIn)).into_response();
    }
    if !is_read {
        return Redirect::to("/sign-in").into_response();
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let next: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
    Redirect::to(&format!("/sign-in?next={next}")).into_response()
}
