//! Downloads a hook's attempt statistics as CSV. Requires `deliveries:read`.

use axum::{
    body::Body,
    extract::{Extension, Path, Query},
    http::{HeaderMap, Response},
};
use serde::Deserialize;

use super::error_page;
use crate::{
    domain::measured::Range,
    http::api::file,
    portal::{ctx::OpCtx, ops, request::public_error},
};

#[derive(Deserialize)]
pub struct Params {
    #[serde(default)]
    range: String,
}

pub async fn download(
    Extension(ctx): Extension<OpCtx>,
    Path(id): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Response<Body> {
    let range = Range::from_key(&params.range).unwrap_or_default();
    let found = async {
        let id = id.parse().map_err(|_| ops::Error::NotFound("hook"))?;
        ops::measured::of_hook(&ctx, id, range).await
    };
    match found.await {
        Ok(measured) => file::answer(&headers, ops::measured::csv(&measured, range)),
        Err(error) => error_page::for_error(&public_error(error)),
    }
}
