//! `/api/v1/deliveries`

use axum::{Json, extract::Path, http::StatusCode};
use serde::Deserialize;

use super::{
    Asked, Ctx, id, limit, parsed,
    shape::{DeliveryShape, Listed},
};
use crate::{
    domain::{delivery::State, event::EventType, invalid::Invalid, time::Timestamp},
    engine::store::log::Search,
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
pub struct Query {
    hook: Option<String>,
    state: Option<String>,
    /// An event's id or an event type's key.
    event: Option<String>,
    from: Option<String>,
    to: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

/// Deliveries, newest first.
///
/// A page can be short, or even empty, and still have a `next_cursor`: where what is asked for is
/// rare, each page looks at so many deliveries and says how far it came.
#[utoipa::path(get, path = "/api/v1/deliveries",
    params(("hook" = Option<String>, Query), ("state" = Option<String>, Query),
           ("event" = Option<String>, Query, description = "an event's id or an event type's key"),
           ("from" = Option<String>, Query, description = "RFC 3339"), ("to" = Option<String>,
               Query, description = "RFC 3339"),
           ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Listed<DeliveryShape>), (status = 422, body = Problem)))]
pub async fn list(
    Ctx(ctx): Ctx,
    Asked(query): Asked<Query>,
) -> Result<Json<Listed<DeliveryShape>>, Problem> {
    let mut wrong = Invalid::default();
    let states = State::ALL.iter().map(|state| state.key()).collect::<Vec<_>>().join(", ");
    let event = query.event.as_deref();
    let event_type = event.and_then(EventType::from_key);
    let event = if event_type.is_some() { None } else { event };
    let moment = "a time in RFC 3339, such as 2026-11-22T14:00:00Z";
    let search = Search {
        hook: parsed(&mut wrong, "hook", query.hook.as_deref(), "a hook's id", |text| {
            text.parse().ok()
        }),
        event: parsed(&mut wrong, "event", event, "an event's id or an event type", |text| {
            text.parse().ok()
        }),
        event_type,
        states: parsed(
            &mut wrong,
            "state",
            query.state.as_deref(),
            &format!("one of {states}"),
            State::from_key,
        )
        .into_iter()
        .collect(),
        from: parsed(&mut wrong, "from", query.from.as_deref(), moment, Timestamp::parse),
        to: parsed(&mut wrong, "to", query.to.as_deref(), moment, Timestamp::parse),
        ..Search::default()
    };
    let page = "a next_cursor of an earlier page";
    let cursor =
        parsed(&mut wrong, "cursor", query.cursor.as_deref(), page, |text| text.parse().ok());
    let limit = limit(&mut wrong, query.limit.as_deref());
    wrong.or(())?;
    let page = ops::deliveries::list(&ctx, &search, cursor, limit).await?.map(DeliveryShape::from);
    Ok(Json(Listed { items: page.items, next_cursor: page.next_cursor }))
}

#[utoipa::path(get, path = "/api/v1/deliveries/{id}", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryShape), (status = 404, body = Problem)))]
pub async fn find(
    Ctx(ctx): Ctx,
    Path(delivery): Path<String>,
) -> Result<Json<DeliveryShape>, Problem> {
    let (delivery, attempts) = ops::deliveries::find(&ctx, id(&delivery, "delivery")?).await?;
    Ok(Json(DeliveryShape::with_attempts(delivery, attempts)))
}

/// Sends a delivery now.
///
/// One that is settled is sent again, with a new retry schedule. One that waits for its retry is
/// sent before its time: an extra attempt, the schedule stays where it was. One that a paused hook
/// holds becomes the next probe, which is due now. What is held by a hook that is switched off is
/// refused.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/redeliver", params(("id" = String, Path)),
    responses((status = 202, body = DeliveryShape), (status = 404, body = Problem), (status = 422,
        body = Problem)))]
pub async fn redeliver(
    Ctx(ctx): Ctx,
    Path(delivery): Path<String>,
    raw: Raw,
) -> Result<(StatusCode, Json<DeliveryShape>), Problem> {
    Members::read(&raw)?.finish()?;
    let delivery = ops::deliveries::redeliver(&ctx, id(&delivery, "delivery")?).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}
