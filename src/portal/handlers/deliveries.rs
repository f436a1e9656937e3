//! The page of one delivery: its attempts, the request that was sent, and its neighbours in the
//! list. Start at [`detail`].

mod code;

use super::log as log_page;
use crate::{
    domain::{
        delivery::{Attempt, Delivery},
        hook::Hook,
        id::DeliveryId,
        json::pretty,
        log::LogQuery,
        permission::Permission,
        redelivery::{HookNow, Refusal, remedy},
    },
    engine::{
        catalogue,
        store::log::{Place, Search},
    },
    portal::{
        ctx::OpCtx,
        ops::{self, events::EventStory},
        request::{Request, request},
    },
    view::{
        Error,
        deliveries::{Body, DeliveryDetail, DeliveryPage, Elsewhere, SentRequest},
        words::{deliveries::DELETED_HOOK, events::NOT_JSON},
    },
};

/// Bytes of a payload that the page shows. The complete payload is a download.
const SHOWN: usize = 64 * 1024;

/// Deliveries of the same event that the page lists.
const MOST_ELSEWHERE: usize = 10;

/// The page of a delivery. `query` is the list that the reader came from: of all hooks if `log` is
/// `all`. `view` is `raw` for a payload that is not re-indented.
pub async fn detail(
    id: &str,
    query: LogQuery,
    view: &str,
    log: &str,
) -> Result<DeliveryDetail, Error> {
    let request = request()?;
    let found = delivery_detail(&request.ctx, id, query, view == "raw", log == "all").await;
    request.respond(found)
}

/// A delivery with its attempts, for other pages.
pub(super) async fn read(request: &Request, id: &str) -> Result<DeliveryPage, ops::Error> {
    Ok(story(&request.ctx, id).await?.0)
}

/// The delivery with everything that its page needs.
async fn story(
    ctx: &OpCtx,
    id: &str,
) -> Result<(DeliveryPage, EventStory, Option<Hook>), ops::Error> {
    let id: DeliveryId = id.parse().map_err(|_| ops::Error::NotFound("delivery"))?;
    let (delivery, attempts) = ops::deliveries::find(ctx, id).await?;
    let story = ops::events::story(ctx, delivery.event_id).await?;
    let hook = ops::deliveries::hook_of(ctx, &delivery).await?;
    let can = ops::deliveries::can(&delivery, hook.as_ref(), story.size);
    let act = can.ok().filter(|_| ctx.may(Permission::DeliveriesReplay));
    let hook_name = hook.as_ref().map_or(DELETED_HOOK.to_owned(), |hook| hook.name.clone());
    let body = story.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned());
    let page =
        DeliveryPage { delivery, attempts, body, hook_name, act, now: ctx.portal.clock().now() };
    Ok((page, story, hook))
}

async fn delivery_detail(
    ctx: &OpCtx,
    id: &str,
    query: LogQuery,
    is_raw: bool,
    is_of_all: bool,
) -> Result<DeliveryDetail, ops::Error> {
    let (page, story, hook) = story(ctx, id).await?;
    let delivery = &page.delivery;
    let own = format!("/integration/hooks/{}/deliveries", delivery.hook_id);
    let list = if is_of_all { "/integration/deliveries".to_owned() } else { own.clone() };
    let query = query.at("", "");
    let suffix = log_page::suffix(&query, is_of_all);
    let (newer, older) = neighbours(ctx, delivery, &query, is_of_all).await?;
    let address_of = |other: Delivery| {
        format!("/integration/hooks/{}/deliveries/{}{suffix}", other.hook_id, other.id)
    };
    let refused = ops::deliveries::can(delivery, hook.as_ref(), story.size).err();
    let now = hook_now(ctx, hook.as_ref()).await?;
    let may_write = ctx.may(Permission::HooksWrite);
    let (elsewhere, is_all) = elsewhere(ctx, delivery, &story).await?;
    Ok(DeliveryDetail {
        hook: now,
        remedy: remedy(delivery, now, page.act, may_write),
        elsewhere,
        is_all,
        request: sent_request(ctx, &page, &story, hook.as_ref(), is_raw),
        refused: refused.filter(|_| ctx.may(Permission::DeliveriesReplay)).map(Refusal::sentence),
        newer: newer.map(address_of),
        older: older.map(address_of),
        list: query.address(&list),
        address: format!("{own}/{}{suffix}", delivery.id),
        page,
    })
}

async fn hook_now(ctx: &OpCtx, hook: Option<&Hook>) -> Result<HookNow, ops::Error> {
    let Some(hook) = hook else { return Ok(HookNow::Deleted) };
    if !hook.enabled {
        let is_gone = hook.off_reason.as_deref().is_some_and(|reason| reason.contains("410"));
        return Ok(HookNow::Off { is_gone });
    }
    let health = ops::deliveries::health_of(ctx, hook.id).await?;
    Ok(match health.waits_until {
        _ if health.paused.is_some() => HookNow::Paused,
        Some(until) => HookNow::Throttled(until),
        None => HookNow::On,
    })
}

