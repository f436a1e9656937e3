//! `/api/v1/dismissals`: undelivered events that need not be sent, with the reason.

use axum::Json;

use super::{
    requests::{delivery::EmptyBody, dismissal::NewDismissal},
    shapes::{
        dismissal::{DismissalPage, DismissalShape},
        page::Window,
    },
};
use crate::{
    domain::{
        id::{DismissalId, HookId},
        permission::right,
    },
    http::api::{
        extract::{Body, Ctx, Id, Parameters},
        problem::Problem,
    },
    portal::ops,
};

/// Dismiss a hook's undelivered events
///
/// Cancels up to 10,000 failed, skipped or held deliveries, with a reason. They stay in the log,
/// and held ones are not sent when the hook is on again. To dismiss more, repeat the request.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/dismiss", operation_id = "dismissUndelivered",
    tag = "Dismissals", params(("id" = Uuid, Path, description = "The hook's id.")),
    request_body(content = NewDismissal, description = "What to dismiss, and why."),
    responses((status = 200, description = "The new dismissal.", body = DismissalShape)))]
pub async fn dismiss(
    Ctx(ctx): Ctx,
    Id(hook): Id<HookId>,
    Body(new): Body<NewDismissal>,
) -> Result<Json<DismissalShape>, Problem> {
    ctx.require(right::DeliveriesReplay).map_err(ops::Error::from)?;
    Ok(Json(ops::dismissals::dismiss(&ctx, new.of(hook)?).await?.into()))
}

/// List dismissals
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/dismissals", operation_id = "listDismissals",
    tag = "Dismissals", params(Window),
    responses((status = 200, description = "A page of dismissals.", body = DismissalPage)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Parameters(window): Parameters<Window>,
) -> Result<Json<DismissalPage>, Problem> {
    let (cursor, limit) = window.parts();
    let page = ops::dismissals::page(&ctx, cursor.map(DismissalId), limit).await?;
    Ok(Json(DismissalPage::of(page, DismissalShape::from)))
}

/// Bring dismissed events back
///
/// They are failed, skipped or held again, as before, except those that were redelivered since.
/// Held ones are sent as soon as the hook is on and not paused. They are brought back only while
/// the hook exists and their payloads are stored; if none can be, the request is refused.
#[utoipa::path(post, path = "/api/v1/dismissals/{id}/undo", operation_id = "undoDismissal",
    tag = "Dismissals", params(("id" = Uuid, Path, description = "The dismissal's id.")),
    responses((status = 200, description = "The dismissal.", body = DismissalShape)))]
pub async fn undo(
    Ctx(ctx): Ctx,
    Id(id): Id<DismissalId>,
    Body(EmptyBody {}): Body<EmptyBody>,
) -> Result<Json<DismissalShape>, Problem> {
    Ok(Json(ops::dismissals::undo(&ctx, id).await?.dismissal.into()))
}
