//! The pages of the delivery log: parses the query of the URL, searches, and builds the links to
//! other pages. Start at [`page`].

mod read;

use std::collections::{HashMap, HashSet};

pub use self::read::{Asked, read};
use super::found::{or_tombstone, parse_id};
use crate::{
    domain::{
        delivery::Delivery,
        hook::Hook,
        id::{DeliveryId, EventId, HookId, time_of},
        log::{LogQuery, Outcome},
        permission::{Permission, right},
        redelivery::{Refusal, possible},
        time::Timestamp,
    },
    engine::store::log::{Place, Search},
    portal::{
        ctx::OpCtx,
        ops::{self, log::LogFound},
        request::request,
    },
    view::{
        Error,
        log::{HookName, LogLinks, LogPage, LogRow, SavedView},
        words::deliveries::DELETED_HOOK,
    },
};

/// A page of the log of one hook, or of all hooks if `hook` is empty.
pub async fn page(hook: &str, query: LogQuery) -> Result<LogPage, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    request.respond(ctx.require(right::DeliveriesRead).map_err(ops::Error::from))?;
    let hooks = request.respond(ops::log::hooks(ctx).await)?;
    let names = hooks.iter().map(|(id, hook)| (*id, hook.name.clone())).collect();
    let own = if hook.is_empty() {
        None
    } else {
        Some(request.respond(or_tombstone(ctx, hook, own_hook(hook, &names)).await)?)
    };
    let (query, asked) = read(ctx, query, own.as_ref().map(|(id, _)| *id));
    let mut page = frame_of(ctx, &query, own, &names);
    match asked {
        Err(errors) => page.errors = errors,
        Ok(mut asked) => {
            let found = request.respond(find(ctx, &mut asked, &query.text).await)?;
            if query.text.is_empty() {
                let offset = super::datetime::offset_ms(ctx, page.now);
                let bars = ops::log::histogram(ctx, &asked.search, page.now, offset).await;
                page.histogram = request.respond(bars)?;
            }
            page.searched = found.searched.and_then(|rows| i64::try_from(rows).ok());
            page.views = request.respond(views(ctx).await)?;
            request.respond(fill(ctx, &mut page, &asked, found, &hooks).await)?;
        }
    }
    Ok(page)
}

/// The reader's saved views.
async fn views(ctx: &OpCtx) -> Result<Vec<SavedView>, ops::Error> {
    let all = ops::views::list(ctx).await?;
    let shown = all.into_iter().map(|view| {
        let id = view.id.to_string();
        SavedView { id, name: view.name, query: view.query }
    });
    Ok(shown.collect())
}

/// The hook whose log is shown.
fn own_hook(id: &str, names: &HashMap<HookId, String>) -> Result<(HookId, String), ops::Error> {
    let id = parse_id(id)?;
    names.get(&id).map(|name| (id, name.clone())).ok_or(ops::Error::NotFound("hook"))
}

/// Paging back to the newest deliveries shows the complete newest page, not a partial one.
async fn find(ctx: &OpCtx, asked: &mut Asked, text: &str) -> Result<LogFound, ops::Error> {
    let found = ops::log::page(ctx, &asked.search, text, asked.place, asked.rows).await?;
    if !matches!(asked.place, Place::After(_)) || found.is_more || found.looked.is_some() {
        return Ok(found);
    }
    asked.place = Place::Newest;
    ops::log::page(ctx, &asked.search, text, asked.place, asked.rows).await
}

/// The parts of a page that do not depend on the results.
fn frame_of(
    ctx: &OpCtx,
    query: &LogQuery,
    own: Option<(HookId, String)>,
    names: &HashMap<HookId, String>,
) -> LogPage {
    let days = |kept: std::time::Duration| kept.as_secs() / 86_400;
    let retention = &ctx.portal.settings.retention;
    let path = match &own {
        Some((id, _)) => format!("/integration/hooks/{id}/deliveries"),
        None => "/integration/deliveries".to_owned(),
    };
    let mut hooks: Vec<HookName> = Vec::new();
    if own.is_none() {
        hooks.extend(
            names.iter().map(|(id, name)| HookName { id: id.to_string(), name: name.clone() }),
        );
        hooks.sort_by(|a, b| {
            a.name.to_lowercase().cmp(&b.name.to_lowercase()).then_with(|| a.id.cmp(&b.id))
        });
    }
    LogPage {
        path,
        from: super::datetime::local(ctx, &query.from),
        to: super::datetime::local(ctx, &query.to),
        zone: super::datetime::zone(ctx),
        hook: own.map(|(id, name)| HookName { id: id.to_string(), name }),
        hooks,
        query: query.clone(),
        kept_days: days(retention.deliveries),
        bodies_kept_days: days(retention.payloads),
        may_see_bodies: ctx.may(Permission::PayloadsRead),
        may_replay: ctx.may(Permission::DeliveriesReplay),
        now: ctx.portal.clock().now(),
        ..LogPage::default()
    }
}

