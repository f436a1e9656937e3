//! Downloads from the event catalogue for signed-in users: schemas, samples, and all as a ZIP.

use axum::{
    body::Body,
    extract::{Extension, Path, Query},
    http::{HeaderMap, Response, StatusCode},
};
use serde::Deserialize;

use super::error_page;
use crate::{
    engine::catalogue::Draft,
    http::api::file,
    portal::{
        ctx::OpCtx,
        ops::{self, catalogue::File},
        request::public_error,
    },
};

#[derive(Deserialize)]
pub struct Params {
    draft: Option<String>,
    v: Option<String>,
}

pub async fn download(
    Extension(ctx): Extension<OpCtx>,
    Path(key): Path<String>,
    Query(params): Query<Params>,
    request: HeaderMap,
) -> Response<Body> {
    let draft = match params.draft.as_deref() {
        None => Some(Draft::default()),
        Some(key) => Draft::from_key(key),
    };
    let Some(draft) = draft else {
        return error_page::with_words(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Unknown draft. Use draft=2020-12 or draft=07.",
        );
    };
    // A value that is not a number becomes version 0, which does not exist.
    let version = params.v.map(|version| version.parse().unwrap_or(0));
    answer(&request, ops::catalogue::schema_file(&ctx, &key, draft, version))
}

pub async fn sample(
    Extension(ctx): Extension<OpCtx>,
    Path(key): Path<String>,
    request: HeaderMap,
) -> Response<Body> {
    answer(&request, ops::catalogue::sample_file(&ctx, &key))
}

pub async fn all(Extension(ctx): Extension<OpCtx>, request: HeaderMap) -> Response<Body> {
    answer(&request, ops::catalogue::all_files(&ctx))
}

fn answer(request: &HeaderMap, found: Result<File, ops::Error>) -> Response<Body> {
    match found {
        Ok(found) => file::answer(request, found),
        Err(error) => error_page::for_error(&public_error(error)),
    }
}
