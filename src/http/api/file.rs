//! Files that rarely change, with an `ETag` made from their bytes: a client that has the current
//! version gets 304.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::portal::ops::catalogue::File;

/// The file, or 304 if the client's copy is current. `request` are the client's headers.
pub fn answer(request: &HeaderMap, file: File) -> Response<Body> {
    let tag = tag(&file.bytes);
    let mut response = if has_current_copy(request, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(file.bytes))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    // Clients revalidate each time, so that a cached copy is not shown to a client that has lost
    // the permission.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let file_headers = [
        (header::ETAG, tag),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.name)),
    ];
    for (name, value) in file_headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    // Weak, because the response may be compressed.
    format!("W/\"{}\"", HEXLOWER.encode(&digest[..16]))
}

/// Does `If-None-Match` contain the tag?
fn has_current_copy(request: &HeaderMap, tag: &str) -> bool {
    let tag = tag.trim_start_matches("W/");
    let lists =
        request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