/// The deliveries of the same event to other hooks, and whether these are all.
async fn elsewhere(
    ctx: &OpCtx,
    delivery: &Delivery,
    story: &EventStory,
) -> Result<(Vec<Elsewhere>, bool), ops::Error> {
    let others = || story.deliveries.iter().filter(|(other, _)| other.id != delivery.id);
    let mut shown = Vec::new();
    for (other, _) in others().take(MOST_ELSEWHERE) {
        let hook = ops::deliveries::hook_of(ctx, other).await?;
        let hook_name = hook.map_or(DELETED_HOOK.to_owned(), |hook| hook.name);
        shown.push(Elsewhere { hook_name, delivery: other.clone() });
    }
    let is_all = others().count() == shown.len();
    Ok((shown, is_all))
}

/// The next newer and the next older delivery of the list. A text filter is ignored: searching
/// payloads is too expensive for two links.
async fn neighbours(
    ctx: &OpCtx,
    delivery: &Delivery,
    query: &LogQuery,
    is_of_all: bool,
) -> Result<(Option<Delivery>, Option<Delivery>), ops::Error> {
    let own = (!is_of_all).then_some(delivery.hook_id);
    let search = match log_page::read(ctx, query.clone(), own) {
        (_, Ok(asked)) if query.text.is_empty() => asked.search,
        _ => Search { hook: own, ..Search::default() },
    };
    let newer = ops::log::page(ctx, &search, "", Place::After(delivery.id), 1).await?;
    let older = ops::log::page(ctx, &search, "", Place::Before(delivery.id), 1).await?;
    Ok((newer.rows.into_iter().next_back(), older.rows.into_iter().next()))
}

/// The request as it was sent last, or will be sent.
fn sent_request(
    ctx: &OpCtx,
    page: &DeliveryPage,
    story: &EventStory,
    hook: Option<&Hook>,
    is_raw: bool,
) -> SentRequest {
    let delivery = &page.delivery;
    let last = page.attempts.last();
    let url =
        last.map(|attempt| attempt.url.clone()).or(hook.map(|hook| hook.callback_url.clone()));
    let url = url.unwrap_or_default();
    let headers = headers(delivery, last, hook);
    let file =
        format!("/integration/hooks/{}/deliveries/{}/body.json", delivery.hook_id, delivery.id);
    let is_removed = story.size == 0;
    let (body, faults) = match &page.body {
        _ if !ctx.may(Permission::PayloadsRead) => (Body::Hidden, None),
        Some(text) if !is_removed => (shown(text, is_raw, file), Some(faults(delivery, text))),
        _ => (Body::Removed, None),
    };
    let code = code::all(&url, &headers, page.body.as_deref().filter(|_| !is_removed));
    SentRequest {
        url,
        headers,
        size: i64::try_from(story.size).unwrap_or(i64::MAX),
        body,
        faults,
        code,
    }
}

/// The request headers, with the API key and the signature masked.
fn headers(
    delivery: &Delivery,
    last: Option<&Attempt>,
    hook: Option<&Hook>,
) -> Vec<(String, String)> {
    let key = hook.map_or("••••".to_owned(), |hook| hook.api_key_hint.clone());
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("service-hooks/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("x-api-key", key),
        ("x-service-hook-event", delivery.event_type.key().to_owned()),
        ("webhook-id", delivery.event_id.webhook_id(delivery.is_test)),
    ];
    if let Some(last) = last {
        headers.push(("webhook-timestamp", last.started_at.seconds().to_string()));
    }
    headers.push(("webhook-signature", "v1,…".to_owned()));
    if delivery.is_test {
        headers.push(("x-service-hook-test", "true".to_owned()));
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The payload for display, re-indented unless it is raw, large or not JSON.
fn shown(text: &str, is_raw: bool, file: String) -> Body {
    let pretty = if is_raw || text.len() > SHOWN { None } else { pretty(text) };
    let is_pretty = pretty.is_some();
    let text = pretty.unwrap_or_else(|| text[..text.floor_char_boundary(SHOWN)].to_owned());
    let is_cut = !is_pretty && text.len() >= SHOWN;
    Body::Shown { text, is_pretty, is_cut, file }
}

/// Violations of the current schema.
fn faults(delivery: &Delivery, text: &str) -> Vec<String> {
    let Ok(body) = serde_json::from_str(text) else { return vec![NOT_JSON.to_owned()] };
    match catalogue::validate(delivery.event_type, &body) {
        Ok(()) => Vec::new(),
        Err(invalid) => {
            let words =
                |field: &str| field.trim_start_matches("data").trim_start_matches('.').to_owned();
            invalid
                .0
                .iter()
                .map(|fault| format!("{} {}", words(&fault.field), fault.message).trim().to_owned())
                .collect()
        }
    }
}
