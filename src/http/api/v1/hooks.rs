//! `/api/v1/hooks`: managing and testing hooks.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    requests::{
        delivery::EmptyBody,
        hook::{HookCreate, HookTest, HookUpdate},
    },
    shapes::{
        delivery::{DeliveryShape, TryNowShape},
        hook::{HookPage, HookShape},
        page::Window,
    },
};
use crate::{
    domain::{
        hook::{HookPatch, Tuning},
        id::HookId,
        invalid::Invalid,
    },
    engine::dispatcher::Validation,
    http::api::{
        body::Raw,
        extract::{self, Body, Ctx, Id, Parameters},
        precondition::{IfMatch, etag},
        problem::Problem,
    },
    portal::{ctx::OpCtx, ops},
};

/// An `ETag` header.
type Tag = [(HeaderName, HeaderValue); 1];

/// List hooks
///
/// Oldest first.
#[utoipa::path(get, path = "/api/v1/hooks", operation_id = "listHooks", tag = "Hooks",
    params(Window),
    responses((status = 200, description = "A page of hooks.", body = HookPage)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Parameters(window): Parameters<Window>,
) -> Result<Json<HookPage>, Problem> {
    let (cursor, limit) = window.parts();
    let statuses = ops::hooks::statuses(&ctx, None).await?;
    let page = ops::hooks::page(&ctx, cursor.map(HookId), limit).await?;
    Ok(Json(HookPage::of(page, |hook| HookShape::with_status(hook, &statuses))))
}

/// Create a hook
///
/// The API returns the signing secret only in this response.
#[utoipa::path(post, path = "/api/v1/hooks", operation_id = "createHook", tag = "Hooks",
    request_body(content = HookCreate, description = "The hook to create."),
    responses((status = 201, description = "The new hook.", body = HookShape,
        headers(("ETag" = String, description = "The hook's version, for `If-Match`.")))))]
pub async fn create(
    Ctx(ctx): Ctx,
    Body(create): Body<HookCreate>,
) -> Result<(StatusCode, Tag, Json<HookShape>), Problem> {
    let (form, tuning) = create.parts();
    let tuning = tuning.apply(&Tuning::default());
    let created = ops::hooks::create_tuned(&ctx, &form, Ok(tuning)).await?;
    let warnings = ops::warnings::about(&ctx, &created.hook, false).await?;
    let mut shape = HookShape::from(created.hook);
    shape.signing_secret = Some(created.signing_secret);
    shape.warning = ops::warnings::in_words(&warnings);
    Ok((StatusCode::CREATED, etag(shape.version), Json(shape)))
}

/// Get a hook
#[utoipa::path(get, path = "/api/v1/hooks/{id}", operation_id = "getHook", tag = "Hooks",
    params(("id" = Uuid, Path, description = "The hook's id.")),
    responses((status = 200, description = "The hook.", body = HookShape,
        headers(("ETag" = String, description = "The hook's version, for `If-Match`.")))))]
pub async fn find(Ctx(ctx): Ctx, Id(hook): Id<HookId>) -> Result<(Tag, Json<HookShape>), Problem> {
    let hook = ops::hooks::find(&ctx, hook).await?;
    let statuses = ops::hooks::statuses(&ctx, Some(hook.id)).await?;
    Ok((etag(hook.version), Json(HookShape::with_status(hook, &statuses))))
}

/// Change a hook
#[utoipa::path(patch, path = "/api/v1/hooks/{id}", operation_id = "updateHook", tag = "Hooks",
    params(("id" = Uuid, Path, description = "The hook's id."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you \
        expect. If the hook has another version, nothing is changed (412).")),
    request_body(content = Option<HookUpdate>,
        description = "The changes. Nothing changes without a body."),
    responses((status = 200, description = "The updated hook.", body = HookShape,
        headers(("ETag" = String, description = "The hook's version, for `If-Match`.")))))]
