//! One delivery's page.

use super::flash;
use crate::{
    domain::{id::DeliveryId, permission::Permission},
    rpc::{Error, deliveries::DeliveryPage, session::FlashKind},
    server::{
        ops,
        seam::{Request, go, request},
    },
};

pub async fn redeliver(id: &str) -> Result<(), Error> {
    let request = request()?;
    let parsed = id.parse().map_err(|_| ops::Error::NotFound("delivery"));
    let delivery = match parsed {
        Ok(id) => ops::deliveries::redeliver(&request.ctx, id).await,
        Err(error) => Err(error),
    };
    let delivery = request.tell(delivery)?;
    flash(&request, FlashKind::Done, "It is being sent again.").await;
    go(&format!("/integration/hooks/{}/deliveries/{id}", delivery.hook_id));
    Ok(())
}

pub async fn detail(id: &str) -> Result<DeliveryPage, Error> {
    let request = request()?;
    let page = read(&request, id).await;
    request.tell(page)
}

pub(super) async fn read(request: &Request, id: &str) -> Result<DeliveryPage, ops::Error> {
    let ctx = &request.ctx;
    let id: DeliveryId = id.parse().map_err(|_| ops::Error::NotFound("delivery"))?;
    let (delivery, attempts) = ops::deliveries::find(ctx, id).await?;
    let story = ops::events::story(ctx, delivery.event_id).await?;
    let hook_name = match ops::hooks::find(ctx, delivery.hook_id).await {
        Ok(hook) => Some(hook.name),
        Err(ops::Error::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    let is_settled = delivery.state.is_final() && !delivery.is_test && hook_name.is_some();
    let may_redeliver = is_settled && ctx.may(Permission::DeliveriesReplay);
    let hook_name = hook_name.unwrap_or_else(|| "a deleted hook".to_owned());
    let body = story.body.map(|body| String::from_utf8_lossy(&body).into_owned());
    Ok(DeliveryPage { delivery, attempts, body, hook_name, may_redeliver, now: ctx.portal.clock().now() })
}
