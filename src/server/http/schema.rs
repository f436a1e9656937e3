//! *Download JSON schema* for a signed-in person.

use axum::{
    body::Body,
    extract::{Extension, Path, Query},
    http::{HeaderValue, Response, StatusCode, header},
};
use serde::Deserialize;

use super::error_page;
use crate::{
    engine::catalogue::Draft,
    server::{ctx::OpCtx, ops, seam::told},
};

#[derive(Deserialize)]
pub struct Asked {
    draft: Option<String>,
}

pub async fn download(
    Extension(ctx): Extension<OpCtx>,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
) -> Response<Body> {
    let draft = match asked.draft.as_deref() {
        None => Some(Draft::default()),
        Some(key) => Draft::from_key(key),
    };
    let Some(draft) = draft else {
        return error_page::of(StatusCode::UNPROCESSABLE_ENTITY, "Ask for draft 2020-12 or 07.");
    };
    match ops::catalogue::schema_file(&ctx, &key, draft) {
        Ok((name, text)) => file(&name, text),
        Err(error) => error_page::told(&told(error)),
    }
}

fn file(name: &str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/schema+json"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
