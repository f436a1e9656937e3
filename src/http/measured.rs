//! A hook's numbers as a file, for whoever may see its deliveries.

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
    portal::{ctx::OpCtx, ops, request::told},
};

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    range: String,
}

pub async fn download(
    Extension(ctx): Extension<OpCtx>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response<Body> {
    let range = Range::from_key(&asked.range).unwrap_or_default();
    let found = async {
        let id = id.parse().map_err(|_| ops::Error::NotFound("hook"))?;
        ops::measured::of_hook(&ctx, id, range).await
    };
    match found.await {
        Ok(measured) => file::answer(&headers, ops::measured::csv(&measured, range)),
        Err(error) => error_page::told(&told(error)),
    }
}
