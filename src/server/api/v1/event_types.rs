//! `/api/v1/event-types`

use axum::{
    Json,
    body::Body,
    extract::Path,
    http::{HeaderMap, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asked, Ctx, not_empty, parsed, shape::Listed};
use crate::{
    domain::invalid::Invalid,
    engine::catalogue::Draft,
    server::{
        api::{file, problem::Problem},
        ops,
    },
};

#[derive(Serialize, ToSchema)]
pub struct EventTypeShape {
    key: &'static str,
    name: &'static str,
    /// A clause after "sent when".
    when: &'static str,
    /// The version of the schema in force.
    version: u32,
    schema_url: String,
}

#[utoipa::path(get, path = "/api/v1/event-types", responses((status = 200,
    body = Listed<EventTypeShape>)))]
pub async fn list(Ctx(ctx): Ctx) -> Result<Json<Listed<EventTypeShape>>, Problem> {
    let shape = |event: &crate::domain::event::EventType| EventTypeShape {
        key: event.key(),
        name: event.name(),
        when: event.when(),
        version: ops::catalogue::version_of(*event),
        schema_url: format!("/api/v1/event-types/{}/schema", event.key()),
    };
    let items = ops::catalogue::list(&ctx)?.iter().map(shape).collect();
    Ok(Json(Listed { items, next_cursor: None }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    draft: Option<String>,
    v: Option<String>,
}

#[utoipa::path(get, path = "/api/v1/event-types/{key}/schema",
    params(("key" = String, Path), ("draft" = Option<String>, Query,
        description = "2020-12 (the default) or 07"),
           ("v" = Option<u32>, Query, description = "a version; the one in force unless given")),
    responses((status = 200, content_type = "application/schema+json", body = Object),
              (status = 304, description = "what If-None-Match names is still good"),
                  (status = 404, body = Problem),
              (status = 422, body = Problem)))]
pub async fn schema(
    Ctx(ctx): Ctx,
    Path(key): Path<String>,
    Asked(query): Asked<Query>,
    request: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let mut invalid = Invalid::default();
    let draft =
        parsed(&mut invalid, "draft", query.draft.as_deref(), "2020-12 or 07", Draft::from_key);
    let (v, wanted) = (query.v.as_deref(), "a version's number");
    not_empty(&mut invalid, "v", v, wanted);
    let version = parsed(&mut invalid, "v", v, wanted, |text| text.parse().ok());
    invalid.or(())?;
    Ok(file::answer(
        &request,
        ops::catalogue::schema_file(&ctx, &key, draft.unwrap_or_default(), version)?,
    ))
}
