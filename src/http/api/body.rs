//! Reads request bodies up to a limit.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
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
        Ok(Self(bounded(request.into_body(), LIMIT).await?))
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
