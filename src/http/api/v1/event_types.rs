//! `/api/v1/event-types`: the event catalogue.

use axum::{
    Json,
    body::Body,
    extract::Path,
    http::{HeaderMap, Response},
};

use super::{
    requests::catalogue::SchemaChoice,
    shapes::{
        event::{EventTypePage, EventTypeShape},
        keys::EventTypeKey,
    },
};
use crate::{
    domain::page::Page,
    http::api::{
        extract::{Ctx, Parameters},
        file,
        problem::Problem,
    },
    portal::ops,
};

/// List event types
#[utoipa::path(get, path = "/api/v1/event-types", operation_id = "listEventTypes",
    tag = "Event types",
    responses((status = 200, description = "All event types.", body = EventTypePage)))]
pub async fn list(Ctx(ctx): Ctx) -> Result<Json<EventTypePage>, Problem> {
    let page = Page { items: ops::catalogue::list(&ctx)?.to_vec(), next_cursor: None };
    Ok(Json(EventTypePage::of(page, EventTypeShape::from)))
}

/// Get the schema of an event type
///
/// The JSON Schema of the payload.
#[utoipa::path(get, path = "/api/v1/event-types/{key}/schema",
    operation_id = "getEventTypeSchema", tag = "Event types",
    params(("key" = EventTypeKey, Path, description = "The key of the event type."), SchemaChoice,
           ("If-None-Match" = Option<String>, Header,
               description = "The `ETag` of the client's copy.")),
    responses((status = 200, description = "The schema.", content_type = "application/schema+json",
                  body = serde_json::Value, headers(("ETag" = String,
                      description = "Identifies this version of the file."))),
              (status = 304, description = "The client's copy is current.")))]
pub async fn schema(
    Ctx(ctx): Ctx,
    Path(key): Path<String>,
    Parameters(choice): Parameters<SchemaChoice>,
    request: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let draft = choice.draft.map(Into::into).unwrap_or_default();
    let schema = ops::catalogue::schema_file(&ctx, &key, draft, choice.v.0)?;
    Ok(file::answer(&request, schema))
}
