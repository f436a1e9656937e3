//! Reads request bodies up to a limit.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use bytes::BytesMut;
use http_body_util::BodyExt;

use super::problem::Problem;

/// Maximum body of an API request in bytes.
pub const LIMIT: usize = 1024 * 1024;
/// Deadline for the body of any request.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and discarded. A client that is cut off while it
/// sends sees a broken connection and never reads the 413.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;

/// The bytes of a body of at most [`LIMIT`] bytes.
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_encoding(&parts.headers)?;
        Ok(Self(bounded(body, LIMIT).await?))
    }
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::too_large(LIMIT),
            Unread::Broken => Self::incomplete(),
        }
    }
}

/// Fails with 415 unless the body is JSON as it is: not compressed, and in UTF-8.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    for value in headers.get_all(CONTENT_ENCODING) {
        if !value.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Err(Problem::unsupported(
                "Content-Encoding",
                "Compressed bodies are not supported. Send the JSON without Content-Encoding.",
            ));
        }
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let charset = kind.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    // ASCII is a part of UTF-8.
    let is_utf_8 = |name: &str| {
        ["utf-8", "utf8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    match charset {
        Some(other) if !is_utf_8(other) => Err(Problem::unsupported(
            "Content-Type",
            "Only JSON in UTF-8 is supported. Send the body in UTF-8.",
        )),
        _ => Ok(()),
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    Broken,
}

/// Reads a body of at most `limit` bytes.
pub async fn bounded(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let mut bytes = BytesMut::new();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        received += data.len();
        if received <= limit {
            bytes.extend_from_slice(data);
        } else if received > MAX_DISCARDED {
            break;
        }
    }
    if received > limit { Err(Unread::TooLarge) } else { Ok(bytes.freeze()) }
}
