//! Extractors: the actor, ids of the path, query parameters and the body. Each rejection is a
//! problem document.

use std::str::FromStr;

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{body::Raw, fields, problem::Problem};
use crate::{
    domain::{
        id::{DeliveryId, DismissalId, EventId, HookId, JobId},
        invalid::Invalid,
    },
    engine::catalogue::{strict::StrictJson, syntax},
    portal::{ctx::OpCtx, ops},
};

/// The context that `http::api::identify` put into the request.
pub struct Ctx(pub OpCtx);

impl<S: Send + Sync> FromRequestParts<S> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<OpCtx>().cloned().map(Self).ok_or_else(|| ops::Error::SignIn.into())
    }
}

/// The noun of an id, for "There is no such hook."
pub trait Named: FromStr {
    const NAME: &str;
}

impl Named for HookId {
    const NAME: &str = "hook";
}

impl Named for EventId {
    const NAME: &str = "event";
}

impl Named for DeliveryId {
    const NAME: &str = "delivery";
}

impl Named for JobId {
    const NAME: &str = "job";
}

impl Named for DismissalId {
    const NAME: &str = "dismissal";
}

/// An id from the path. A malformed id is a 404.
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: Named> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = path.and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| ops::Error::NotFound(T::NAME).into())
    }
}

/// Parameters of the query string.
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(fields::of_query(parts.uri.query().unwrap_or_default())?))
    }
}

/// A JSON object as the body. An empty body counts as an empty object.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        read(&Raw::from_request(request, state).await?).map(Self)
    }
}

/// Reads the body for a handler that also needs its bytes.
pub fn read<T: DeserializeOwned>(raw: &Raw) -> Result<T, Problem> {
    Ok(fields::of_object(&object(raw)?)?)
}

/// The fields of a JSON object. A repeated field is an error. An empty body, or null, is an empty
/// object.
fn object(Raw(bytes): &Raw) -> Result<Map<String, Value>, Problem> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let StrictJson(value) =
        serde_json::from_slice(bytes).map_err(|error| match error.is_data() {
            true => {
                let fault = syntax::fault(bytes, &error);
                Problem::invalid(Invalid::one("body", "twice", format!("is ambiguous: {fault}")))
            }
            false => Problem::malformed(bytes, &error),
        })?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null => Ok(Map::new()),
        _ => Err(Invalid::one("body", "type", "must be a JSON object").into()),
    }
}
