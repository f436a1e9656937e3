//! The operations of version 1. `ROUTES` lists them all: the tests try each with every kind of
//! caller.

mod deliveries;
mod event_types;
pub mod events;
mod hooks;
mod jobs;
mod once;
mod openapi;
mod shape;
mod try_now;
mod tuning;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Query},
    http::request::Parts,
    middleware,
    routing::{get, post},
};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::{
    domain::{
        invalid::Invalid,
        page::{PAGE_LIMIT, PAGE_SIZE},
    },
    server::{
        ctx::{OpCtx, Portal},
        ops,
    },
};

/// Method, path below `/api/v1`, and the permission each operation demands (`None`: open).
pub const ROUTES: &[(&str, &str, Option<&str>)] = &[
    ("POST", "/events", Some("events:emit")),
    ("GET", "/events/{id}", Some("deliveries:read")),
    ("GET", "/event-types", Some("hooks:read")),
    ("GET", "/event-types/{key}/schema", Some("hooks:read")),
    ("GET", "/hooks", Some("hooks:read")),
    ("POST", "/hooks", Some("hooks:write")),
    ("GET", "/hooks/{id}", Some("hooks:read")),
    ("PATCH", "/hooks/{id}", Some("hooks:write")),
    ("DELETE", "/hooks/{id}", Some("hooks:write")),
    ("POST", "/hooks/{id}/test", Some("hooks:test")),
    ("POST", "/hooks/{id}/recover", Some("deliveries:replay")),
    ("POST", "/hooks/{id}/try-now", Some("deliveries:replay")),
    ("GET", "/deliveries", Some("deliveries:read")),
    ("POST", "/deliveries/redeliver", Some("deliveries:replay")),
    ("GET", "/deliveries/{id}", Some("deliveries:read")),
    ("POST", "/deliveries/{id}/redeliver", Some("deliveries:replay")),
    ("GET", "/jobs", Some("deliveries:read")),
    ("GET", "/jobs/{id}", Some("deliveries:read")),
    ("PATCH", "/jobs/{id}", Some("deliveries:replay")),
    ("GET", "/openapi.json", None),
];

/// All but the way in for events: `server::http::emit` serves it, and its idempotency key is stored
/// in the commit that accepts the events.
pub fn router() -> Router<Arc<Portal>> {
    Router::new()
        .route("/events/{id}", get(events::find))
        .route("/event-types", get(event_types::list))
        .route("/event-types/{key}/schema", get(event_types::schema))
        .route("/hooks", get(hooks::list).post(hooks::create))
        .route("/hooks/{id}", get(hooks::find).patch(hooks::update).delete(hooks::delete))
        .route("/hooks/{id}/test", post(hooks::test))
        .route("/hooks/{id}/recover", post(jobs::recover))
        .route("/hooks/{id}/try-now", post(try_now::hook))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/redeliver", post(jobs::redeliver))
        .route("/deliveries/{id}", get(deliveries::find))
        .route("/deliveries/{id}/redeliver", post(deliveries::redeliver))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::find).patch(jobs::update))
        .route("/openapi.json", get(openapi::document))
        .route_layer(middleware::from_fn(once::act_once))
}

/// The context that `identify` put into the request.
pub struct Ctx(pub OpCtx);

impl<S: Send + Sync> FromRequestParts<S> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<OpCtx>().cloned().map(Self).ok_or_else(|| ops::Error::SignIn.into())
    }
}

/// A query string; what cannot be read is a problem document too.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(asked)| Self(asked)).map_err(|error| {
            // The library's own words are a prefix of what is wrong.
            let text = error.body_text();
            let wrong = text.split_once(": ").map_or(text.as_str(), |(_, wrong)| wrong);
            Invalid::one("query", "unknown", format!("cannot be understood: {wrong}")).into()
        })
    }
}

/// An id from a path. What is not an id names nothing.
fn id<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Problem> {
    text.parse().map_err(|_| ops::Error::NotFound(what).into())
}

/// A parameter that must be readable if it is there; an empty one counts as absent.
fn parsed<T>(
    invalid: &mut Invalid,
    name: &str,
    text: Option<&str>,
    wanted: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    let value = read(text);
    if value.is_none() {
        invalid.add(name, "format", format!("must be {wanted}"));
    }
    value
}

/// An empty text is no number, whatever it means elsewhere.
fn not_empty(invalid: &mut Invalid, name: &str, text: Option<&str>, wanted: &str) {
    if text == Some("") {
        invalid.add(name, "format", format!("must be {wanted}"));
    }
}

/// How many rows a page holds: 1 to 200, and 50 unless asked otherwise.
fn limit(invalid: &mut Invalid, text: Option<&str>) -> u32 {
    const WANTED: &str = "a number from 1 to 200";
    let read =
        |text: &str| text.parse::<u32>().ok().filter(|limit| (1..=PAGE_LIMIT).contains(limit));
    not_empty(invalid, "limit", text, WANTED);
    parsed(invalid, "limit", text, WANTED, read).unwrap_or(PAGE_SIZE)
}
