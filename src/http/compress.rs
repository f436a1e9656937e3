//! Decides which responses are compressed: pages and text, unless they contain a secret. An
//! attacker who can make a browser load a page and observe its compressed length could otherwise
//! guess its content (the BREACH attack).

use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// Minimum bytes: shorter responses are not worth compressing.
const AT_LEAST: u16 = 1024;

/// Response extension: the body contains a secret and must not be compressed.
#[derive(Clone, Copy)]
pub struct ShowsSecret;

/// The predicate of the compression layer.
pub fn compressible() -> impl Predicate {
    SizeAbove::new(AT_LEAST.into())
        .and(NotForContentType::new("text/event-stream"))
        .and(NotForContentType::new("application/zip"))
        .and(|_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
            extensions.get::<ShowsSecret>().is_none()
        })
}
