//! The API's error responses: `application/problem+json` (RFC 9457) with a list of invalid fields.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        busy::Busy,
        invalid::{FieldError, Invalid},
    },
    engine::{
        catalogue::syntax,
        clock::random_bytes,
        store::{self, error::chain},
    },
    http::request_id,
    portal::ops,
    view::words::problems,
};

/// Limits of what a response repeats of its request, which may be hostile: the number of errors (a
/// batch has up to 1,000 events), and the characters of each part.
const MAX_ERRORS: usize = 2000;
const MAX_NAME: usize = 200;
const MAX_MESSAGE: usize = 1000;
const MAX_DETAIL: usize = 4000;

fn clipped(text: String, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
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
    /// What went wrong and what to do.
    detail: String,
    errors: Vec<ProblemField>,
    /// The request's id. The server's log has it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    request_id: Option<Box<str>>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// One invalid field.
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
            field: clipped(error.field, MAX_NAME),
            code: error.code,
            message: clipped(error.message, MAX_MESSAGE),
        };
        let more = invalid.0.len().saturating_sub(MAX_ERRORS);
        let mut errors: Vec<ProblemField> =
            invalid.0.into_iter().take(MAX_ERRORS).map(field).collect();
        if more > 0 {
            let message = format!("{more} more errors are not listed.");
            errors.push(ProblemField { field: String::new(), code: "more".to_owned(), message });
        }
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: clipped(detail.into(), MAX_DETAIL),
            errors,
            request_id: request_id::current().map(String::into_boxed_str),
            retry_after: None,
        }
    }

    /// 400: the body is not JSON.
    pub fn malformed(body: &[u8], error: &serde_json::Error) -> Self {
        let fault = syntax::fault(body, error);
        let invalid = Invalid::one("body", "json", format!("is not valid JSON: {fault}"));
        Self::new(StatusCode::BAD_REQUEST, format!("The body is not valid JSON: {fault}"), invalid)
    }

    /// 415: the body is in an encoding that this header names.
    pub fn unsupported(header: &str, detail: &str) -> Self {
        let invalid =
            Invalid::one(header, "unsupported", "names an encoding that is not supported");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail, invalid)
    }

    /// 400: the client closed the connection, or took too long to send the body.
    pub fn incomplete() -> Self {
        let invalid = Invalid::one("body", "json", "did not arrive completely");
        let detail = "The body did not arrive completely. Send the request again.";
        Self::new(StatusCode::BAD_REQUEST, detail, invalid)
    }

    pub fn too_large(limit: usize) -> Self {
        let message = format!("must be at most {limit} bytes");
        let detail = format!("The body {message}.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail, Invalid::one("body", "too-large", message))
    }

    pub fn method_not_allowed(method: &Method) -> Self {
        let detail =
            format!("{method} is not allowed here. See /api/v1/openapi.json for the operations.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail, Invalid::default())
    }

    /// 409: the first request with the same `Idempotency-Key` is still running.
    pub fn still_running() -> Self {
        let detail = "The first request with this Idempotency-Key is still running. Repeat the \
                      request in 1 second to get its response.";
        let invalid = Invalid::one(
            "Idempotency-Key",
            "running",
            "belongs to a request that is still running",
        );
        Self { retry_after: Some(1), ..Self::new(StatusCode::CONFLICT, detail, invalid) }
    }

    /// 412: `If-Match` names other versions of the hook.
    pub fn precondition_failed(now: i64) -> Self {
        let detail =
            format!("The hook is now at version {now}. Read it again and repeat your change.");
        let invalid = Invalid::one("If-Match", "stale", format!("is now \"{now}\""));
        Self::new(StatusCode::PRECONDITION_FAILED, detail, invalid)
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
    /// 503: the store failed. Clients get a reference; only the log has the cause.
    fn store(error: &store::Error) -> Self {
        let reference = HEXLOWER.encode(&random_bytes::<4>());
        tracing::error!(reference, cause = chain(error), "an API request failed");
        let detail = format!(
            "The server could not complete the request, and it is not known whether it was carried \
             out. Try again in 1 second. The server's log has the cause under reference \
             {reference}."
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
                "The token is missing or not valid. Send Authorization: Bearer shk_... Create a \
                 token with: service-hooks token create"
                    .into(),
            ),
            ops::Error::Forbidden(permission) => plain(
                StatusCode::FORBIDDEN,
                format!("This token doesn't have the permission {}.", permission.key()),
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
                    "Someone else changed the hook. It is now at version {now}. Read it again and \
                     repeat your change."
                ),
                Invalid::one("version", "stale", format!("is now {now}")),
            ),
            ops::Error::Overlaps { job } => Self::new(
                StatusCode::CONFLICT,
                format!(
                    "{} Wait until it is done, pause or cancel it (PATCH /api/v1/jobs/{job}), or \
                     choose other deliveries.",
                    problems::overlaps(job)
                ),
                Invalid::one("job", "overlaps", format!("{job} is running")),
            ),
            ops::Error::Busy { reason, seconds } => {
                let detail = problems::busy(reason, seconds);
                let status = match reason {
                    Busy::Tests => StatusCode::TOO_MANY_REQUESTS,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                Self { retry_after: u32::try_from(seconds).ok(), ..plain(status, detail) }
            }
            ops::Error::DiskFull => {
                let detail = format!("{} Try again in 30 seconds.", problems::DISK_FULL);
                let problem = plain(StatusCode::SERVICE_UNAVAILABLE, detail);
                Self { retry_after: Some(30), ..problem }
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
