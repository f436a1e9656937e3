//! The HTTP API under `/api/v1`: bearer tokens, JSON, problem documents. Each operation calls one
//! function of `portal::ops`; this module only parses requests and shapes responses.

pub mod body;
pub mod extract;
mod fields;
pub mod file;
mod precondition;
pub mod problem;
pub mod v1;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

use crate::portal::{
    auth::actor::actor_of_bearer,
    ctx::{OpCtx, Portal},
    ops,
};
use problem::Problem;

/// The API's router. It authenticates by bearer token; session cookies are ignored.
pub fn router(portal: Arc<Portal>) -> Router<Arc<Portal>> {
    v1::router()
        .fallback(|| async { Problem::from(ops::Error::NotFound("operation")) })
        .method_not_allowed_fallback(|method: Method| async move {
            Problem::method_not_allowed(&method)
        })
        .layer(middleware::from_fn_with_state(portal, identify))
}

/// Authenticates. Only `openapi.json` needs no token.
async fn identify(State(portal): State<Arc<Portal>>, mut request: Request, next: Next) -> Response {
    let is_open = request.uri().path() == "/openapi.json";
    let ctx = match authenticate(&portal, request.headers()).await {
        Ok(Some(ctx)) => ctx,
        Ok(None) if is_open => OpCtx::anonymous(portal),
        Ok(None) => return Problem::from(ops::Error::SignIn).into_response(),
        Err(problem) => return problem.into_response(),
    };
    request.extensions_mut().insert(ctx);
    next.run(request).await
}

/// The context of a request with a valid token; `None` without one.
pub async fn authenticate(
    portal: &Arc<Portal>,
    headers: &HeaderMap,
) -> Result<Option<OpCtx>, Problem> {
    let found = actor_of_bearer(portal.store(), portal.clock(), &portal.tokens, headers).await;
    let found = found.map_err(ops::Error::from)?;
    Ok(found.map(|actor| OpCtx { actor: Some(actor), ..OpCtx::anonymous(portal.clone()) }))
}