pub async fn update(
    Ctx(ctx): Ctx,
    Id(hook): Id<HookId>,
    expected: IfMatch,
    Body(update): Body<HookUpdate>,
) -> Result<(Tag, Json<HookShape>), Problem> {
    let changes_url = update.callback_url.is_some();
    let mut patch = HookPatch::from(update);
    let tagged = current(&ctx, hook, &expected).await?;
    let has_own_version = patch.version.is_some();
    patch.version = patch.version.or(tagged);
    let hook = match ops::hooks::update(&ctx, hook, patch).await {
        Ok(hook) => hook,
        // The version in the body is a condition of its own, with its own problem (409).
        Err(error) if has_own_version => return Err(error.into()),
        Err(error) => return Err(expected.problem(error)),
    };
    let warnings = if changes_url {
        ops::warnings::about(&ctx, &hook, false).await?
    } else {
        Invalid::default()
    };
    let statuses = ops::hooks::statuses_after(&ctx, hook.id).await?;
    let mut shape = HookShape::with_status(hook, &statuses);
    shape.warning = ops::warnings::in_words(&warnings);
    Ok((etag(shape.version), Json(shape)))
}

/// The version that a change must be based on: the current one, if it fulfils the precondition.
async fn current(ctx: &OpCtx, hook: HookId, expected: &IfMatch) -> Result<Option<i64>, Problem> {
    if !expected.is_given() {
        return Ok(None);
    }
    let version = ops::hooks::version(ctx, hook).await?;
    expected.check(version)?;
    Ok(Some(version))
}

/// Delete a hook
///
/// Its pending deliveries are cancelled.
#[utoipa::path(delete, path = "/api/v1/hooks/{id}", operation_id = "deleteHook", tag = "Hooks",
    params(("id" = Uuid, Path, description = "The hook's id."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that you \
        expect. If the hook has another version, it is not deleted (412).")),
    responses((status = 204, description = "The hook is deleted.")))]
pub async fn delete(
    Ctx(ctx): Ctx,
    Id(hook): Id<HookId>,
    expected: IfMatch,
) -> Result<StatusCode, Problem> {
    let version = current(&ctx, hook, &expected).await?;
    let deleted = ops::hooks::delete_at(&ctx, hook, version).await;
    deleted.map_err(|error| expected.problem(error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Test a hook
///
/// Sends one test event without retries, even if the hook is turned off. Responds after the
/// receiver has responded.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/test", operation_id = "testHook", tag = "Hooks",
    params(("id" = Uuid, Path, description = "The hook's id.")),
    request_body(content = Option<HookTest>, description = "The test event."),
    responses((status = 200, description = "The test's delivery, successful or not.",
        body = DeliveryShape)))]
pub async fn test(
    Ctx(ctx): Ctx,
    Id(hook): Id<HookId>,
    raw: Raw,
) -> Result<Json<DeliveryShape>, Problem> {
    let test: HookTest = extract::read(&raw)?;
    let body = test.data.filter(|data| !data.is_null()).and_then(|_| data_of(&raw));
    let delivery = ops::test_send::send(&ctx, hook, body, Validation::Schema).await?;
    // A tester may read the outcome of this test, even without permission to read deliveries.
    let (delivery, attempts) = ops::deliveries::outcome_of_test(&ctx, delivery).await?;
    Ok(Json(DeliveryShape::with_attempts(delivery, attempts)))
}

/// The bytes of `data` as they are in the request. They are signed and sent unchanged.
fn data_of(raw: &Raw) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Test<'a> {
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    let test: Test<'_> = serde_json::from_slice(&raw.0).ok()?;
    test.data.map(|data| Bytes::copy_from_slice(data.get().as_bytes()))
}

/// Try a hook's waiting deliveries now
///
/// Waiting deliveries get an extra attempt now, at the pace at which held deliveries are released;
/// their retry schedules don't change. A paused hook is probed immediately, and a success releases
/// its held deliveries. If the hook is turned off, the request is refused.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/try-now", operation_id = "tryHookNow",
    tag = "Hooks", params(("id" = Uuid, Path, description = "The hook's id.")),
    responses((status = 202, description = "The deliveries will be tried now.",
        body = TryNowShape)))]
pub async fn try_now(
    Ctx(ctx): Ctx,
    Id(hook): Id<HookId>,
    Body(EmptyBody {}): Body<EmptyBody>,
) -> Result<(StatusCode, Json<TryNowShape>), Problem> {
    let (forward, _) = ops::try_now::hook(&ctx, hook).await?;
    Ok((StatusCode::ACCEPTED, Json(forward.into())))
}
