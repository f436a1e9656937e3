//! `Idempotency-Key` for POST requests: a client that got no response repeats the request and gets
//! the first response, and nothing is done twice. A key belongs to a token and an operation, and
//! the body must be the same. (Events have their own, in the commit that accepts them.)

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::routes::ROUTES;
use crate::{
    domain::{invalid::Invalid, permission::Permission},
    engine::store::{
        self,
        error::chain,
        once::{self, Claim, KeyedRequest, Once},
    },
    http::{
        api::{
            body::{LIMIT, Unread, bounded, check_encoding},
            problem::Problem,
        },
        request_id,
    },
    portal::{ctx::OpCtx, ops},
    view::words::problems,
};

/// Maximum length of a key in bytes.
pub const LONGEST_KEY: usize = 255;
/// How long a request holds its key when its process dies before the response. A request that takes
/// longer, such as a test whose receiver is slow, renews its lease.
const LEASE: Duration = Duration::from_secs(10);
const RENEWAL: Duration = Duration::from_secs(3);
/// Header of a response that was given before.
pub const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));

/// Middleware. Requests without a key pass.
pub async fn act_once(matched: MatchedPath, request: Request, next: Next) -> Response {
    let response = with_key(&matched, request, next).await;
    response.unwrap_or_else(IntoResponse::into_response)
}

async fn with_key(
    matched: &MatchedPath,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.method() != Method::POST || !request.headers().contains_key("idempotency-key") {
        return Ok(next.run(request).await);
    }
    let ctx: OpCtx = request.extensions().get().cloned().ok_or(ops::Error::SignIn)?;
    // Check the permission before the body is parsed, and before an earlier response is shown.
    let pattern = matched.as_str().trim_start_matches("/api/v1");
    let route = ROUTES.iter().find(|(method, path, _)| (*method, *path) == ("POST", pattern));
    if let Some(permission) = route.and_then(|(_, _, key)| key.and_then(Permission::from_key)) {
        ctx.check(permission).map_err(ops::Error::from)?;
    }
    let key = read(request.headers())?.unwrap_or_default();
    let (parts, body) = request.into_parts();
    check_encoding(&parts.headers)?;
    let body = bounded(body, LIMIT).await.map_err(|unread| match unread {
        Unread::TooLarge => Problem::too_large(LIMIT),
        Unread::Broken => Problem::incomplete(),
    })?;
    let asked = fingerprint(&ctx, &parts, &key, &body);
    // In a task of its own: a client that disconnects must not leave a held key and no stored
    // response.
    let task =
        tokio::spawn(request_id::keep(
            async move { run_once(ctx, asked, parts, body, next).await },
        ));
    task.await.unwrap_or_else(|_| Err(ops::Error::Store(store::Error::Closed).into()))
}

/// The request's key, if it has one.
pub fn read(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.as_bytes();
    if key.is_empty()
        || key.len() > LONGEST_KEY
        || !value.to_str().is_ok_and(|text| text.is_ascii())
    {
        let message = "must be 1 to 255 printable ASCII characters";
        return Err(Invalid::one("Idempotency-Key", "format", message).into());
    }
    Ok(Some(key.to_vec()))
}

fn fingerprint(ctx: &OpCtx, parts: &Parts, key: &[u8], body: &[u8]) -> KeyedRequest {
    let actor = ctx.actor.as_ref().map(|actor| actor.identity.as_str()).unwrap_or_default();
    let target = parts.uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
    // NUL separates the parts, since none contains it. The body is hashed separately.
    let parts =
        [actor.as_bytes(), parts.method.as_str().as_bytes(), target.as_bytes(), key].join(&0);
    KeyedRequest {
        key_hash: Sha256::digest(parts).to_vec(),
        body_hash: Sha256::digest(body).to_vec(),
    }
}

async fn run_once(
    ctx: OpCtx,
    asked: KeyedRequest,
    mut parts: Parts,
    body: Bytes,
    next: Next,
) -> Result<Response, Problem> {
    let once = match claim(&ctx, asked).await? {
        Claim::Acquired(once) => once,
        Claim::InProgress => return Err(Problem::still_running()),
        Claim::BodyMismatch => {
            return Err(Invalid::one("Idempotency-Key", "reused", problems::KEY_REUSED).into());
        }
        Claim::Completed(stored) => return Ok(replay(stored)?),
        Claim::Created(address) => return Ok(see_other(&address)),
    };
    parts.extensions.insert(OpCtx { once: Some(once.clone()), ..ctx.clone() });
    let response = tokio::select! {
        response = next.run(Request::from_parts(parts, Body::from(body))) => response,
        never = renew(&ctx, &once) => match never {},
    };
    Ok(store_response(&ctx, once, response).await)
}

async fn claim(ctx: &OpCtx, asked: KeyedRequest) -> Result<Claim, ops::Error> {
    let (clock, vault) = (ctx.portal.clock().clone(), ctx.portal.store().vault.clone());
    let claimed: Result<Claim, store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move { once::claim(conn, &clock, &vault, &asked, LEASE).await })
        })
        .await;
    Ok(claimed?)
}

/// Renews the lease until this is dropped.
async fn renew(ctx: &OpCtx, once: &Once) -> Infallible {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let (clock, once) = (ctx.portal.clock().clone(), once.clone());
        let renewed: Result<(), store::Error> = ctx
            .portal
            .store()
            .write(move |conn| Box::pin(async move { once.renew(conn, &clock, LEASE).await }))
            .await;
        // If the key was lost meanwhile, this request can no longer commit what it creates.
        if let Err(error) = renewed {
            tracing::debug!(cause = chain(&error), "failed to renew an Idempotency-Key");
        }
    }
}

/// Stores a success for repeated requests; releases the key if nothing was done.
async fn store_response(ctx: &OpCtx, once: Once, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // The API's responses are in memory: reading one cannot fail.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let is_done = parts.status.is_success();
    let stored = [&parts.status.as_u16().to_be_bytes(), body.as_ref()].concat();
    let vault = ctx.portal.store().vault.clone();
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                if is_done {
                    once.store_answer(conn, &vault, &stored).await
                } else {
                    once.release(conn).await
                }
            })
        })
        .await;
    if let Err(error) = written {
        // The request itself was carried out or refused. A repeated one gets 303 and the location.
        tracing::warn!(
            cause = chain(&error),
            "failed to store the response to a request with an Idempotency-Key"
        );
    }
    Response::from_parts(parts, Body::from(body))
}

/// The stored first response.
fn replay(stored: Vec<u8>) -> Result<Response, ops::Error> {
    let broken = || store::Error::Inconsistent { table: "idempotency", column: "sealed" };
    let (status, body) = stored.split_first_chunk::<2>().ok_or_else(broken)?;
    let status = StatusCode::from_u16(u16::from_be_bytes(*status)).map_err(|_| broken())?;
    let mut response = (status, Bytes::copy_from_slice(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend([REPLAYED]);
    Ok(response)
}

/// 303: the request was carried out, but its response was lost. Points to what it created.
fn see_other(address: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, Json(json!({"location": address}))).into_response();
    let headers = response.headers_mut();
    if let Ok(address) = HeaderValue::from_str(address) {
        headers.insert(header::LOCATION, address);
    }
    headers.extend([REPLAYED]);
    response
}