/// Adds the results and the links that depend on them.
async fn fill(
    ctx: &OpCtx,
    page: &mut LogPage,
    asked: &Asked,
    found: LogFound,
    hooks: &HashMap<HookId, Hook>,
) -> Result<(), ops::Error> {
    page.links = links(page, asked.place, &found);
    page.suffix = suffix(&page.query, page.hook.is_none());
    page.is_empty = found.rows.is_empty() && ops::log::is_empty(ctx).await?;
    let is_recoverable =
        page.may_replay && page.query.text.is_empty() && !asked.search.states.is_empty();
    let is_settled = asked.search.states.iter().all(|state| state.is_final())
        && asked.search.tests != Some(true);
    if is_recoverable && is_settled && !found.rows.is_empty() {
        let search = Search { tests: Some(false), ..asked.search.clone() };
        page.matching = ops::log::count(ctx, &search).await?;
        page.links.recover = Some(recover_address(page, &asked.search));
    }
    page.rows = rows(ctx, found.rows, hooks).await?;
    Ok(())
}

/// The rows, each with what can be done with it.
async fn rows(
    ctx: &OpCtx,
    found: Vec<Delivery>,
    hooks: &HashMap<HookId, Hook>,
) -> Result<Vec<LogRow>, ops::Error> {
    let events: Vec<EventId> = found.iter().map(|delivery| delivery.event_id).collect();
    let pruned = if ctx.may(Permission::DeliveriesReplay) {
        ops::deliveries::without_payload(ctx, &events).await?
    } else {
        HashSet::new()
    };
    let row = |delivery: Delivery| {
        let hook = hooks.get(&delivery.hook_id);
        let has_payload = !pruned.contains(&delivery.event_id);
        let can = possible(&delivery, hook.map(|hook| hook.enabled), has_payload);
        let name = hook.map_or_else(|| DELETED_HOOK.to_owned(), |hook| hook.name.clone());
        LogRow { refused: can.err().map(Refusal::reason).map(str::to_owned), hook: name, delivery }
    };
    Ok(found.into_iter().map(row).collect())
}

/// The page that redelivers all matches of this search.
fn recover_address(page: &LogPage, search: &Search) -> String {
    let hook = page.hook.as_ref().map_or(page.query.hook.as_str(), |hook| hook.id.as_str());
    let path = if hook.is_empty() {
        "/integration/deliveries/recover".to_owned()
    } else {
        format!("/integration/hooks/{hook}/recover")
    };
    let states =
        Outcome::from_key(&page.query.state).map(|outcome| outcome.states).unwrap_or_default();
    let mut pairs: Vec<(&str, &str)> = states.iter().map(|state| (state.key(), "true")).collect();
    let query = &page.query;
    let end = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    let (from, to) = (end(search.from), end(search.to));
    pairs.extend([
        ("answer", query.answer.as_str()),
        ("event", &query.event),
        ("event_type", &query.event_type),
        ("since", "exact"),
        ("from", &from),
        ("to", &to),
    ]);
    crate::domain::address::address(&path, &pairs)
}

/// Links for keyset pagination, for continuing a search that hit its limit, and whether this is
/// the newest page.
fn links(page: &LogPage, place: Place, found: &LogFound) -> LogLinks {
    let to = |before: &str, after: &str| page.query.at(before, after).address(&page.path);
    let before = |id: DeliveryId| to(&id.to_string(), "");
    let after = |id: DeliveryId| to("", &id.to_string());
    let (first, last) = (found.rows.first().map(|row| row.id), found.rows.last().map(|row| row.id));
    let newest = to("", "");
    let further = found.looked.map(|looked| {
        let address = if matches!(place, Place::After(_)) { after(looked) } else { before(looked) };
        (time_of(looked.0), address)
    });
    let (newer, older) = match place {
        Place::Newest => (None, last.filter(|_| found.is_more).map(before)),
        Place::Before(_) => {
            (Some(first.map_or(newest.clone(), after)), last.filter(|_| found.is_more).map(before))
        }
        // The reader came from an older page.
        Place::After(_) => (first.filter(|_| found.is_more).map(after), last.map(before)),
    };
    let is_newest = newer.is_none();
    LogLinks { newest, newer, older, further, recover: None, is_newest }
}

/// The query string of links to a delivery's page: that page links back to this list.
pub fn suffix(query: &LogQuery, is_of_all: bool) -> String {
    let query = query.at("", "").address("");
    match (is_of_all, query.is_empty()) {
        (false, _) => query,
        (true, true) => "?log=all".to_owned(),
        (true, false) => format!("{query}&log=all"),
    }
}
