//! `POST /api/v1/events`. A backend may call it thousands of times per second, so it bypasses the
//! router's layers. This module does what they do for other requests: request id, bearer token,
//! body deadline, headers, metrics, and a response even after a panic.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{ALLOW, AUTHORIZATION},
    },
    response::{IntoResponse, Response},
};
use futures::FutureExt;

use super::{headers, origin};
use crate::{
    engine::store,
    http::{
        api::{
            self,
            body::{DEADLINE, LIMIT, Raw, Unread, bounded, check_encoding},
            extract::Ctx,
            problem::Problem,
            v1::events,
        },
        request_id,
    },
    portal::{
        auth::{client, refusals::Refusal},
        ctx::Portal,
        ops,
    },
    telemetry,
};

pub const ROUTE: &str = "/api/v1/events";

/// Handles every method of [`ROUTE`].
pub async fn answer(State(portal): State<Arc<Portal>>, request: Request) -> Response {
    let watch = portal.clock().stopwatch();
    let method = telemetry::known_method(request.method());
    let id = request_id::of(request.headers());
    let client =
        client::address(request.extensions(), request.headers(), &portal.settings.trusted_proxies);
    let has_token = request.headers().contains_key(AUTHORIZATION);
    let emitted = AssertUnwindSafe(emit(&portal, request)).catch_unwind();
    let emitted = request_id::within(&id, emitted).await;
    // The panic hook has logged the panic already.
    let mut response = emitted.unwrap_or_else(|_| {
        Problem::from(ops::Error::Store(store::Error::Panicked)).into_response()
    });
    if let (true, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) = (has_token, response.status())
    {
        let kind = if response.status() == StatusCode::FORBIDDEN {
            Refusal::Forbidden
        } else {
            Refusal::UnknownToken
        };
        ops::refusals::note(&portal, kind, Some(client));
    }
    request_id::set_header(&id, response.headers_mut());
    headers::complete(&portal, response.headers_mut());
    telemetry::record_request(method, ROUTE, response.status().as_u16(), watch.elapsed());
    response
}

async fn emit(portal: &Arc<Portal>, request: Request) -> Response {
    if let Err(wrong) = origin::validate_host(&portal.settings, request.uri(), request.headers()) {
        return wrong.problem().into_response();
    }
    let ctx = match api::authenticate(portal, request.headers()).await {
        Ok(Some(ctx)) => ctx,
        Ok(None) => return Problem::from(ops::Error::SignIn).into_response(),
        Err(problem) => return problem.into_response(),
    };
    if request.method() != Method::POST {
        let allow = [(ALLOW, HeaderValue::from_static("POST"))];
        return (allow, Problem::method_not_allowed(request.method())).into_response();
    }
    let (parts, body) = request.into_parts();
    if let Err(problem) = check_encoding(&parts.headers) {
        return problem.into_response();
    }
    let read = tokio::time::timeout(DEADLINE, bounded(body, LIMIT)).await;
    match read.unwrap_or(Err(Unread::Broken)) {
        Ok(bytes) => events::emit(Ctx(ctx), parts.headers, Raw(bytes)).await.into_response(),
        Err(unread) => Problem::from(unread).into_response(),
    }
}
