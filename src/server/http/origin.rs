//! Requests that are refused before anybody asks who is acting: those for a host that is not ours, and those that use a
//! person's cookie without saying which site they come from.

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
    server::{
        api::problem::Problem,
        auth::{client, refusals::Refusal, session},
        ctx::Portal,
        noise::Noise,
        ops,
    },
};

/// Asked by address, by machines, and telling nothing: whatever host they name.
const ANY_HOST: &[&str] = &["/healthz", "/readyz"];
/// Every delivery says so.
const DELIVERED: HeaderName = HeaderName::from_static("x-service-hook-event");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What is wrong with the host that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongHost {
    Missing,
    Several,
    Foreign,
    /// A delivery of ours has come back to us.
    Looped,
}

impl WrongHost {
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
            Self::Looped => "This is a delivery of a hook, and the portal is no receiver. Change the hook's URL.",
            Self::Foreign => {
                "The portal doesn't answer under this host. Use its public URL, or have the operator add the name to \
                 SERVICE_HOOKS_HOSTS."
            }
        }
    }

    /// As a program is told.
    pub fn problem(self) -> Problem {
        Problem::new(self.status(), self.words(), Invalid::one("Host", "wrong", self.words()))
    }
}

/// Judges the host that a request is for.
pub fn host(settings: &Settings, uri: &Uri, headers: &HeaderMap) -> Result<(), WrongHost> {
    let mut named = headers.get_all(HOST).iter();
    let host = named.next().ok_or(WrongHost::Missing)?;
    if named.next().is_some() {
        return Err(WrongHost::Several);
    }
    if headers.contains_key(DELIVERED) {
        return Err(WrongHost::Looped);
    }
    let is_ours = host.to_str().is_ok_and(|host| settings.answers_to(host));
    // A request line with a whole address names a host, too.
    let also = uri.authority().is_none_or(|authority| settings.answers_to(authority.as_str()));
    if is_ours && also { Ok(()) } else { Err(WrongHost::Foreign) }
}

static FOREIGN: Noise = Noise::none_yet();

/// Around everything but the way in for events, which asks [`host`] by itself.
pub async fn known_host(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let outcome = host(&portal.settings, request.uri(), request.headers());
    match outcome {
        Err(wrong) if !ANY_HOST.contains(&path) => {
            if let Some(times) = FOREIGN.note() {
                tracing::warn!(times, ?wrong, "requests were refused for the host they name");
            }
            match path.starts_with("/api/") {
                true => wrong.problem().into_response(),
                false => error_page::of(wrong.status(), wrong.words()),
            }
        }
        _ => next.run(request).await,
    }
}

/// Has the audit log tell of requests that were refused.
pub async fn noted(State(portal): State<Arc<Portal>>, request: Request, next: Next) -> Response {
    let client = client::address(request.extensions(), request.headers(), &portal.settings.trusted_proxies);
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

/// Around the sessions. A request that changes something and uses a person's cookie says where it comes from: every browser
/// of today does. And what is no session's id is no cookie: the session layer would log each.
pub async fn vouched(State(portal): State<Arc<Portal>>, mut request: Request, next: Next) -> Response {
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
