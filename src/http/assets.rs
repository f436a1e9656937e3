//! Serves the static files of the browser: compressed at build time, and cached forever under the
//! version of their contents.

use axum::{
    Router,
    body::Body,
    extract::{Path, Query},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    routing::get,
};
use data_encoding::HEXLOWER;
use rust_embed::EmbeddedFile;
use serde::Deserialize;

use super::{
    error_page,
    site::{Site, version},
};

#[derive(Deserialize)]
struct Params {
    v: Option<String>,
}

pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(
            "/pkg/{file}",
            get(|Path(file): Path<String>, query, headers| {
                answer(format!("pkg/{file}"), query, headers)
            }),
        )
        .route(
            "/favicon.svg",
            get(|query, headers| answer("favicon.svg".to_owned(), query, headers)),
        )
        .route("/icons.svg", get(|query, headers| answer("icons.svg".to_owned(), query, headers)))
        .route("/robots.txt", get(|query, headers| answer("robots.txt".to_owned(), query, headers)))
}

async fn answer(name: String, Query(params): Query<Params>, headers: HeaderMap) -> Response<Body> {
    let Some(plain) = Site::get(&name) else {
        return error_page::plain(StatusCode::NOT_FOUND);
    };
    let (file, encoding) = smallest(&name, plain, &headers);
    let etag = format!("\"{}\"", HEXLOWER.encode(&file.metadata.sha256_hash()[..8]));
    let mut response = Response::new(Body::empty());
    let response_headers = response.headers_mut();
    response_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&name)));
    response_headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Fonts have their version in their name, because the style sheet cannot know the others'.
    let is_current = params.v.as_deref() == Some(version()) || name.ends_with(".woff2");
    let caching = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    response_headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Some(encoding) = encoding {
        response_headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let is_same =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response_headers.insert(header::ETAG, etag);
    }
    if is_same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(file.data);
    }
    response
}

/// The precompressed variant, if the client accepts it and the build made one.
fn smallest(
    name: &str,
    plain: EmbeddedFile,
    headers: &HeaderMap,
) -> (EmbeddedFile, Option<&'static str>) {
    let accepts = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let accepts = |coding: &str| {
        accepts.split(',').any(|part| {
            let mut pieces = part.split(';').map(str::trim);
            pieces.next() == Some(coding) && pieces.next() != Some("q=0")
        })
    };
    for (coding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
        if accepts(coding)
            && let Some(file) = Site::get(&format!("{name}{suffix}"))
        {
            return (file, Some(coding));
        }
    }
    (plain, None)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("woff2") => "font/woff2",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
