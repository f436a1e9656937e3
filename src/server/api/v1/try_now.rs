//! `/api/v1/hooks/{id}/try-now`

use axum::{Json, extract::Path, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Ctx, id};
use crate::{
    engine::store::forward::Forward,
    server::{
        api::{
            body::{Members, Raw},
            problem::Problem,
        },
        ops,
    },
};

/// What is tried now.
#[derive(Serialize, ToSchema)]
pub struct TryNowShape {
    /// Deliveries that waited for their retry, and those that the paused hook holds.
    brought_forward: i64,
    /// They were counted no further: there are more.
    or_more: bool,
}

impl From<Forward> for TryNowShape {
    fn from(forward: Forward) -> Self {
        Self { brought_forward: forward.deliveries, or_more: forward.or_more }
    }
}

/// Sends what the hook has waiting now.
///
/// At the pace at which held deliveries are let go. The attempts are extra ones: no retry schedule
/// is used up. A paused hook is probed at once, and a success lets go what it holds. A hook that is
/// switched off is refused.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/try-now", params(("id" = String, Path)),
    responses((status = 202, body = TryNowShape), (status = 404, body = Problem), (status = 422,
        body = Problem)))]
pub async fn hook(
    Ctx(ctx): Ctx,
    Path(hook): Path<String>,
    raw: Raw,
) -> Result<(StatusCode, Json<TryNowShape>), Problem> {
    Members::read(&raw)?.finish()?;
    let forward = ops::try_now::hook(&ctx, id(&hook, "hook")?).await?;
    Ok((StatusCode::ACCEPTED, Json(forward.into())))
}
