//! Security headers of every response, including errors and files.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use crate::portal::ctx::Portal;

/// Content security policy of a page: own files, and inline scripts with this page's nonce.
pub fn page_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src \
         'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Content security policy of everything that is not a page.
const STRICT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ALWAYS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Plain forms need the referring page of this site; other sites must not get it.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

pub async fn add(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    complete(&portal, response.headers_mut());
    response
}

/// Adds the standard headers. Policy, caching and HSTS keep a value that a handler has set.
pub fn complete(portal: &Portal, headers: &mut HeaderMap) {
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    default(headers, "content-security-policy", STRICT);
    default(headers, "cache-control", "no-store");
    if portal.settings.public_url().starts_with("https://") {
        default(headers, "strict-transport-security", "max-age=31536000; includeSubDomains");
    }
}

fn default(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}
