//! A file that hardly ever changes: with a tag made of its bytes, so that whoever has it already is
//! told so.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use sha2::{Digest, Sha256};

use crate::portal::ops::catalogue::File;

/// The file, or word that the caller's copy is still good. `request` are the caller's headers.
pub fn answer(request: &HeaderMap, file: File) -> Response<Body> {
    let tag = tag(&file.bytes);
    let mut response = if knows(request, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(file.bytes))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    // A copy may be kept, but is asked about each time: whoever may not see it any more is not
    // shown it from a cache.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let named = [
        (header::ETAG, tag),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.name)),
    ];
    for (name, value) in named {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    // Weak: the same file may travel compressed.
    format!(
        "W/\"{}\"",
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>()
    )
}

/// Is the tag among those of `If-None-Match`?
fn knows(request: &HeaderMap, tag: &str) -> bool {
    let tag = tag.trim_start_matches("W/");
    let known =
        request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}
