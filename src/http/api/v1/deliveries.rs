//! `/api/v1/deliveries`: the delivery log, and redelivering one delivery.

use axum::{Json, http::StatusCode};

use super::{
    requests::delivery::{DeliveryFilter, EmptyBody},
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
/// Newest first. Each request scans a limited number of deliveries, so a page may have fewer items
/// than `limit`, or none, and still have a `next_cursor`. Continue until `next_cursor` is null.
#[utoipa::path(get, path = "/api/v1/deliveries", operation_id = "listDeliveries",
    tag = "Deliveries", params(DeliveryFilter),
    responses((status = 200, description = "A page of deliveries.",
        body = DeliveryPage)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Parameters(filter): Parameters<DeliveryFilter>,
) -> Result<Json<DeliveryPage>, Problem> {
    let (search, cursor, limit) = filter.into_search();
    let page = ops::deliveries::list(&ctx, &search, cursor, limit).await?;
    Ok(Json(DeliveryPage::of(page, DeliveryShape::from)))
}

/// Get a delivery
///
/// Includes its attempts.
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
/// A delivery in a final state is sent again with a new retry schedule. A delivery that waits for a
/// retry gets an extra attempt now; its schedule doesn't change. A delivery that a paused hook
/// holds is sent now as the next probe. If the hook is turned off, the request is refused.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/redeliver",
    operation_id = "redeliverDelivery", tag = "Deliveries",
    params(("id" = Uuid, Path, description = "The delivery's id.")),
    responses((status = 202, description = "The delivery will be sent now.",
        body = DeliveryShape)))]
pub async fn redeliver(
    Ctx(ctx): Ctx,
    Id(delivery): Id<DeliveryId>,
    Body(EmptyBody {}): Body<EmptyBody>,
) -> Result<(StatusCode, Json<DeliveryShape>), Problem> {
    let sent = ops::deliveries::redeliver(&ctx, delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(sent.delivery.into())))
}
