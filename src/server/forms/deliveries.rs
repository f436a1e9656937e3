//! One delivery's page.

use crate::{
    domain::id::DeliveryId,
    rpc::{Error, deliveries::DeliveryPage},
    server::{
        ops,
        seam::{Request, request},
    },
};

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
        Ok(hook) => hook.name,
        Err(ops::Error::NotFound(_)) => "a deleted hook".to_owned(),
        Err(error) => return Err(error),
    };
    let body = story.body.map(|body| String::from_utf8_lossy(&body).into_owned());
    Ok(DeliveryPage { delivery, attempts, body, hook_name, now: ctx.portal.clock().now() })
}
