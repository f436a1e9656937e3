//! Bridge between server functions and HTTP: finds the request's context, converts an operation's
//! error into the public one, and sets status and redirect. The only module that writes to Leptos'
//! response.

use axum::http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{SET_COOKIE, USER_AGENT},
    request::Parts,
};
use data_encoding::HEXLOWER;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use serde::{Serialize, de::DeserializeOwned};
use tower_sessions::Session;

use crate::{
    domain::{invalid::Invalid, preferences::Theme},
    engine::{clock::random_bytes, store::error::chain},
    portal::{
        auth::{self, cookie::Cookie, form_token::FormToken},
        ctx::OpCtx,
        ops::{self, error::Tombstone},
    },
    view::{Error, words::problems},
};

/// The path under which server functions are called.
pub const RPC_PREFIX: &str = "/rpc/";

/// The request, as a server function's body sees it.
pub struct Request {
    pub ctx: OpCtx,
    pub session: Session,
    headers: HeaderMap,
    /// A page is being rendered, as opposed to a server function being called.
    is_page: bool,
    plain_form: Option<PlainForm>,
    /// An open page reads its own address again in the background (`browser/live.js`). Nobody
    /// looks at the whole answer, so it must not take what is shown once, nor count as use of the
    /// session.
    pub is_refresh: bool,
}

/// The header of a refresh in the background.
const REFRESH: &str = "x-refresh";

/// Marks a request as a plain form post without scripts. Its response is a redirect. Inserted by
/// `http::rpc`.
#[derive(Clone, Debug, Default)]
pub struct PlainForm {
    /// Local path and query of the page with the form.
    pub came_from: Option<String>,
}

/// The current request.
pub fn request() -> Result<Request, Error> {
    let parts = use_context::<Parts>().ok_or_else(|| broken("no request"))?;
    let ctx = parts.extensions.get::<OpCtx>().cloned().ok_or_else(|| broken("no context"))?;
    let session = auth::session::of(&parts.extensions).ok_or_else(|| broken("no session"))?;
    let is_page = !parts.uri.path().starts_with(RPC_PREFIX);
    let plain_form = parts.extensions.get::<PlainForm>().cloned();
    let is_refresh = parts.headers.contains_key(REFRESH);
    Ok(Request { ctx, session, headers: parts.headers, is_page, plain_form, is_refresh })
}

fn broken(what: &str) -> Error {
    internal(&format!("a server function ran outside of a request: {what}"))
}

impl Request {
    /// Whether this is a plain form post, whose response must be a redirect.
    pub fn is_plain_form(&self) -> bool {
        self.plain_form.is_some()
    }

    /// Path and query of the page with the form; `otherwise` if that is unknown or not local.
    pub fn came_from(&self, otherwise: &str) -> String {
        let form = self.plain_form.as_ref().and_then(|form| form.came_from.clone());
        form.unwrap_or_else(|| otherwise.to_owned())
    }

    /// What the browser calls itself. Anything may stand there.
    pub fn agent(&self) -> String {
        let agent = self.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        agent.unwrap_or_default().to_owned()
    }

    /// The content of a sealed cookie of this browser.
    pub fn cookie<T: DeserializeOwned>(&self, cookie: Cookie) -> Option<T> {
        let portal = &self.ctx.portal;
        cookie.read(&portal.store().vault, portal.clock(), self.is_https(), &self.headers)
    }

    /// Sets a sealed cookie. It is left out if the content is too large for a cookie.
    pub fn keep_cookie<T: Serialize>(&self, cookie: Cookie, it: &T) {
        let portal = &self.ctx.portal;
        let line = cookie.keep(&portal.store().vault, portal.clock(), self.is_https(), it);
        if let (Some(response), Some(line)) = (use_context::<ResponseOptions>(), line) {
            response.append_header(SET_COOKIE, line);
        }
    }

    /// What tells a form from all others, if its token is valid and was made for this user.
    pub fn form_nonce(&self, token: &str) -> Option<String> {
        let portal = &self.ctx.portal;
        let token = FormToken::open(&portal.store().vault, portal.clock(), token)?;
        let user = self.ctx.user.as_ref()?;
        (token.user == user.id).then_some(token.nonce)
    }

    fn is_https(&self) -> bool {
        self.ctx.portal.settings.public_url().starts_with("https://")
    }

