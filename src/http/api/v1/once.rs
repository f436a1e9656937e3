//! `Idempotency-Key` on every request that makes or sends something: a client that did not hear the
//! answer repeats the request, and gets the answer to the first one instead of a second act.
//! (Events have the same, in the commit that accepts them.) A key belongs to a token and an
//! operation; the body has to be the same.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
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
        once::{self, Asked, Claim, Once},
    },
    http::{
        api::{
            body::{LIMIT, Unread, bounded},
            problem::Problem,
        },
        request_id,
    },
    portal::{ctx::OpCtx, ops},
};

/// Longest key, in bytes.
pub const LONGEST_KEY: usize = 255;
/// Beyond the time that a test's receiver may take, a request needs no longer than this. One that
/// is never answered, because its process died, holds its key so long.
const LEASE: Duration = Duration::from_secs(60);
/// Set on an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";

/// The layer. Requests without a key pass.
pub async fn act_once(matched: MatchedPath, request: Request, next: Next) -> Response {
    let answered = keyed(&matched, request, next).await;
    answered.unwrap_or_else(IntoResponse::into_response)
}

async fn keyed(matched: &MatchedPath, request: Request, next: Next) -> Result<Response, Problem> {
    if request.method() != Method::POST || !request.headers().contains_key("idempotency-key") {
        return Ok(next.run(request).await);
    }
    let ctx: OpCtx = request.extensions().get().cloned().ok_or(ops::Error::SignIn)?;
    // Who may not do it is told so before anything they sent is judged, and sees no earlier answer.
    let pattern = matched.as_str().trim_start_matches("/api/v1");
    let route = ROUTES.iter().find(|(method, path, _)| (*method, *path) == ("POST", pattern));
    if let Some(permission) = route.and_then(|(_, _, key)| key.and_then(Permission::from_key)) {
        ctx.require(permission).map_err(ops::Error::from)?;
    }
    let key = read(request.headers())?.unwrap_or_default();
    let (parts, body) = request.into_parts();
    let body = bounded(body, LIMIT).await.map_err(|unread| match unread {
        Unread::TooLarge => Problem::too_large(LIMIT),
        Unread::Broken => Problem::malformed("it did not arrive completely"),
    })?;
    let asked = asked(&ctx, &parts, &key, &body);
    // A task of its own: a client that goes away must not leave a key that is held and an act
    // without an answer.
    let task =
        tokio::spawn(request_id::keep(
            async move { carry_out(ctx, asked, parts, body, next).await },
        ));
    task.await.unwrap_or_else(|_| Err(ops::Error::Store(store::Error::Closed).into()))
}

/// The key of a request, if it has one.
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

fn asked(ctx: &OpCtx, parts: &Parts, key: &[u8], body: &[u8]) -> Asked {
    let actor = ctx.actor.as_ref().map(|actor| actor.identity.as_str()).unwrap_or_default();
    let target = parts.uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
    // No part contains a zero byte but the body, which is hashed by itself.
    let named =
        [actor.as_bytes(), parts.method.as_str().as_bytes(), target.as_bytes(), key].join(&0);
    Asked { key_hash: Sha256::digest(named).to_vec(), body_hash: Sha256::digest(body).to_vec() }
}

async fn carry_out(
    ctx: OpCtx,
    asked: Asked,
    mut parts: Parts,
    body: Bytes,
    next: Next,
) -> Result<Response, Problem> {
    let once = match claim(&ctx, asked).await? {
        Claim::Acts(once) => once,
        Claim::Running => return Err(Problem::still_running()),
        Claim::Other => {
            let message = "was used before with another body. Use a new key for a new request.";
            return Err(Invalid::one("Idempotency-Key", "reused", message).into());
        }
        Claim::Answered(kept) => return Ok(again(kept)?),
        Claim::Made(address) => return Ok(made(&address)),
    };
    parts.extensions.insert(OpCtx { once: Some(once.clone()), ..ctx.clone() });
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    Ok(keep(&ctx, once, response).await)
}

async fn claim(ctx: &OpCtx, asked: Asked) -> Result<Claim, ops::Error> {
    let (clock, vault) = (ctx.portal.clock().clone(), ctx.portal.store().vault.clone());
    let lease = LEASE + ctx.portal.settings.delivery.timeout;
    let claimed: Result<Claim, store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move { once::claim(conn, &clock, &vault, &asked, lease).await })
        })
        .await;
    Ok(claimed?)
}

/// Keeps a success for the next request with the key; gives the key back when nothing was done.
async fn keep(ctx: &OpCtx, once: Once, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // Answers of the API are made in memory: reading one cannot fail.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let is_done = parts.status.is_success();
    let kept = [&parts.status.as_u16().to_be_bytes(), body.as_ref()].concat();
    let vault = ctx.portal.store().vault.clone();
    let written: Result<(), store::Error> = ctx
        .portal
        .store()
        .write_alone(move |conn| {
            Box::pin(async move {
                if is_done {
                    once.answered(conn, &vault, &kept).await
                } else {
                    once.release(conn).await
                }
            })
        })
        .await;
    if let Err(error) = written {
        // What was asked for is done or refused all the same. A repetition is told where to find
        // what was made.
        tracing::warn!(
            cause = chain(&error),
            "the answer to a request with an Idempotency-Key was not kept"
        );
    }
    Response::from_parts(parts, Body::from(body))
}

/// The first answer, as it was.
fn again(kept: Vec<u8>) -> Result<Response, ops::Error> {
    let broken = || store::Error::Inconsistent { table: "idempotency", column: "sealed" };
    let (status, body) = kept.split_first_chunk::<2>().ok_or_else(broken)?;
    let status = StatusCode::from_u16(u16::from_be_bytes(*status)).map_err(|_| broken())?;
    let mut response = (status, Bytes::copy_from_slice(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// It was done and its answer is lost: what was made is to be read where it is.
fn made(address: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, Json(json!({"location": address}))).into_response();
    let headers = response.headers_mut();
    if let Ok(address) = HeaderValue::from_str(address) {
        headers.insert(header::LOCATION, address);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
