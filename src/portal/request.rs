//! Between a server function's body and the rest of the server: finds the request's context, turns
//! an operation's error into what the page is told, and sets status and redirect. The only place
//! that speaks to Leptos' response.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header::SET_COOKIE, request::Parts};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use serde::{Serialize, de::DeserializeOwned};
use tower_sessions::Session;

use crate::{
    domain::{invalid::Invalid, preferences::Theme},
    engine::{clock::random_bytes, store::error::chain},
    portal::{
        auth::{self, cookie::Cookie},
        ctx::OpCtx,
        ops::{self, error::Tombstone},
    },
    view::Error,
};

/// The path under which server functions are called.
pub const RPC_PREFIX: &str = "/rpc/";

/// What a body works with.
pub struct Request {
    pub ctx: OpCtx,
    pub session: Session,
    headers: HeaderMap,
    /// A page is being rendered (and not a form or an island answered).
    is_page: bool,
    plain_form: Option<PlainForm>,
}

/// Marks a request as a form that a browser posts by itself, and that is to be led somewhere. Put
/// there by `http::rpc`.
#[derive(Clone, Debug, Default)]
pub struct PlainForm {
    /// The local path and query of the page it was on.
    pub came_from: Option<String>,
}

/// The request that is being answered.
pub fn request() -> Result<Request, Error> {
    let parts = use_context::<Parts>().ok_or_else(|| broken("no request"))?;
    let ctx = parts.extensions.get::<OpCtx>().cloned().ok_or_else(|| broken("no context"))?;
    let session = auth::session::of(&parts.extensions).ok_or_else(|| broken("no session"))?;
    let is_page = !parts.uri.path().starts_with(RPC_PREFIX);
    let plain_form = parts.extensions.get::<PlainForm>().cloned();
    Ok(Request { ctx, session, headers: parts.headers, is_page, plain_form })
}

fn broken(what: &str) -> Error {
    internal(&format!("a server function ran outside of a request: {what}"))
}

impl Request {
    /// Is this a form that a browser posts by itself, and that wants to be led somewhere?
    pub fn is_plain_form(&self) -> bool {
        self.plain_form.is_some()
    }

    /// The page the form was on, with its query; `otherwise` when it was none of ours.
    pub fn came_from(&self, otherwise: &str) -> String {
        let form = self.plain_form.as_ref().and_then(|form| form.came_from.clone());
        form.unwrap_or_else(|| otherwise.to_owned())
    }

    /// What this browser kept for us.
    pub fn cookie<T: DeserializeOwned>(&self, cookie: Cookie) -> Option<T> {
        let portal = &self.ctx.portal;
        cookie.read(&portal.store().vault, portal.clock(), self.is_https(), &self.headers)
    }

    /// Has this browser keep something for us.
    pub fn keep_cookie<T: Serialize>(&self, cookie: Cookie, it: &T) {
        let portal = &self.ctx.portal;
        let line = cookie.keep(&portal.store().vault, portal.clock(), self.is_https(), it);
        if let (Some(response), Some(line)) = (use_context::<ResponseOptions>(), line) {
            response.append_header(SET_COOKIE, line);
        }
    }

    fn is_https(&self) -> bool {
        self.ctx.portal.settings.public_url().starts_with("https://")
    }

    /// The page that is being rendered says this by its status; whatever else is answered keeps its
    /// own.
    pub fn answer_with(&self, status: StatusCode) {
        if self.is_page {
            set_status(status);
        }
    }

    /// The outcome of an operation, as the page is told; a page that is being rendered takes its
    /// status from it.
    pub fn tell<T>(&self, outcome: Result<T, ops::Error>) -> Result<T, Error> {
        outcome.map_err(|error| {
            let error = told(error);
            if self.is_page {
                set_status(status_of(&error));
            }
            error
        })
    }
}

/// The page that is being rendered does not exist.
pub async fn not_found(what: &'static str) -> Result<(), Error> {
    request()?.tell(Err(ops::Error::NotFound(what)))
}

/// An operation's error without anything internal. What is internal goes to the log, under a
/// reference.
pub fn told(error: ops::Error) -> Error {
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
            let message =
                format!("The job {job} is running and covers some of the same deliveries.");
            Error::Invalid(Invalid::one("job", "overlaps", message))
        }
        ops::Error::Busy { seconds } => Error::Busy { seconds },
        ops::Error::DiskFull => Error::DiskFull,
        ops::Error::Store(error) => internal(&chain(&error)),
    }
}

/// A fault of ours, noted in the log under a reference.
pub fn internal(cause: &str) -> Error {
    let reference =
        random_bytes::<4>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    tracing::error!(reference, cause, "a request failed");
    Error::Internal { reference }
}

/// The status that says what an error says.
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

/// The cookie that tells sign-in which theme to come in. Nothing reads it but the server.
pub const THEME_COOKIE: &str = "theme";
const A_YEAR: u32 = 31_536_000;

/// Lets this browser keep a theme for pages on which nobody is signed in.
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

/// Leads the browser on after a form. Only local paths of visible ASCII; anything else leads home.
pub fn go(path: &str) {
    leptos_axum::redirect(local(path));
}

/// `path`, if it is one of ours and fits a header.
pub fn local(path: &str) -> &str {
    const HOME: &str = "/integration/hooks";
    // Visible ASCII only: browsers drop tabs and line breaks, and what is left could lead
    // elsewhere.
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
