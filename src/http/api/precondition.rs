//! `If-Match` and `ETag` of a hook (RFC 9110): its version in quotes. An alternative to the field
//! `version`, for clients and proxies that know only HTTP.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, header, request::Parts},
};

use crate::{http::api::problem::Problem, portal::ops};

/// The `ETag` of a hook at this version.
pub fn etag(version: i64) -> [(HeaderName, HeaderValue); 1] {
    let tag = format!("\"{version}\"");
    [(header::ETAG, HeaderValue::from_str(&tag).expect("digits in quotes are visible ASCII"))]
}

/// The tags in `If-Match`; `None` without the header, or if any version is right (`*`).
pub struct IfMatch(Option<Vec<String>>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(header::IF_MATCH).into_iter();
        let tags: Vec<String> = values
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .map(|tag| tag.trim().to_owned())
            .collect();
        let is_any = tags.is_empty() || tags.iter().any(|tag| tag == "*");
        Ok(Self((!is_any).then_some(tags)))
    }
}

impl IfMatch {
    pub fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Fails with 412 unless the current version is one of the tags. A weak tag (`W/"3"`) never
    /// matches, as the standard says.
    pub fn check(&self, current: i64) -> Result<(), Problem> {
        let tag = format!("\"{current}\"");
        match &self.0 {
            Some(tags) if !tags.contains(&tag) => Err(Problem::precondition_failed(current)),
            _ => Ok(()),
        }
    }

    /// A version that became stale after [`check`](Self::check) fails the same precondition.
    pub fn problem(&self, error: ops::Error) -> Problem {
        match error {
            ops::Error::Stale { now } if self.is_given() => Problem::precondition_failed(now),
            error => error.into(),
        }
    }
}
