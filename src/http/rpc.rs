//! Server functions over HTTP. Islands use JSON. A plain form post gets what a browser needs: a
//! redirect with 303, or an error page with the correct status, but never JSON and never an error
//! in the URL.

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

/// Maximum body of a form or a call in bytes. The API has its own limit.
pub const FORM_LIMIT: usize = 256 * 1024;
/// The same for clients that are not signed in: they send an e-mail address and a password.
const ANONYMOUS_LIMIT: usize = 16 * 1024;
/// Maximum bytes of a response that is read to find its error.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

pub async fn answer(request: Request) -> Response {
    let form = plain_form(&request);
    let is_signed_in = request.extensions().get::<OpCtx>().is_some_and(|ctx| ctx.user.is_some());
    let limit = if is_signed_in { FORM_LIMIT } else { ANONYMOUS_LIMIT };
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
    // Leptos would redirect to the `Referer` with the error in the URL. `form_response` decides
    // instead.
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
    let response = with_error_status(response).await;
    match form {
        Some(form) => form_response(form, response),
        None => response,
    }
}

/// A request that does not ask for JSON is a plain form post by a browser.
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

/// Leptos answers every error with 500: sets the error's own status.
async fn with_error_status(response: Response) -> Response {
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

/// Response extension: the server function's error, for [`form_response`].
#[derive(Clone)]
struct Failure(Error);

fn form_response(form: PlainForm, response: Response) -> Response {
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
        Some(_) => error_page::for_error(error),
    }
}
