//! Downloads what the list of deliveries is filtered by, as CSV or JSON Lines. The file is sent
//! while it is read, so its size does not matter. A download that cannot be completed is aborted,
//! so that a part is not taken for the whole.

mod format;

use std::io;

use axum::{
    body::Body,
    extract::{Path, RawQuery},
    http::{HeaderValue, Response, header},
};
use bytes::Bytes;
use futures::stream;

use self::format::Format;
use super::{error_page, streams::Viewer};
use crate::{
    domain::{id::HookId, log::LogQuery, time::Timestamp},
    engine::store::log::Search,
    portal::{
        handlers,
        ops::{
            self,
            log::export::{self, Export, Wanted},
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
    let format = Format::from_key(&chosen("format").unwrap_or_default());
    let with_payloads = chosen("payloads").is_some_and(|ticked| !ticked.is_empty());
    let started = async {
        let query = LogQuery::parse(&query).at("", "");
        let (query, asked) = handlers::log::read(&viewer.ctx, query, own);
        let search = asked?.search;
        let filters = query.with("text", "").with("rows", "").address("");
        let detail = format!(
            "{}{}{}{}",
            format.key(),
            if with_payloads { ", with payloads" } else { "" },
            if query.text.is_empty() { "" } else { ", text search" },
            if filters.is_empty() { String::new() } else { format!(", {filters}") },
        );
        let name = file_name(&search, viewer.ctx.portal.clock().now(), format);
        let wanted = Wanted { search, text: query.text, with_payloads, detail };
        Ok::<_, ops::Error>((name, export::start(&viewer.ctx, wanted).await?))
    };
    match started.await {
        Ok((name, export)) => file(viewer, export, format, with_payloads, &name),
        Err(error) => error_page::for_error(&public_error(error)),
    }
}

fn file(
    viewer: Viewer,
    export: Export,
    format: Format,
    with_payloads: bool,
    name: &str,
) -> Response<Body> {
    let head = Bytes::from(format.head(with_payloads));
    let first = (!head.is_empty()).then_some(Ok(head));
    let rest = stream::unfold(Some((viewer, export)), move |state| async move {
        let (viewer, mut export) = state?;
        let stopping = viewer.ctx.portal.stopping.is_cancelled();
        if stopping || !viewer.is_signed_in().await {
            let ended = io::Error::other("the session ended, or the server is stopping");
            return Some((Err(ended), None));
        }
        match export.next().await {
            Ok(None) => None,
            Ok(Some(rows)) => {
                let mut text = String::new();
                rows.into_iter().for_each(|row| format.write(&mut text, row));
                Some((Ok(Bytes::from(text)), Some((viewer, export))))
            }
            Err(error) => {
                // Logged with its cause; the client sees an aborted download.
                let shown = public_error(error);
                Some((Err(io::Error::other(shown.to_string())), None))
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

/// `deliveries-20261127T091000Z-20261128T091000Z.csv`
fn file_name(search: &Search, now: Timestamp, format: Format) -> String {
    let compact = |at: Timestamp| {
        let text = at.rfc3339();
        let seconds = text.split('.').next().unwrap_or_default().replace(['-', ':'], "");
        format!("{seconds}Z")
    };
    let from = search.from.map_or("until".to_owned(), compact);
    format!("deliveries-{from}-{}.{}", compact(search.to.unwrap_or(now)), format.extension())
}