    /// Sets the status of the page that is being rendered. Responses of server functions keep their
    /// own.
    pub fn answer_with(&self, status: StatusCode) {
        if self.is_page {
            set_status(status);
        }
    }

    /// The outcome with a public error. If a page is being rendered, its status follows the error.
    pub fn respond<T>(&self, outcome: Result<T, ops::Error>) -> Result<T, Error> {
        outcome.map_err(|error| {
            let error = public_error(error);
            if self.is_page {
                set_status(status_of(&error));
            }
            error
        })
    }
}

/// Makes the page that is being rendered a 404.
pub async fn not_found(what: &'static str) -> Result<(), Error> {
    request()?.respond(Err(ops::Error::NotFound(what)))
}

/// Converts an operation's error for the client. Internal details go to the log under a reference;
/// the client gets only the reference.
pub fn public_error(error: ops::Error) -> Error {
    match error {
        ops::Error::SignIn => Error::SignIn,
        ops::Error::Forbidden(permission) => Error::Forbidden {
            permission: permission.key().to_owned(),
            words: permission.words().to_owned(),
        },
        ops::Error::NotFound(what) => Error::NotFound { what: what.to_owned() },
        ops::Error::Deleted(tombstone) => {
            let Tombstone { id, name, at, by } = *tombstone;
            Error::Deleted { id: id.to_string(), name, at, by }
        }
        ops::Error::Invalid(invalid) => Error::Invalid(invalid),
        ops::Error::Stale { now } => Error::Stale { now },
        ops::Error::Overlaps { job } => {
            Error::Invalid(Invalid::one("job", "overlaps", problems::overlaps(job)))
        }
        ops::Error::Busy { reason, seconds } => Error::Busy { reason, seconds },
        ops::Error::DiskFull => Error::DiskFull,
        ops::Error::Store(error) => internal(&chain(&error)),
    }
}

/// An internal error: the cause is logged under a reference that the client gets.
pub fn internal(cause: &str) -> Error {
    let reference = HEXLOWER.encode(&random_bytes::<4>());
    tracing::error!(reference, cause, "a request failed");
    Error::Internal { reference }
}

/// The HTTP status of an error.
pub fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::SignIn => StatusCode::UNAUTHORIZED,
        Error::Forbidden { .. } => StatusCode::FORBIDDEN,
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Deleted { .. } => StatusCode::GONE,
        Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Stale { .. } => StatusCode::CONFLICT,
        Error::Busy { .. } | Error::DiskFull => StatusCode::SERVICE_UNAVAILABLE,
        Error::BadRequest { .. } | Error::Refused { .. } => StatusCode::BAD_REQUEST,
        Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn set_status(status: StatusCode) {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(status);
    }
}

/// The cookie that holds the theme of pages without a signed-in user. Only the server reads it.
pub const THEME_COOKIE: &str = "theme";
const A_YEAR: u32 = 31_536_000;

/// Sets the theme cookie of this browser.
pub fn remember_theme(theme: Theme, request: &Request) {
    let secure = if request.is_https() { "; Secure" } else { "" };
    let key = theme.key();
    let cookie =
        format!("{THEME_COOKIE}={key}; Path=/; Max-Age={A_YEAR}; HttpOnly; SameSite=Lax{secure}");
    if let (Some(response), Ok(cookie)) =
        (use_context::<ResponseOptions>(), HeaderValue::from_str(&cookie))
    {
        response.append_header(SET_COOKIE, cookie);
    }
}

/// Redirects the browser after a form. Any path that is not local and visible ASCII becomes the
/// start page.
pub fn redirect(path: &str) {
    leptos_axum::redirect(local(path));
}

/// `path`, if it is a local path that is safe in a header; else the start page.
pub fn local(path: &str) -> &str {
    const HOME: &str = "/integration/hooks";
    // Visible ASCII only: browsers drop tabs and line breaks, and the remainder could be a URL of
    // another host.
    let is_plain = path.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'\\');
    if is_plain && path.starts_with('/') && !path.starts_with("//") { path } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_local_paths_are_followed() {
        assert_eq!(local("/integration/hooks?x=1#h"), "/integration/hooks?x=1#h");
        for foreign in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/a\r\nset-cookie: x",
            "/é",
            "evil",
            "/\t/evil.example",
            "/ /x",
        ] {
            assert_eq!(local(foreign), "/integration/hooks", "{foreign:?}");
        }
    }
}
