//! Which answers are sent compressed: pages and texts, unless a secret is in them. Whoever can have
//! a page of ours loaded and sees how long the compressed answer is could else guess at what stands
//! in it (BREACH).

use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// Shorter answers are not worth it.
const AT_LEAST: u16 = 1024;

/// Put beside an answer that shows a secret.
#[derive(Clone, Copy)]
pub struct ShowsSecret;

/// What the compressing layer asks.
pub fn compressible() -> impl Predicate {
    SizeAbove::new(AT_LEAST.into())
        .and(NotForContentType::new("text/event-stream"))
        .and(NotForContentType::new("application/zip"))
        .and(|_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
            extensions.get::<ShowsSecret>().is_none()
        })
}
