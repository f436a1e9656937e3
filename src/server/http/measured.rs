//! A hook's numbers as a file, for whoever may see its deliveries.

use axum::{
    body::Body,
    extract::{Extension, Path, Query},
    http::{HeaderValue, Response, header},
};
use serde::Deserialize;

use super::error_page;
use crate::{
    domain::measured::Range,
    server::{
        ctx::OpCtx,
        ops,
        seam::{status_of, told},
    },
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
) -> Response<Body> {
    let range = Range::from_key(&asked.range).unwrap_or_default();
    let found = async {
        let id = id.parse().map_err(|_| ops::Error::NotFound("hook"))?;
        ops::measured::of_hook(&ctx, id, range).await
    };
    match found.await {
        Ok(measured) => file(&format!("attempts-{}.csv", range.key()), ops::measured::csv(&measured)),
        Err(error) => {
            let error = told(error);
            error_page::of(status_of(&error), &error.to_string())
        }
    }
}

fn file(name: &str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
