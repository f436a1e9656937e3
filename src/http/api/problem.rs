//! Errors as the API says them: `application/problem+json` (RFC 9457) with a list of fields.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::invalid::{FieldError, Invalid},
    engine::{
        clock::random_bytes,
        store::{self, error::chain},
    },
    http::request_id,
    portal::ops,
};

/// What an answer repeats of a request is bounded, whatever the request was made of: so many errors
/// (a batch has a thousand events), and so many characters of each part.
const ERRORS: usize = 2000;
const NAME: usize = 200;
const MESSAGE: usize = 1000;
const DETAIL: usize = 4000;

fn clipped(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A problem document.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// What was wrong and what to do.
    detail: String,
    errors: Vec<ProblemField>,
    /// Of the request; the server's log has it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    request_id: Option<Box<str>>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// One field that cannot be accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField {
    /// `callback_url`, `data.timeInQueue`, `[3].type`.
    field: String,
    code: String,
    message: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>, invalid: Invalid) -> Self {
        let field = |error: FieldError| ProblemField {
            field: clipped(error.field, NAME),
            code: error.code,
            message: clipped(error.message, MESSAGE),
        };
        let more = invalid.0.len().saturating_sub(ERRORS);
        let mut errors: Vec<ProblemField> = invalid.0.into_iter().take(ERRORS).map(field).collect();
        if more > 0 {
            let message = format!("{more} more are wrong");
            errors.push(ProblemField { field: String::new(), code: "more".to_owned(), message });
        }
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: clipped(detail.into(), DETAIL),
            errors,
            request_id: request_id::current().map(String::into_boxed_str),
            retry_after: None,
        }
    }

    /// The body is not JSON.
    pub fn malformed(message: &str) -> Self {
        let invalid = Invalid::one("body", "json", message);
        Self::new(
            StatusCode::BAD_REQUEST,
            format!("The body is not valid JSON: {message}"),
            invalid,
        )
    }

    pub fn too_large(limit: usize) -> Self {
        let message = format!("must be at most {limit} bytes");
        let detail = format!("The body {message}.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail, Invalid::one("body", "too-large", message))
    }

    pub fn method_not_allowed(method: &Method) -> Self {
        let detail = format!("{method} is not possible here; see /api/v1/openapi.json.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail, Invalid::default())
    }

    /// The first request with the same `Idempotency-Key` is not answered yet.
    pub fn still_running() -> Self {
        let detail = "A request with this Idempotency-Key is still being carried out. Repeat it in \
                      a second to get its answer.";
        let invalid = Invalid::one(
            "Idempotency-Key",
            "running",
            "belongs to a request that is not answered yet",
        );
        Self { retry_after: Some(1), ..Self::new(StatusCode::CONFLICT, detail, invalid) }
    }

    pub fn invalid(invalid: Invalid) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, invalid.to_string(), invalid)
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid)
    }
}

impl Problem {
    /// The store failed. Its words are for the log.
    fn store(error: &store::Error) -> Self {
        let reference =
            random_bytes::<4>().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        tracing::error!(reference, cause = chain(error), "an API request failed");
        let detail = format!(
            "It may not have been stored; the log has the cause under {reference}. Try again, an \
             event with its Idempotency-Key."
        );
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail, Invalid::default());
        Self { retry_after: Some(1), ..problem }
    }
}

impl From<ops::Error> for Problem {
    fn from(error: ops::Error) -> Self {
        let plain = |status, detail: String| Self::new(status, detail, Invalid::default());
        match error {
            ops::Error::SignIn => plain(
                StatusCode::UNAUTHORIZED,
                "Send a valid token: Authorization: Bearer shk_... (make one with service-hooks \
                 token create)."
                    .into(),
            ),
            ops::Error::Forbidden(permission) => plain(
                StatusCode::FORBIDDEN,
                format!("The token lacks the permission {}.", permission.key()),
            ),
            ops::Error::NotFound(what) => {
                plain(StatusCode::NOT_FOUND, format!("There is no such {what}."))
            }
            ops::Error::Deleted(_) => {
                plain(StatusCode::NOT_FOUND, "There is no such hook.".to_owned())
            }
            ops::Error::Invalid(invalid) => Self::invalid(invalid),
            ops::Error::Stale { now } => Self::new(
                StatusCode::CONFLICT,
                format!(
                    "The hook was changed meanwhile and is at version {now}. Read it again and \
                     repeat the change."
                ),
                Invalid::one("version", "stale", format!("is now {now}")),
            ),
            ops::Error::Overlaps { job } => Self::new(
                StatusCode::CONFLICT,
                format!(
                    "The job {job} is running and covers some of the same deliveries. Wait until \
                     it is done, pause or cancel it (PATCH /api/v1/jobs/{job}), or choose other \
                     deliveries."
                ),
                Invalid::one("job", "overlaps", format!("{job} is running")),
            ),
            ops::Error::Busy { seconds } => {
                let problem = plain(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("Try again in {seconds} seconds."),
                );
                Self { retry_after: u32::try_from(seconds).ok(), ..problem }
            }
            ops::Error::DiskFull => {
                let detail = "The server's disk is full: nothing was stored. Send it again once \
                              there is room.";
                Self {
                    retry_after: Some(30),
                    ..plain(StatusCode::SERVICE_UNAVAILABLE, detail.to_owned())
                }
            }
            ops::Error::Store(error) => Self::store(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after.map(HeaderValue::from);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
