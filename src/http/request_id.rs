//! Request ids: taken from the client's or proxy's `x-request-id` header, or generated. The id is
//! in the response header, in every log line of the request and in problem documents, so that a
//! report by a client can be found in the log.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, error_span};

use crate::engine::clock::Clock;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length of an id that is taken over.
const LONGEST: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the current request, if there is one.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Layer around every route except `POST /api/v1/events`, which does the same itself.
pub async fn assign(request: Request, next: Next) -> Response {
    let id = of(request.headers());
    let mut response = within(&id, next.run(request)).await;
    set_header(&id, response.headers_mut());
    response
}

/// The request's id: the one it came with if it is valid, else a new one.
pub fn of(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|id| is_valid(id));
    given.map_or_else(|| Clock::System.id().simple().to_string(), str::to_owned)
}

/// Runs a request's work with its id.
pub async fn within<F: Future>(id: &str, work: F) -> F::Output {
    // Error level, so that the span is recorded with every log filter.
    let span = error_span!("request", request_id = id);
    CURRENT.scope(id.to_owned(), work).instrument(span).await
}

/// Wraps work that a request runs in another task: it keeps the current id and span.
pub fn keep<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current();
    let with_id = async move {
        match id {
            Some(id) => CURRENT.scope(id, work).await,
            None => work.await,
        }
    };
    with_id.in_current_span()
}

/// Sets the response header.
pub fn set_header(id: &str, headers: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HEADER, id);
    }
}

/// Short, and without characters that have a meaning in a log, a shell or HTML.
fn is_valid(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_and_plain_ids_are_taken_over() {
        for valid in [
            "a",
            "0190a3c2-7b3e-7000-8000-000000000001",
            "Root=1-67891233-abcdef012345678912345678",
        ] {
            assert!(is_valid(valid), "{valid}");
        }
        for invalid in ["", "a b", "a\nb", "<b>", "\"", &"a".repeat(LONGEST + 1), "é"] {
            assert!(!is_valid(invalid), "{invalid:?}");
        }
    }
}
