//! `/api/v1/jobs`, and the two operations that start a job: redeliver a hook's missed events, and
//! redeliver all deliveries that match a filter.

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
        job_results::JobResults,
        permission::right,
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

/// Redeliver a hook's missed events
///
/// Starts a job that redelivers the hook's failed, skipped and cancelled deliveries.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/recover", operation_id = "recoverHook",
    tag = "Jobs", params(("id" = Uuid, Path, description = "The hook's id.")),
    request_body(content = Recovery, description = "The deliveries to redeliver."),
    responses((status = 200, description = "The number of matching deliveries (dry run).",
                  body = PreviewShape),
              (status = 202, description = "The new job.", body = JobShape)))]
pub async fn recover(
    Ctx(ctx): Ctx,
    Id(hook): Id<HookId>,
    Body(mut recovery): Body<Recovery>,
) -> Result<Response, Problem> {
    // Check the permission before the selection is validated.
    ctx.require(right::DeliveriesReplay).map_err(ops::Error::from)?;
    let scope = recovery.scope(hook);
    let begin = Begin { kind: Kind::Recover, scope, per_second: recovery.per_second };
    begin_or_count(&ctx, begin, recovery.dry_run).await
}

/// Redeliver matching deliveries
///
/// Starts a job that redelivers deliveries in a final state.
#[utoipa::path(post, path = "/api/v1/deliveries/redeliver", operation_id = "redeliverMany",
    tag = "Jobs", request_body(content = Redelivery, description = "The deliveries to redeliver."),
    responses((status = 200, description = "The number of matching deliveries (dry run).",
                  body = PreviewShape),
              (status = 202, description = "The new job.", body = JobShape)))]
pub async fn redeliver(
    Ctx(ctx): Ctx,
    Body(redelivery): Body<Redelivery>,
) -> Result<Response, Problem> {
    ctx.require(right::DeliveriesReplay).map_err(ops::Error::from)?;
    let (is_dry, per_second) = (redelivery.dry_run, redelivery.per_second);
    // A job over the failures of all hooks needs an explicit filter. A dry run sends nothing.
    if !redelivery.has_filter() && !is_dry {
        let message = "or one of event, states, from and to is required";
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
    let job = (job, JobResults::default());
    Ok((StatusCode::ACCEPTED, Json(JobShape::new(job))).into_response())
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
    let page = ops::jobs::page_with_results(&ctx, cursor.map(JobId), limit).await?;
    Ok(Json(JobPage::of(page, JobShape::new)))
}

/// Get a job
#[utoipa::path(get, path = "/api/v1/jobs/{id}", operation_id = "getJob", tag = "Jobs",
    params(("id" = Uuid, Path, description = "The job's id.")),
    responses((status = 200, description = "The job.", body = JobShape)))]
pub async fn find(Ctx(ctx): Ctx, Id(job): Id<JobId>) -> Result<Json<JobShape>, Problem> {
    Ok(Json(JobShape::new(ops::jobs::find_with_results(&ctx, job).await?)))
}

/// Pause, resume or cancel a job
///
/// Also changes its pace.
#[utoipa::path(patch, path = "/api/v1/jobs/{id}", operation_id = "updateJob", tag = "Jobs",
    params(("id" = Uuid, Path, description = "The job's id.")),
    request_body(content = Option<JobUpdate>,
        description = "The changes. Nothing changes without a body."),
    responses((status = 200, description = "The updated job.", body = JobShape)))]
pub async fn update(
    Ctx(ctx): Ctx,
    Id(job): Id<JobId>,
    Body(update): Body<JobUpdate>,
) -> Result<Json<JobShape>, Problem> {
    let state = update.state.map(Into::into);
    let job = ops::jobs::update(&ctx, job, state, update.per_second).await?;
    Ok(Json(JobShape::new(ops::jobs::with_results(&ctx, job).await?)))
}
