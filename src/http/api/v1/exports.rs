//! Exports of deliveries as CSV or JSON Lines, by the API and (through [`file`]) by the portal. The
//! file is sent while it is read, so its size does not matter. A download that cannot be completed
//! is aborted, so that a part is not taken for the whole.

use std::{future::Future, io, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, header},
};
use bytes::Bytes;
use futures::stream;

use super::{requests::export::ExportFilter, shapes::export::Format};
use crate::{
    domain::{
        permission::{Actor, Permission},
        time::Timestamp,
    },
    engine::store::log::Search,
    http::api::{
        extract::{Ctx, Parameters},
        problem::Problem,
    },
    portal::{
        auth::actor::actor_of_bearer,
        ops::{
            self,
            log::export::{self, Export},
        },
    },
};

/// Export deliveries
///
/// A file of everything that matches, newest first, up to 1,000,000 deliveries: CSV, or JSON Lines
/// with one delivery in each line, as the list has it, and the name of its hook. `payloads` and
/// `text` need the permission `payloads:read` too. A token has one export at a time; each is
/// recorded in the audit log. If the connection is closed before the end, the file is incomplete.
#[utoipa::path(get, path = "/api/v1/deliveries/export", operation_id = "exportDeliveries",
    tag = "Deliveries", params(ExportFilter),
    responses((status = 200, description = "The file.",
        content((String = "text/csv"), (String = "application/jsonl")))))]
pub async fn deliveries(
    Ctx(ctx): Ctx,
    headers: HeaderMap,
    Parameters(filter): Parameters<ExportFilter>,
) -> Result<Response<Body>, Problem> {
    let (wanted, format) = filter.into_wanted();
    let now = ctx.portal.clock().now();
    let file = File {
        name: file_name(&wanted.search, now, format),
        format,
        with_payloads: wanted.with_payloads,
    };
    let needs_payloads = wanted.with_payloads || !wanted.text.is_empty();
    let export = export::start(&ctx, wanted).await?;
    let ctx = Arc::new(ctx);
    let may_go_on = move || {
        let (ctx, headers) = (ctx.clone(), headers.clone());
        async move {
            // The token may have been revoked meanwhile, or its owner may do less now.
            let portal = &ctx.portal;
            let actor =
                actor_of_bearer(portal.store(), portal.clock(), &portal.tokens, &headers).await;
            let may = |actor: &Actor| {
                actor.permissions.has(Permission::DeliveriesRead)
                    && (!needs_payloads || actor.permissions.has(Permission::PayloadsRead))
            };
            !portal.stopping.is_cancelled() && matches!(actor, Ok(Some(actor)) if may(&actor))
        }
    };
    // Making the problem logs the error.
    let shown = |error: ops::Error| format!("{:?}", Problem::from(error));
    Ok(file.send(export, may_go_on, shown))
}

/// The file of an export.
pub struct File {
    pub name: String,
    pub format: Format,
    pub with_payloads: bool,
}

impl File {
    /// Sends it while the export is read. `may_go_on` is asked before each part. `shown` turns an
    /// error into words, and logs it.
    pub fn send<A: Future<Output = bool> + Send + 'static>(
        self,
        export: Export,
        may_go_on: impl Fn() -> A + Send + 'static,
        shown: fn(ops::Error) -> String,
    ) -> Response<Body> {
        let Self { name, format, with_payloads } = self;
        let head = Bytes::from(format.head(with_payloads));
        let first = (!head.is_empty()).then_some(Ok(head));
        let rest = stream::unfold(Some(export), move |state| {
            let going_on = may_go_on();
            async move {
                let mut export = state?;
                if !going_on.await {
                    let ended = io::Error::other("signed out, or the server is stopping");
                    return Some((Err(ended), None));
                }
                match export.next().await {
                    Ok(None) => None,
                    Ok(Some(rows)) => {
                        let mut text = String::new();
                        rows.into_iter().for_each(|row| format.write(&mut text, row));
                        Some((Ok(Bytes::from(text)), Some(export)))
                    }
                    // The client sees an aborted download.
                    Err(error) => Some((Err(io::Error::other(shown(error))), None)),
                }
            }
        });
        let body = Body::from_stream(futures::StreamExt::chain(stream::iter(first), rest));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        response
    }
}

/// `deliveries-20261127T091000Z-20261128T091000Z.csv`
pub fn file_name(search: &Search, now: Timestamp, format: Format) -> String {
    let compact = |at: Timestamp| {
        let text = at.rfc3339();
        let seconds = text.split('.').next().unwrap_or_default().replace(['-', ':'], "");
        format!("{seconds}Z")
    };
    let from = search.from.map_or("until".to_owned(), compact);
    format!("deliveries-{from}-{}.{}", compact(search.to.unwrap_or(now)), format.extension())
}
