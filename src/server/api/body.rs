//! Reading request bodies: bounded, and member by member, so that every wrong member is named and
//! none is passed over.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use bytes::BytesMut;
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::{domain::invalid::Invalid, engine::catalogue::strict::Strict};

/// Largest body of a request, in bytes.
pub const LIMIT: usize = 1024 * 1024;
/// How much of a body that is too large is still taken off the wire: a sender that is cut off in
/// the middle would see a broken connection and never the answer that says why.
const SWALLOW: usize = 16 * 1024 * 1024;

/// The bytes of a body within the limit.
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
            Unread::Broken => Self::malformed("it did not arrive completely"),
        }
    }
}

/// Unknown members that are named.
const UNKNOWN: usize = 10;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    Broken,
}

/// Reads a body of at most `limit` bytes.
pub async fn bounded(mut body: Body, limit: usize) -> Result<Bytes, Unread> {
    let mut bytes = BytesMut::new();
    let mut came = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        came += data.len();
        if came <= limit {
            bytes.extend_from_slice(data);
        } else if came > SWALLOW {
            break;
        }
    }
    if came > limit { Err(Unread::TooLarge) } else { Ok(bytes.freeze()) }
}

/// The members of a JSON object, taken one by one; what is left over is unknown.
pub struct Members {
    members: Map<String, Value>,
    pub invalid: Invalid,
}

impl Members {
    /// Reads an object; nothing, or null, is an empty one.
    pub fn read(Raw(bytes): &Raw) -> Result<Self, Problem> {
        if bytes.is_empty() {
            return Ok(Self { members: Map::new(), invalid: Invalid::default() });
        }
        let Strict(value) =
            serde_json::from_slice(bytes).map_err(|error| match error.is_data() {
                true => Problem::invalid(Invalid::one("body", "twice", error.to_string())),
                false => Problem::malformed(&error.to_string()),
            })?;
        match value {
            Value::Object(members) => Ok(Self { members, invalid: Invalid::default() }),
            Value::Null => Ok(Self { members: Map::new(), invalid: Invalid::default() }),
            _ => Err(Invalid::one("body", "type", "must be an object").into()),
        }
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.members.remove(name)? {
            Value::String(text) => Some(text),
            _ => self.wrong_type(name, "a string"),
        }
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.members.remove(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.wrong_type(name, "true or false"),
        }
    }

    pub fn integer(&mut self, name: &str) -> Option<i64> {
        match self.members.remove(name)?.as_i64() {
            Some(number) => Some(number),
            None => self.wrong_type(name, "a whole number"),
        }
    }

    /// A member that may be null: `None` when it is not there.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.members.remove(name)? {
            Value::Null => Some(None),
            value => match read(&value) {
                Some(value) => Some(Some(value)),
                None => self.wrong_type(name, wanted),
            },
        }
    }

    /// Is it there, whatever it is?
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    fn wrong_type<T>(&mut self, name: &str, wanted: &str) -> Option<T> {
        self.invalid.add(name, "type", format!("must be {wanted}"));
        None
    }

    /// Fails when a member had the wrong type or is not one of those that were taken.
    pub fn finish(mut self) -> Result<(), Invalid> {
        for name in self.members.keys().take(UNKNOWN) {
            self.invalid.add(name, "unknown", "is not a known field");
        }
        self.invalid.or(())
    }
}
