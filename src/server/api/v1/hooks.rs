//! `/api/v1/hooks`

use axum::{Json, extract::Path, http::StatusCode};
use bytes::Bytes;
use serde::Deserialize;

use super::{
    Asked, Ctx, id, limit, parsed,
    shape::{DeliveryShape, HookShape, Listed},
    tuning,
};
use crate::{
    domain::{
        hook::{HookForm, HookPatch, Tuning},
        invalid::Invalid,
    },
    engine::dispatcher::Judging,
    server::{
        api::{
            body::{Members, Raw},
            problem::Problem,
        },
        ops,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    cursor: Option<String>,
    limit: Option<String>,
}

impl Window {
    /// Where the page begins and how many rows it has.
    pub fn read<T: std::str::FromStr>(&self) -> Result<(Option<T>, u32), Problem> {
        let mut invalid = Invalid::default();
        let limit = limit(&mut invalid, self.limit.as_deref());
        let read = |text: &str| text.parse().ok();
        let cursor = parsed(
            &mut invalid,
            "cursor",
            self.cursor.as_deref(),
            "a next_cursor of an earlier page",
            read,
        );
        Ok(invalid.or((cursor, limit))?)
    }
}

#[utoipa::path(get, path = "/api/v1/hooks", params(("cursor" = Option<String>, Query),
    ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Listed<HookShape>), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Asked(window): Asked<Window>,
) -> Result<Json<Listed<HookShape>>, Problem> {
    let (cursor, limit) = window.read()?;
    let health = ops::hooks::health(&ctx).await?;
    let page = ops::hooks::page(&ctx, cursor, limit).await?;
    let page = page.map(|hook| {
        let health = health.get(&hook.id).copied().unwrap_or_default();
        HookShape::with_health(hook, health)
    });
    Ok(Json(Listed { items: page.items, next_cursor: page.next_cursor }))
}

#[utoipa::path(post, path = "/api/v1/hooks", request_body(content = Object, description =
    "name, event_type, callback_url, api_key, enabled (false unless given); and, null for the \
     operator's setting: retry_schedule, timeout, in_flight, rate_per_second, order_by"),
    responses((status = 201, body = HookShape), (status = 400, body = Problem), (status = 422,
        body = Problem)))]
pub async fn create(Ctx(ctx): Ctx, raw: Raw) -> Result<(StatusCode, Json<HookShape>), Problem> {
    let mut members = Members::read(&raw)?;
    let form = HookForm {
        name: members.text("name").unwrap_or_default(),
        event_type: members.text("event_type").unwrap_or_default(),
        callback_url: members.text("callback_url").unwrap_or_default(),
        api_key: members.text("api_key").unwrap_or_default(),
        enabled: members.flag("enabled").unwrap_or(false),
        ..HookForm::default()
    };
    let tuning = tuning::read(&mut members).apply(&Tuning::default());
    members.finish()?;
    let created = ops::hooks::create_tuned(&ctx, &form, Ok(tuning)).await?;
    let doubts = ops::doubts::about(&ctx, &created.hook, false).await?;
    let mut shape = HookShape::from(created.hook);
    shape.signing_secret = Some(created.signing_secret);
    shape.warning = ops::doubts::in_words(&doubts);
    Ok((StatusCode::CREATED, Json(shape)))
}

#[utoipa::path(get, path = "/api/v1/hooks/{id}", params(("id" = String, Path)),
    responses((status = 200, body = HookShape), (status = 404, body = Problem)))]
pub async fn find(Ctx(ctx): Ctx, Path(hook): Path<String>) -> Result<Json<HookShape>, Problem> {
    let hook = ops::hooks::find(&ctx, id(&hook, "hook")?).await?;
    let health = ops::hooks::health(&ctx).await?.remove(&hook.id).unwrap_or_default();
    Ok(Json(HookShape::with_health(hook, health)))
}

#[utoipa::path(patch, path = "/api/v1/hooks/{id}", params(("id" = String, Path)),
    request_body(content = Object,
    description = "any of the members of a creation; with version only if it is still at it"),
    responses((status = 200, body = HookShape), (status = 404, body = Problem), (status = 409,
        body = Problem),
              (status = 422, body = Problem)))]
pub async fn update(
    Ctx(ctx): Ctx,
    Path(hook): Path<String>,
    raw: Raw,
) -> Result<Json<HookShape>, Problem> {
    let hook = id(&hook, "hook")?;
    let mut members = Members::read(&raw)?;
    let patch = HookPatch {
        name: members.text("name"),
        event_type: members.text("event_type"),
        callback_url: members.text("callback_url"),
        api_key: members.text("api_key"),
        enabled: members.flag("enabled"),
        tuning: tuning::read(&mut members),
        typed_tuning: None,
        version: members.integer("version"),
    };
    members.finish()?;
    let leads_anew = patch.callback_url.is_some();
    let hook = ops::hooks::update(&ctx, hook, patch).await?;
    let doubts =
        if leads_anew { ops::doubts::about(&ctx, &hook, false).await? } else { Invalid::default() };
    let health = ops::hooks::health_after(&ctx, hook.id).await?;
    let mut shape = HookShape::with_health(hook, health);
    shape.warning = ops::doubts::in_words(&doubts);
    Ok(Json(shape))
}

#[utoipa::path(delete, path = "/api/v1/hooks/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(Ctx(ctx): Ctx, Path(hook): Path<String>) -> Result<StatusCode, Problem> {
    ops::hooks::delete(&ctx, id(&hook, "hook")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/api/v1/hooks/{id}/test", params(("id" = String, Path)),
    request_body(content = Object,
    description = "data: the body to send; the event's sample unless given"),
    responses((status = 200, body = DeliveryShape), (status = 404, body = Problem), (status = 422,
        body = Problem)))]
pub async fn test(
    Ctx(ctx): Ctx,
    Path(hook): Path<String>,
    raw: Raw,
) -> Result<Json<DeliveryShape>, Problem> {
    let hook = id(&hook, "hook")?;
    let mut members = Members::read(&raw)?;
    members.value("data");
    members.finish()?;
    let body = data_of(&raw);
    let delivery = ops::test_send::send(&ctx, hook, body, Judging::Schema).await?;
    // Whoever may test may hear what came of this one test, and of no other delivery.
    let (delivery, attempts) = ops::deliveries::outcome_of_test(&ctx, delivery).await?;
    Ok(Json(DeliveryShape::with_attempts(delivery, attempts)))
}

/// The bytes of `data` as they stand in the request.
fn data_of(raw: &Raw) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Test<'a> {
        #[serde(borrow)]
        data: Option<&'a serde_json::value::RawValue>,
    }
    let test: Test<'_> = serde_json::from_slice(&raw.0).ok()?;
    test.data.map(|data| Bytes::copy_from_slice(data.get().as_bytes()))
}
