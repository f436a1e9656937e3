//! `/api/v1/deliveries`

use axum::{Json, http::StatusCode};

use super::{
    requests::delivery::{DeliveryFilter, Nothing},
    shapes::delivery::{DeliveryPage, DeliveryShape},
};
use crate::{
    domain::id::DeliveryId,
    http::api::{
        extract::{Body, Ctx, Id, Parameters},
        problem::Problem,
    },
    portal::ops,
};

/// List deliveries
///
/// Newest first. A page can be short, or even empty, and still have a `next_cursor`: where matching
/// deliveries are rare, a page looks at so many deliveries and says how far it came.
#[utoipa::path(get, path = "/api/v1/deliveries", operation_id = "listDeliveries",
    tag = "Deliveries", params(DeliveryFilter),
    responses((status = 200, description = "A page of deliveries.",
        body = DeliveryPage)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Parameters(filter): Parameters<DeliveryFilter>,
) -> Result<Json<DeliveryPage>, Problem> {
    let (search, cursor, limit) = filter.parts();
    let page = ops::deliveries::list(&ctx, &search, cursor, limit).await?;
    Ok(Json(DeliveryPage::of(page, DeliveryShape::from)))
}

/// Get a delivery
///
/// With its attempts.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", operation_id = "getDelivery",
    tag = "Deliveries",
    params(("id" = Uuid, Path, description = "The delivery's id.")),
    responses((status = 200, description = "The delivery.", body = DeliveryShape)))]
pub async fn find(
    Ctx(ctx): Ctx,
    Id(delivery): Id<DeliveryId>,
) -> Result<Json<DeliveryShape>, Problem> {
    let (delivery, attempts) = ops::deliveries::find(&ctx, delivery).await?;
    Ok(Json(DeliveryShape::with_attempts(delivery, attempts)))
}

/// Redeliver a delivery
///
/// A delivery in a final state is sent again with a new retry schedule. One that waits for a retry
/// is sent now: an extra attempt, the schedule stays as it is. One that a paused hook holds becomes
/// the next probe and is sent now. A delivery of a hook that is switched off is refused.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/redeliver",
    operation_id = "redeliverDelivery", tag = "Deliveries",
    params(("id" = Uuid, Path, description = "The delivery's id.")),
    responses((status = 202, description = "The delivery is sent.", body = DeliveryShape)))]
pub async fn redeliver(
    Ctx(ctx): Ctx,
    Id(delivery): Id<DeliveryId>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<(StatusCode, Json<DeliveryShape>), Problem> {
    let delivery = ops::deliveries::redeliver(&ctx, delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}
