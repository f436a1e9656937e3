//! Downloads what the list of deliveries is filtered by. The API has the same exports: the file is
//! made in [`exports`](super::api::v1::exports).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, RawQuery},
    http::Response,
};

use super::{
    api::v1::{
        exports::{File, file_name},
        shapes::export::{Format, audit_detail},
    },
    error_page,
    streams::Viewer,
};
use crate::{
    domain::{id::HookId, log::LogQuery},
    portal::{
        handlers,
        ops::{
            self,
            log::export::{self, Wanted},
        },
        request::public_error,
    },
};

/// Deliveries of all hooks.
pub async fn of_all(viewer: Viewer, RawQuery(query): RawQuery) -> Response<Body> {
    answer(viewer, query.unwrap_or_default(), None).await
}

/// Deliveries of one hook.
pub async fn of_hook(
    viewer: Viewer,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    match id.parse() {
        Ok(id) => answer(viewer, query.unwrap_or_default(), Some(id)).await,
        Err(_) => error_page::for_error(&public_error(ops::Error::NotFound("hook"))),
    }
}

async fn answer(viewer: Viewer, query: String, own: Option<HookId>) -> Response<Body> {
    let chosen = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let format = Format::from_key(&chosen("format").unwrap_or_default()).unwrap_or(Format::Csv);
    let with_payloads = chosen("payloads").is_some_and(|ticked| !ticked.is_empty());
    let started = async {
        let query = LogQuery::parse(&query).at("", "");
        let (query, asked) = handlers::log::read(&viewer.ctx, query, own);
        let search = asked?.search;
        let filters = query.with("text", "").with("rows", "").address("");
        let detail = audit_detail(format, with_payloads, !query.text.is_empty(), &filters);
        let name = file_name(&search, viewer.ctx.portal.clock().now(), format);
        let wanted = Wanted { search, text: query.text, with_payloads, detail };
        Ok::<_, ops::Error>((name, export::start(&viewer.ctx, wanted).await?))
    };
    let (name, export) = match started.await {
        Ok(started) => started,
        Err(error) => return error_page::for_error(&public_error(error)),
    };
    let viewer = Arc::new(viewer);
    let may_go_on = move || {
        let viewer = viewer.clone();
        async move { !viewer.ctx.portal.stopping.is_cancelled() && viewer.is_signed_in().await }
    };
    let shown = |error: ops::Error| public_error(error).to_string();
    File { name, format, with_payloads }.send(export, may_go_on, shown)
}
