//! Server functions over HTTP. Islands speak JSON. A plain form is answered as a form wants it: led
//! on with 303, or shown an error page with the right status; never the raw answer, and never an
//! error in the address.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT, CONTENT_TYPE, LOCATION, REFERER},
    },
    response::{IntoResponse, Redirect, Response},
};
use leptos::server_fn::redirect::REDIRECT_HEADER;

use super::{error_page, reader::came_from};
use crate::{
    http::api::body::{Unread, bounded},
    portal::{
        ctx::OpCtx,
        request::{PlainForm, local, status_of},
    },
    view::Error,
};

/// Largest body of a form or an island's call, in bytes. The API has its own limit.
const FORM_LIMIT: usize = 256 * 1024;
/// The same of whoever is not signed in: an address and a password.
const STRANGERS_LIMIT: usize = 16 * 1024;
/// Answers are small: a page's data at most.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

pub async fn answer(request: Request) -> Response {
    let form = plain_form(&request);
    let is_known = request.extensions().get::<OpCtx>().is_some_and(|ctx| ctx.user.is_some());
    let limit = if is_known { FORM_LIMIT } else { STRANGERS_LIMIT };
    let (parts, body) = request.into_parts();
    let body = match bounded(body, limit).await {
        Ok(bytes) => Body::from(bytes),
        Err(Unread::TooLarge) => return error_page::plain(StatusCode::PAYLOAD_TOO_LARGE),
        Err(Unread::Broken) => return error_page::plain(StatusCode::BAD_REQUEST),
    };
    let mut request = Request::from_parts(parts, body);
    if let Some(form) = &form {
        request.extensions_mut().insert(form.clone());
    }
    // Leptos would lead a browser to its referer, errors and all; that is decided here instead.
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    request.headers_mut().remove(REFERER);
    let path = request.uri().path().to_owned();
    let is_known = leptos::server_fn::axum::server_fn_paths()
        .any(|(known, method)| known == path && method == *request.method());
    if !is_known {
        return refuse(form.as_ref(), &Error::NotFound { what: "server function".to_owned() });
    }
    let response =
        leptos_axum::handle_server_fns_with_context(|| (), request).await.into_response();
    let response = with_true_status(response).await;
    match form {
        Some(form) => as_form(form, response),
        None => response,
    }
}

/// Whatever does not ask for JSON is a browser posting a form.
fn plain_form(request: &Request) -> Option<PlainForm> {
    let text =
        |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(ACCEPT)
        .is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/html"))
    {
        return None;
    }
    Some(PlainForm { came_from: came_from(request.headers()) })
}

/// Leptos answers every error with 500; the error itself knows better.
async fn with_true_status(response: Response) -> Response {
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST_ANSWER).await.unwrap_or_default();
    if let Ok(error) = serde_json::from_slice::<Error>(&body) {
        parts.status = status_of(&error);
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        parts.extensions.insert(Failure(error));
    }
    Response::from_parts(parts, Body::from(body))
}

/// The error an answer carries, for whoever has to show it as a page.
#[derive(Clone)]
struct Failure(Error);

fn as_form(form: PlainForm, response: Response) -> Response {
    if let Some(Failure(error)) = response.extensions().get::<Failure>().cloned() {
        return refuse(Some(&form), &error);
    }
    if !response.status().is_success() && !response.status().is_redirection() {
        return error_page::plain(response.status());
    }
    let (mut parts, _) = response.into_parts();
    let otherwise = HeaderValue::from_str(local(form.came_from.as_deref().unwrap_or("/")));
    let location =
        parts.headers.remove(LOCATION).or(otherwise.ok()).unwrap_or(HeaderValue::from_static("/"));
    parts.headers.remove(REDIRECT_HEADER);
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.remove("content-length");
    parts.headers.insert(LOCATION, location);
    parts.status = StatusCode::SEE_OTHER;
    Response::from_parts(parts, Body::empty())
}

fn refuse(form: Option<&PlainForm>, error: &Error) -> Response {
    match form {
        None => (status_of(error), axum::Json(error)).into_response(),
        Some(_) if *error == Error::SignIn => Redirect::to("/sign-in").into_response(),
        Some(_) => error_page::told(error),
    }
}
