//! Downloads an event's payload as a file, byte for byte. Requires `payloads:read`.

use axum::{
    body::Body,
    extract::{Extension, Path},
    http::{HeaderValue, Response, header},
};

use super::error_page;
use crate::portal::{
    ctx::OpCtx,
    ops,
    request::{public_error, status_of},
};

pub async fn download(
    Extension(ctx): Extension<OpCtx>,
    Path((_, delivery)): Path<(String, String)>,
) -> Response<Body> {
    let found = async {
        let id = delivery.parse().map_err(|_| ops::Error::NotFound("delivery"))?;
        let found = ops::deliveries::these(&ctx, &[id]).await?.into_iter().next();
        let event = found.ok_or(ops::Error::NotFound("delivery"))?.event_id;
        Ok((event, ops::events::body(&ctx, event).await?))
    };
    let (event, body) = match found.await {
        Ok(found) => found,
        Err(error) => {
            let error = public_error(error);
            return error_page::with_words(status_of(&error), &error.to_string());
        }
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(disposition) =
        HeaderValue::from_str(&format!("attachment; filename=\"{event}.json\""))
    {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
