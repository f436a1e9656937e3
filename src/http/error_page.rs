//! The page for errors that occur outside of a page. A signed-in user gets it inside the portal's
//! frame. Everyone else gets plain HTML, and so does a signed-in user if the frame cannot be
//! rendered. It shows no internal details.

use std::{any::Any, sync::Arc};

use html_escape::encode_double_quoted_attribute;

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
    view::{Error, assets::FONT},
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

/// Title of the refusal of a cross-site form post, or of one whose browser does not say where it
/// comes from.
const ELSEWHERE: &str = "Request from another site";

/// An error page with the standard text of the status.
pub fn plain(status: StatusCode) -> Response<Body> {
    let (title, words) = match status {
        StatusCode::FORBIDDEN => (
            ELSEWHERE,
            "The request came from another site, so it was refused and nothing was changed. Open \
             the portal and try again there. If you were in the portal, your browser hides where \
             requests come from: go back, change that setting or use another browser, and submit \
             the form again.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("Too large", "The form is too large. Nothing was changed. Go back and shorten it.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            ("Too many requests", "Nothing was changed. Wait a minute and try again.")
        }
        StatusCode::SERVICE_UNAVAILABLE => (
            "Not available",
            "The portal can't reach its database. Nothing was changed. Try again in 10 seconds.",
        ),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND => {
            ("Not found", "This page doesn't exist. Check the URL.")
        }
        _ => ("Invalid request", "The request is incomplete or malformed. Go back and try again."),
    };
    let mut response = refused(status, title, words);
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

/// An error page with this text.
pub fn with_words(status: StatusCode, words: &str) -> Response<Body> {
    refused(status, status.canonical_reason().unwrap_or("Error"), words)
}

fn refused(status: StatusCode, title: &str, words: &str) -> Response<Body> {
    plain_html(
        status,
        &Error::Refused { title: title.to_owned(), words: words.to_owned(), back: None },
    )
}

/// Layer around the cross-site check: a refused request whose `Referer` is a page of the portal
/// gets a link back to that page. The link is a plain GET of a local path and nothing that was sent
/// is kept, so forging the header gains nothing.
pub async fn with_way_back(request: Request, next: Next) -> Response<Body> {
    let back = came_from(request.headers()).filter(|path| local(path) == path);
    let mut response = next.run(request).await;
    if is_other_site(&response)
        && back.is_some()
        && let Some(Error::Refused { title, words, .. }) = response.extensions().get::<Error>()
    {
        response = plain_html(
            response.status(),
            &Error::Refused { title: title.clone(), words: words.clone(), back },
        );
    }
    response
}

/// Layer around the session layer, which answers an empty 500 when a session cannot be stored:
/// replaces it by an explanation. The request's own work may have been done before that.
pub async fn explain_session_failure(
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

/// Whether the request was refused as a cross-site request.
pub fn is_other_site(response: &Response<Body>) -> bool {
    matches!(response.extensions().get::<Error>(), Some(Error::Refused { title,
        .. }) if title == ELSEWHERE)
}

/// An error page for an operation's error.
pub fn for_error(error: &Error) -> Response<Body> {
    plain_html(status_of(error), error)
}

/// The page after a panic. The cause goes to the log under a reference.
pub fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied());
    for_error(&internal(&format!("a request panicked: {}", text.unwrap_or("no words"))))
}

/// The error as a plain HTML page. The error itself is added to the extensions, so that
/// [`in_frame`] can render it better.
fn plain_html(status: StatusCode, error: &Error) -> Response<Body> {
    let mut response = Response::new(Body::from(page(error, Theme::System)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Error::Busy { seconds, .. } = error {
        headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response.extensions_mut().insert(error.clone());
    response
}

fn page(error: &Error, theme: Theme) -> String {
    let back = match error {
        Error::Refused { back: Some(path), .. } => {
            format!(
                "<p><a class=\"button\" href=\"{}\">Back to the form</a></p>",
                encode_double_quoted_attribute(path)
            )
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
         type=\"image/svg+xml\"><link rel=\"preload\" href=\"{FONT}\" as=\"font\" \
         type=\"font/woff2\" crossorigin><link rel=\"stylesheet\" \
         href=\"/pkg/service-hooks.css?v={version}\"></head><body><main \
         class=\"lone\"><p class=\"brand\"><span class=\"mark\"><svg class=\"icon\" \
         aria-hidden=\"true\"><use href=\"/icons.svg?v={version}#mark\"/></svg></span>Service \
         Hooks</p><h1>{title}</h1><p>{words}</p>{back}<p><a class=\"button\" href=\"/\">Open the \
         portal</a></p></main></body></html>",
        title = encode_double_quoted_attribute(error.title()),
        version = site::version(),
        words = encode_double_quoted_attribute(&error.advice()),
    )
}

/// Layer inside the sessions: renders an error in the portal's frame if the user is signed in and
/// accepts HTML.
pub async fn in_frame(request: Request, next: Next) -> Response<Body> {
    let is_framed = request.extensions().get::<OpCtx>().is_some_and(|ctx| ctx.user.is_some())
        && accepts_html(request.headers());
    let (parts, body) = request.into_parts();
    let original = is_framed.then(|| parts.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    let (Some(mut original), Some(error)) =
        (original, response.extensions().get::<Error>().cloned())
    else {
        return response;
    };
    (original.method, original.uri) = (Method::GET, Uri::from_static("/"));
    let framed = render(Request::from_parts(original, Body::empty()), Some(error)).await;
    let (mut parts, body) = framed.into_parts();
    parts.status = response.status();
    if let Some(wait) = response.headers().get(RETRY_AFTER) {
        parts.headers.insert(RETRY_AFTER, wait.clone());
    }
    Response::from_parts(parts, body)
}

/// Outermost layer of the pages: an error that stayed plain HTML gets the theme of the browser's
/// cookie.
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

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}
