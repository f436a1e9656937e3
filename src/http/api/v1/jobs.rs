//! `/api/v1/jobs`, and the two ways to begin one: recover what a hook missed, redeliver whatever
//! matches.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    requests::job::{JobUpdate, Recovery, Redelivery},
    shapes::{
        job::{JobPage, JobShape, PreviewShape},
        page::Window,
    },
};
use crate::{
    domain::{
        id::{HookId, JobId},
        invalid::Invalid,
        job::Kind,
        permission::Permission,
    },
    http::api::{
        extract::{Body, Ctx, Id, Parameters},
        problem::Problem,
    },
    portal::{
        ctx::OpCtx,
        ops::{self, jobs::Begin},
    },
};

/// Recover what a hook missed
///
/// Begins a job that sends the hook's failed, skipped and cancelled deliveries again.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/recover", operation_id = "recoverHook",
    tag = "Jobs", params(("id" = Uuid, Path, description = "The hook's id.")),
    request_body(content = Recovery, description = "Which deliveries."),
    responses((status = 200, description = "What the dry run counted.", body = PreviewShape),
              (status = 202, description = "The job that began.", body = JobShape)))]
pub async fn recover(
    Ctx(ctx): Ctx,
    Id(hook): Id<HookId>,
    Body(mut recovery): Body<Recovery>,
) -> Result<Response, Problem> {
    // Who may not send again is told so before anything is said about the selection.
    ctx.require(Permission::DeliveriesReplay).map_err(ops::Error::from)?;
    let scope = recovery.scope(hook);
    let begin = Begin { kind: Kind::Recover, scope, per_second: recovery.per_second };
    begin_or_count(&ctx, begin, recovery.dry_run).await
}

/// Redeliver what matches
///
/// Begins a job that sends deliveries in a final state again.
#[utoipa::path(post, path = "/api/v1/deliveries/redeliver", operation_id = "redeliverMany",
    tag = "Jobs", request_body(content = Redelivery, description = "Which deliveries."),
    responses((status = 200, description = "What the dry run counted.", body = PreviewShape),
              (status = 202, description = "The job that began.", body = JobShape)))]
pub async fn redeliver(
    Ctx(ctx): Ctx,
    Body(redelivery): Body<Redelivery>,
) -> Result<Response, Problem> {
    ctx.require(Permission::DeliveriesReplay).map_err(ops::Error::from)?;
    let (is_dry, per_second) = (redelivery.dry_run, redelivery.per_second);
    // A preview sends nothing. A job over every hook's failures has to be asked for in so many
    // words.
    if !redelivery.is_named() && !is_dry {
        let message = "is required, or one of event, states, from, to: name what to send again";
        return Err(Invalid::one("hook", "required", message).into());
    }
    let begin = Begin { kind: Kind::Redeliver, scope: redelivery.scope(), per_second };
    begin_or_count(&ctx, begin, is_dry).await
}

async fn begin_or_count(ctx: &OpCtx, begin: Begin, is_dry: bool) -> Result<Response, Problem> {
    if is_dry {
        let count = ops::jobs::count(ctx, &begin).await?;
        return Ok(Json(PreviewShape::from(count)).into_response());
    }
    let job = ops::jobs::begin(ctx, begin).await?;
    Ok((StatusCode::ACCEPTED, Json(JobShape::from(job))).into_response())
}

/// List jobs
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/jobs", operation_id = "listJobs", tag = "Jobs",
    params(Window),
    responses((status = 200, description = "A page of jobs.", body = JobPage)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Parameters(window): Parameters<Window>,
) -> Result<Json<JobPage>, Problem> {
    let (cursor, limit) = window.parts();
    let page = ops::jobs::page(&ctx, cursor.map(JobId), limit).await?;
    Ok(Json(JobPage::of(page, JobShape::from)))
}

/// Get a job
#[utoipa::path(get, path = "/api/v1/jobs/{id}", operation_id = "getJob", tag = "Jobs",
    params(("id" = Uuid, Path, description = "The job's id.")),
    responses((status = 200, description = "The job.", body = JobShape)))]
pub async fn find(Ctx(ctx): Ctx, Id(job): Id<JobId>) -> Result<Json<JobShape>, Problem> {
    Ok(Json(ops::jobs::find(&ctx, job).await?.into()))
}

/// Pause, resume or cancel a job
///
/// Or change its pace.
#[utoipa::path(patch, path = "/api/v1/jobs/{id}", operation_id = "updateJob", tag = "Jobs",
    params(("id" = Uuid, Path, description = "The job's id.")),
    request_body(content = JobUpdate, description = "What to change."),
    responses((status = 200, description = "The job as it is now.", body = JobShape)))]
pub async fn update(
    Ctx(ctx): Ctx,
    Id(job): Id<JobId>,
    Body(update): Body<JobUpdate>,
) -> Result<Json<JobShape>, Problem> {
    let state = update.state.map(Into::into);
    Ok(Json(ops::jobs::update(&ctx, job, state, update.per_second).await?.into()))
}
