//! The catalogue's files for a signed-in person: a schema, a sample, everything at once.

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
        request::told,
    },
};

#[derive(Deserialize)]
pub struct Asked {
    draft: Option<String>,
    v: Option<String>,
}

pub async fn download(
    Extension(ctx): Extension<OpCtx>,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
    request: HeaderMap,
) -> Response<Body> {
    let draft = match asked.draft.as_deref() {
        None => Some(Draft::default()),
        Some(key) => Draft::from_key(key),
    };
    let Some(draft) = draft else {
        return error_page::of(StatusCode::UNPROCESSABLE_ENTITY, "Ask for draft 2020-12 or 07.");
    };
    // What is not a number is no version; nought is none either.
    let version = asked.v.map(|version| version.parse().unwrap_or(0));
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
        Err(error) => error_page::told(&told(error)),
    }
}
