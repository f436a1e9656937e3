//! Checks of a request's head before authentication. Refuses requests for a foreign host, the
//! portal's own deliveries that loop back to it, and state-changing requests with a session cookie
//! but without a statement of their origin (CSRF).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, Method, StatusCode, Uri,
        header::{AUTHORIZATION, HOST, HeaderName, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error_page;
use crate::{
    domain::invalid::Invalid,
    engine::config::Settings,
    http::{api::problem::Problem, log_limit::LogLimit},
    portal::{
        auth::{client, refusals::Refusal, session},
        ctx::Portal,
        ops,
    },
};

/// Load balancers request these by IP address, and the responses hold no secret, so any `Host` is
/// accepted.
const ANY_HOST: &[&str] = &["/healthz", "/readyz"];
/// A header that every delivery carries.
const DELIVERED: HeaderName = HeaderName::from_static("x-service-hook-event");
pub const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused because of its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdirected {
    Missing,
    Several,
    Foreign,
    /// A delivery of this portal that was sent to the portal itself.
    Looped,
}

impl Misdirected {
    fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Several => StatusCode::BAD_REQUEST,
            Self::Foreign => StatusCode::MISDIRECTED_REQUEST,
            Self::Looped => StatusCode::LOOP_DETECTED,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Missing => "The request names no host. Send one Host header.",
            Self::Several => "The request names more than one host. Send one Host header.",
            Self::Looped => {
                "This is a delivery of a hook, but the portal receives no deliveries. Change the \
                 hook's URL."
            }
            Self::Foreign => {
                "The portal doesn't accept this host name. Use its public URL, or ask the operator \
                 to add the name to SERVICE_HOOKS_HOSTS."
            }
        }
    }

    /// The response for API clients.
    pub fn problem(self) -> Problem {
        let header = if self == Self::Looped { "X-Service-Hook-Event" } else { "Host" };
        Problem::new(self.status(), self.words(), Invalid::one(header, "wrong", self.words()))
    }
}

/// Checks that `Host` names this portal and that the request is not a delivery.
pub fn validate_host(
    settings: &Settings,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Misdirected> {
    let mut named = headers.get_all(HOST).iter();
    let host = named.next().ok_or(Misdirected::Missing)?;
    if named.next().is_some() {
        return Err(Misdirected::Several);
    }
    if headers.contains_key(DELIVERED) {
        return Err(Misdirected::Looped);
    }
    let is_ours = host.to_str().is_ok_and(|host| settings.answers_to(host));
    // A request line in absolute form names a host as well.
    let is_uri_ours =
        uri.authority().is_none_or(|authority| settings.answers_to(authority.as_str()));
    if is_ours && is_uri_ours { Ok(()) } else { Err(Misdirected::Foreign) }
}

static MISDIRECTED: LogLimit = LogLimit::new();

/// Layer around everything except `POST /api/v1/events`, which calls [`validate_host`] itself.
pub async fn check_host(
    State(portal): State<Arc<Portal>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let outcome = validate_host(&portal.settings, request.uri(), request.headers());
    match outcome {
        Err(wrong) if !ANY_HOST.contains(&path) => {
            if let Some(times) = MISDIRECTED.record() {
                tracing::warn!(times, last = wrong.words(), "refused requests for another host");
            }
            match path.starts_with("/api/") {
                true => wrong.problem().into_response(),
                false => error_page::with_words(wrong.status(), wrong.words()),
            }
        }
        _ => next.run(request).await,
    }
}

/// Layer that records refused requests in the audit log.
pub async fn audit_refusals(
    State(portal): State<Arc<Portal>>,
    request: Request,
    next: Next,
) -> Response {
    let client =
        client::address(request.extensions(), request.headers(), &portal.settings.trusted_proxies);
    let has_token = request.headers().contains_key(AUTHORIZATION);
    let response = next.run(request).await;
    let kind = match response.status() {
        StatusCode::FORBIDDEN if error_page::is_other_site(&response) => Refusal::OtherSite,
        StatusCode::FORBIDDEN => Refusal::Forbidden,
        StatusCode::UNAUTHORIZED if has_token => Refusal::UnknownToken,
        _ => return response,
    };
    ops::refusals::note(&portal, kind, Some(client));
    response
}

static MALFORMED: LogLimit = LogLimit::new();

/// Layer around the sessions. A state-changing request with a session cookie must carry `Origin` or
/// `Sec-Fetch-Site`, as every current browser sends. Malformed session cookies are removed, because
/// the session layer would log each of them.
pub async fn check_origin(
    State(portal): State<Arc<Portal>>,
    mut request: Request,
    next: Next,
) -> Response {
    let name = session::cookie_name(&portal.settings.public_url());
    let headers = request.headers_mut();
    let cookies = session::without_malformed(headers, name);
    if cookies.malformed
        && let Some(times) = MALFORMED.record()
    {
        tracing::warn!(times, "removed malformed session cookies from requests");
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let states_origin =
        [ORIGIN, FETCH_SITE].iter().any(|name| request.headers().contains_key(name));
    if cookies.session && !is_read && !states_origin {
        return error_page::plain(StatusCode::FORBIDDEN);
    }
    next.run(request).await
}
