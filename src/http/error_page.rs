//! The page for errors that happen outside of a page. Whoever is signed in gets it in the portal's
//! frame; for anybody else, and where the frame itself cannot be had, it is plain HTML. No detail
//! that is not for the reader.

use std::{any::Any, sync::Arc};

use super::{
    pages::render,
    reader::{came_from, remembered_theme},
    site,
};
use crate::{
    domain::preferences::Theme,
    portal::{
        ctx::{OpCtx, Portal},
        request::{internal, local, status_of},
    },
    view::Error,
};
use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, Response, StatusCode, Uri,
        header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::Next,
};

/// What is said to a form that does not come from a page of ours, or from a browser that does not
/// say so.
const ELSEWHERE: &str = "From another site";

/// An error page in the status' own words.
pub fn plain(status: StatusCode) -> Response<Body> {
    let (title, words) = match status {
        StatusCode::FORBIDDEN => (
            ELSEWHERE,
            "This request came from another site and was refused; nothing was done. Open the \
             portal and do it there. If you were in the portal, your browser does not say so: go \
             back (most browsers still have what you typed), allow it to, or use another.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("Too large", "What was sent is larger than any form of the portal. Nothing was done.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            ("Too many requests", "Nothing was done. Wait a minute, then try again.")
        }
        StatusCode::SERVICE_UNAVAILABLE => (
            "Not available just now",
            "The portal cannot reach its database. Nothing was done. Try again in a moment.",
        ),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => {
            ("Not found", "There is nothing here. Check the address.")
        }
        _ => (
            "That could not be understood",
            "The request was incomplete or malformed. Go back and try again.",
        ),
    };
    let mut response = refused(status, title, words);
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

/// An error page that says `words`.
pub fn of(status: StatusCode, words: &str) -> Response<Body> {
    refused(status, status.canonical_reason().unwrap_or("Error"), words)
}

fn refused(status: StatusCode, title: &str, words: &str) -> Response<Body> {
    explained(
        status,
        &Error::Refused { title: title.to_owned(), words: words.to_owned(), back: None },
    )
}

/// Around the same-origin rule: whoever was refused and says that they were on a page of ours is
/// offered that page. It is only read, and nothing of what was sent is kept or done: whoever really
/// came from elsewhere gains nothing by saying so.
pub async fn with_way_back(request: Request, next: Next) -> Response<Body> {
    let back = came_from(request.headers()).filter(|path| local(path) == path);
    let mut response = next.run(request).await;
    if is_other_site(&response)
        && back.is_some()
        && let Some(Error::Refused { title, words, .. }) = response.extensions().get::<Error>()
    {
        response = explained(
            response.status(),
            &Error::Refused { title: title.clone(), words: words.clone(), back },
        );
    }
    response
}

/// Around the sessions, which answer an empty 500 where one cannot be stored: says so. What the
/// request asked for may have been done before that.
pub async fn of_session(
    State(portal): State<Arc<Portal>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let response = next.run(request).await;
    let is_empty = response.body().size_hint().exact() == Some(0);
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR || !is_empty {
        return response;
    }
    let is_full = portal.store().failing().is_some_and(|failing| failing.is_full);
    let (title, words) = match is_full {
        true => (
            "The disk is full",
            "The server's disk is full, so your session can't be saved: you can't sign in or out. \
             Your last change may have been made; check before you repeat it. Ask the operator to \
             free space, then try again.",
        ),
        false => (
            "Your session can't be saved",
            "The portal can't use its database right now. Your last change may have been made; \
             check before you repeat it. Try again in 10 seconds.",
        ),
    };
    let mut response = refused(StatusCode::SERVICE_UNAVAILABLE, title, words);
    let wait = HeaderValue::from_static(if is_full { "30" } else { "10" });
    response.headers_mut().insert(RETRY_AFTER, wait);
    response
}

/// Was this refused because it came from another site?
pub fn is_other_site(response: &Response<Body>) -> bool {
    matches!(response.extensions().get::<Error>(), Some(Error::Refused { title,
        .. }) if title == ELSEWHERE)
}

/// An error page for what an operation said.
pub fn told(error: &Error) -> Response<Body> {
    explained(status_of(error), error)
}

/// What a panic leaves for the reader; the panic itself is in the log.
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied());
    told(&internal(&format!("a request panicked: {}", text.unwrap_or("no words"))))
}

/// The plain page. What it says goes with it, for whoever can show it better.
fn explained(status: StatusCode, error: &Error) -> Response<Body> {
    let mut response = Response::new(Body::from(page(error, Theme::System)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Error::Busy { seconds } = error {
        headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response.extensions_mut().insert(error.clone());
    response
}

fn page(error: &Error, theme: Theme) -> String {
    let back = match error {
        Error::Refused { back: Some(path), .. } => {
            format!("<p><a href=\"{}\">Back to the form</a></p>", escaped(path))
        }
        _ => String::new(),
    };
    let theme = if theme == Theme::System {
        String::new()
    } else {
        format!(" data-theme=\"{}\"", theme.key())
    };
    format!(
        "<!DOCTYPE html><html lang=\"en\"{theme}><head><meta charset=\"utf-8\"><meta \
         name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} – \
         Service Hooks</title><link rel=\"icon\" href=\"/favicon.svg\" \
         type=\"image/svg+xml\"><link rel=\"stylesheet\" \
         href=\"/pkg/service-hooks.css?v={version}\"></head><body><main \
         class=\"lone\"><h1>{title}</h1><p>{words}</p>{back}<p><a href=\"/\">Open the \
         portal</a></p></main></body></html>",
        title = escaped(error.title()),
        version = site::version(),
        words = escaped(&error.advice()),
    )
}

/// Inside of the sessions: shows an error in the portal's frame to whoever is signed in and reads
/// pages.
pub async fn in_frame(request: Request, next: Next) -> Response<Body> {
    let may = request.extensions().get::<OpCtx>().is_some_and(|ctx| ctx.user.is_some())
        && reads_pages(request.headers());
    let (parts, body) = request.into_parts();
    let again = may.then(|| parts.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let (Some(mut again), Some(error)) = (again, response.extensions().get::<Error>().cloned())
    else {
        return response;
    };
    (again.method, again.uri) = (Method::GET, Uri::from_static("/"));
    let framed = render(Request::from_parts(again, Body::empty()), Some(error)).await;
    let (mut parts, body) = framed.into_parts();
    parts.status = response.status();
    if let Some(wait) = response.headers().get(RETRY_AFTER) {
        parts.headers.insert(RETRY_AFTER, wait.clone());
    }
    Response::from_parts(parts, body)
}

/// Outside of everything: an error that stayed plain comes at least in the theme that the browser
/// remembers.
pub async fn in_theme(request: Request, next: Next) -> Response<Body> {
    let theme = remembered_theme(request.headers());
    let mut response = next.run(request).await;
    if theme != Theme::System
        && let Some(error) = response.extensions().get::<Error>()
    {
        let body = page(error, theme);
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
    response
}

fn reads_pages(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
