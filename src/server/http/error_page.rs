//! The page for errors that happen outside of a page: plain HTML, no script, no detail that is not for the reader.

use std::any::Any;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE},
};

use super::assets;

/// An error page in the status' own words.
pub fn plain(status: StatusCode) -> Response<Body> {
    let words = match status {
        StatusCode::FORBIDDEN => {
            "This request came from another site and was refused. Open the portal and try again there."
        }
        StatusCode::PAYLOAD_TOO_LARGE => "What was sent is too large.",
        StatusCode::SERVICE_UNAVAILABLE => "The portal cannot reach its database just now. Try again in a moment.",
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => "There is nothing here. Check the address.",
        status if status.is_client_error() => "The request could not be understood.",
        _ => "Something went wrong here. It was noted in the log.",
    };
    of(status, words)
}

/// An error page that says `words`.
pub fn of(status: StatusCode, words: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or("Error");
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title} – Service Hooks</title><link rel=\"stylesheet\" \
         href=\"/pkg/service-hooks.css?v={version}\"></head><body><main class=\"lone\"><h1>{title}</h1><p>{words}</p>\
         <p><a href=\"/integration/hooks\">Back to the service hooks</a></p></main></body></html>",
        title = escaped(title),
        version = assets::version(),
        words = escaped(words),
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// What a panic leaves for the reader; the panic itself is in the log.
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(cause = text.unwrap_or("unknown"), "a request panicked");
    plain(StatusCode::INTERNAL_SERVER_ERROR)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
