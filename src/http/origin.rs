//! Refuses requests before anything asks who is acting: requests for a foreign host, our own
//! deliveries that came back, and changes with a session cookie that do not say which site they
//! come from.

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
    http::{api::problem::Problem, noise::Noise},
    portal::{
        auth::{client, refusals::Refusal, session},
        ctx::Portal,
        ops,
    },
};

/// Load balancers ask these by address, and the answers are no secret, so any `Host` is accepted.
const ANY_HOST: &[&str] = &["/healthz", "/readyz"];
/// Every delivery has this header.
const DELIVERED: HeaderName = HeaderName::from_static("x-service-hook-event");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused by its head alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdirected {
    Missing,
    Several,
    Foreign,
    /// It is a delivery, and the portal receives none.
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
                "This is a delivery of a hook, and the portal is no receiver. Change the hook's \
                 URL."
            }
            Self::Foreign => {
                "The portal doesn't answer under this host. Use its public URL, or have the \
                 operator add the name to SERVICE_HOOKS_HOSTS."
            }
        }
    }

    /// The answer for programs.
    pub fn problem(self) -> Problem {
        let header = if self == Self::Looped { "X-Service-Hook-Event" } else { "Host" };
        Problem::new(self.status(), self.words(), Invalid::one(header, "wrong", self.words()))
    }
}

/// Is the request for this portal, by its `Host`, and not a delivery?
pub fn host(settings: &Settings, uri: &Uri, headers: &HeaderMap) -> Result<(), Misdirected> {
    let mut named = headers.get_all(HOST).iter();
    let host = named.next().ok_or(Misdirected::Missing)?;
    if named.next().is_some() {
        return Err(Misdirected::Several);
    }
    if headers.contains_key(DELIVERED) {
        return Err(Misdirected::Looped);
    }
    let is_ours = host.to_str().is_ok_and(|host| settings.answers_to(host));
    // A request line in absolute form names a host, too.
    let also = uri.authority().is_none_or(|authority| settings.answers_to(authority.as_str()));
    if is_ours && also { Ok(()) } else { Err(Misdirected::Foreign) }
}

static MISDIRECTED: Noise = Noise::none_yet();

/// The layer around everything except `POST /api/v1/events`, which calls [`host`] itself.
pub async fn known_host(
    State(portal): State<Arc<Portal>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let outcome = host(&portal.settings, request.uri(), request.headers());
    match outcome {
        Err(wrong) if !ANY_HOST.contains(&path) => {
            if let Some(times) = MISDIRECTED.note() {
                tracing::warn!(
                    times,
                    last = wrong.words(),
                    "requests that are not for the portal were refused"
                );
            }
            match path.starts_with("/api/") {
                true => wrong.problem().into_response(),
                false => error_page::of(wrong.status(), wrong.words()),
            }
        }
        _ => next.run(request).await,
    }
}

/// The layer that notes refused requests in the audit log.
pub async fn noted(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
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

static MALFORMED: Noise = Noise::none_yet();

/// The layer around the sessions. A request with a session cookie that changes something must say
/// where it comes from, with `Origin` or `Sec-Fetch-Site`: every current browser does. Malformed
/// session cookies are removed, because the session layer would log each of them.
pub async fn vouched(
    State(portal): State<Arc<Portal>>,
    mut request: Request,
    next: Next,
) -> Response {
    let name = session::cookie_name(&portal.settings.public_url());
    let headers = request.headers_mut();
    let cookies = session::without_malformed(headers, name);
    if cookies.malformed
        && let Some(times) = MALFORMED.note()
    {
        tracing::warn!(times, "requests came with a cookie that is no session's");
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let says_whence = [ORIGIN, FETCH_SITE].iter().any(|name| request.headers().contains_key(name));
    if cookies.session && !is_read && !says_whence {
        return error_page::plain(StatusCode::FORBIDDEN);
    }
    next.run(request).await
}
