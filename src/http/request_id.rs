//! An id for each request: the one its client or proxy gave it, or a new one. It is in the answer
//! (`x-request-id`), in every log line of the request, and in problem documents, so that what a
//! caller was told can be found in the log.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, error_span};

use crate::engine::clock::Clock;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over.
const LONGEST: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// That of the request under way, if there is one.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Around everything but the way in for events, which does the same by itself.
pub async fn carry(request: Request, next: Next) -> Response {
    let id = of(request.headers());
    let mut response = within(&id, next.run(request)).await;
    put(&id, response.headers_mut());
    response
}

/// The id of a request: the one it came with, or a new one.
pub fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
    given.map_or_else(|| Clock::System.id().simple().to_string(), str::to_owned)
}

/// Runs the work of a request.
pub async fn within<F: Future>(id: &str, work: F) -> F::Output {
    // The highest level, so that the id is there however little is logged.
    let span = error_span!("request", request_id = id);
    CURRENT.scope(id.to_owned(), work).instrument(span).await
}

/// For work of this request in a task of its own: it keeps the id and the span that are there when
/// this is called.
pub fn keep<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current();
    let kept = async move {
        match id {
            Some(id) => CURRENT.scope(id, work).await,
            None => work.await,
        }
    };
    kept.in_current_span()
}

/// Names it in the answer.
pub fn put(id: &str, headers: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HEADER, id);
    }
}

/// Short, and nothing that means something to a log, a shell or a page.
fn is_sane(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_and_short_ids_are_taken_over() {
        for sane in [
            "a",
            "0190a3c2-7b3e-7000-8000-000000000001",
            "Root=1-67891233-abcdef012345678912345678",
        ] {
            assert!(is_sane(sane), "{sane}");
        }
        for strange in ["", "a b", "a\nb", "<b>", "\"", &"a".repeat(LONGEST + 1), "é"] {
            assert!(!is_sane(strange), "{strange:?}");
        }
    }
}
