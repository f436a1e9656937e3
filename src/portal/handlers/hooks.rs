//! Hooks: the list, a hook's page, switching, deleting and testing.

use serde::{Deserialize, Serialize};

use super::found::{or_tombstone, parse_id};
use super::{deliveries, flash};
use crate::{
    domain::{
        delivery::State,
        hook_query::{HookQuery, Status},
        hook_status::HookStatus,
        id::HookId,
        measured::Range,
    },
    engine::{
        dispatcher::Validation,
        store::{hooks::Secrets, log::Search},
    },
    portal::{
        ops::{
            self, drafts,
            measured::Column,
            overview::{self, Row},
        },
        request::{Request, redirect, request},
    },
    view::{
        Error,
        hooks::{
            Charts, Figures, HookDeletion, HookHead, HookList, HookPage, HookRow, HookSecrets,
            Point, StatusDetails, SwitchMatching,
        },
        session::FlashKind,
        words::{hooks as words, test_send::SENT_BEFORE},
    },
};

/// Number of recent deliveries on a hook's page.
const RECENT_DELIVERIES: u32 = 10;

pub async fn list(text: &str, status: &str, sort: &str, page: &str) -> Result<HookList, Error> {
    let request = request()?;
    let query = HookQuery::parse(text, status, sort, page);
    let found = request.respond(overview::read(&request.ctx, &query).await)?;
    let row = |row: Row| HookRow {
        details: details(&row),
        hook: row.hook,
        last_attempt: row.last.attempt,
        last_success: row.last.success,
        day: row.day,
    };
    let count = |status: &HookStatus| {
        (*status, found.statuses.iter().filter(|known| *known == status).count())
    };
    let statuses = HookStatus::ALL.iter().map(count).collect();
    Ok(HookList {
        query: HookQuery { page: found.page, ..query },
        rows: found.rows.into_iter().map(row).collect(),
        not_set_up: found.not_set_up,
        total: found.total,
        found: found.found,
        pages: found.pages,
        statuses,
        figures: found.figures.map(figures),
        now: request.ctx.portal.clock().now(),
    })
}

fn details(row: &Row) -> StatusDetails {
    StatusDetails {
        status: row.status,
        health: row.health,
        day: overview::sum(&row.day),
        held: row.held,
        held_since: row.held_since,
    }
}

fn figures(found: overview::Figures) -> Figures {
    let overview::Figures { from, delivered, attempts, p95, waiting, held, held_since } = found;
    Figures { from, delivered, attempts, p95, waiting, held, held_since }
}

/// What turning on or off all matching hooks would change.
pub async fn matching(text: &str, status: &str, enabled: bool) -> Result<SwitchMatching, Error> {
    let request = request()?;
    let query = HookQuery::parse(text, status, "", "");
    let found = ops::hooks::matching(&request.ctx, &query, enabled).await;
    let names = request.respond(found)?.into_iter().map(|hook| hook.name).collect();
    Ok(SwitchMatching { query, enabled, names })
}

/// Turns on or off all matching hooks, on whatever page of the list.
pub async fn set_enabled_matching(text: &str, status: &str, enabled: bool) -> Result<(), Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let query = HookQuery::parse(text, status, "", "");
    let found = ops::hooks::matching(ctx, &query, enabled).await;
    let ids: Vec<HookId> = request.respond(found)?.into_iter().map(|hook| hook.id).collect();
    let switched = request.respond(ops::hooks::set_enabled_many(ctx, &ids, enabled).await)?;
    flash(&request, FlashKind::Done, words::switched_many(switched.len(), enabled)).await;
    // Filtered by status, the list would no longer contain what was changed.
    redirect(&HookQuery { status: Status::All, ..query }.address());
    Ok(())
}

/// `None` where the page itself says why: no such hook, or no permission to see hooks.
pub async fn head(id: &str) -> Result<Option<HookHead>, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let Ok(id) = parse_id(id) else { return Ok(None) };
    let Ok(row) = overview::find(ctx, id).await else { return Ok(None) };
    let tests = ops::test_send::history(ctx, id).await.unwrap_or_default();
    let tested = tests.first().filter(|test| test.state.is_final());
    Ok(Some(HookHead {
        details: details(&row),
        hook: row.hook,
        pauses_after: ctx.portal.settings.delivery.breaker().failures,
        tested: tested.map(|test| (test.state == State::Delivered, test.created_at)),
        now: ctx.portal.clock().now(),
    }))
}

pub async fn detail(id: &str, test: &str, secrets: &str, range: &str) -> Result<HookPage, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let lookup = async { overview::find(ctx, parse_id(id)?).await };
    let row = request.respond(or_tombstone(ctx, id, lookup.await).await)?;
    let (details, id) = (details(&row), row.hook.id);
    let (hook, last) = (row.hook, row.last);
    let search = Search { hook: Some(id), ..Search::default() };
    let recent = match ops::deliveries::list(ctx, &search, None, RECENT_DELIVERIES).await {
        Err(ops::Error::Forbidden(_)) => Vec::new(),
        outcome => request.respond(outcome)?.items,
    };
    let test = if test.is_empty() { None } else { deliveries::read(&request, test).await.ok() };
    let test = test.filter(|page| page.delivery.is_test && page.delivery.hook_id == hook.id);
    let waiting = match &test {
        Some(page) => request.respond(super::try_now::offer(ctx, &hook, &page.delivery).await)?,
        None => None,
    };
    // Readable only by the session that asked, for ten minutes.
    let revealed: Option<Revealed> =
        request.respond(drafts::find(ctx, &request.session, secrets).await)?;
    let secrets =
        revealed.filter(|revealed| revealed.hook == hook.id).map(|revealed| revealed.secrets);
    let charts = charts(&request, id, Range::from_key(range).unwrap_or_default()).await?;
    Ok(HookPage {
        hook,
        details,
        last_attempt: last.attempt,
        last_success: last.success,
        charts,
        recent,
        secrets,
        test,
        waiting,
        now: ctx.portal.clock().now(),
    })
}

async fn charts(request: &Request, id: HookId, range: Range) -> Result<Option<Charts>, Error> {
    let measured = match ops::measured::of_hook(&request.ctx, id, range).await {
        Err(ops::Error::Forbidden(_)) => return Ok(None),
        outcome => request.respond(outcome)?,
    };
    let point = |column: &Column| Point {
        from: column.from,
        outcomes: column.outcomes,
        p50: column.durations.quantile(0.5),
        p95: column.durations.quantile(0.95),
    };
    let all = point(&measured.all);
    Ok(Some(Charts {
        range,
        points: measured.columns.iter().map(point).collect(),
        failures: measured.failures,
        skipped: measured.skipped,
        outcomes: all.outcomes,
        p50: all.p50,
        p95: all.p95,
    }))
}

/// Revealed secrets: a draft between the POST and the page that it redirects to.
#[derive(Serialize, Deserialize)]
struct Revealed {
    hook: HookId,
    secrets: HookSecrets,
}

pub async fn reveal(id: &str) -> Result<(), Error> {
    let request = request()?;
    let hook = request.respond(parse_id(id))?;
    let Secrets { api_key, signing_secret } =
        request.respond(ops::hooks::reveal(&request.ctx, hook).await)?;
    let revealed = Revealed {
        hook,
        secrets: HookSecrets { api_key: api_key.expose().to_owned(), signing_secret },
    };
    let draft = request.respond(drafts::keep(&request.ctx, &request.session, &revealed).await)?;
    redirect(&format!("/integration/hooks/{id}?secrets={draft}#secrets"));
    Ok(())
}

pub async fn deletion(id: &str) -> Result<HookDeletion, Error> {
    let request = request()?;
    let lookup = async { ops::hooks::find_to_change(&request.ctx, parse_id(id)?).await };
    let hook = request.respond(or_tombstone(&request.ctx, id, lookup.await).await)?;
    let open = request.respond(ops::hooks::open_deliveries(&request.ctx, hook.id).await)?;
    Ok(HookDeletion { hook, open })
}

pub async fn set_enabled(id: &str, enabled: bool) -> Result<bool, Error> {
    let request = request()?;
    let id = request.respond(parse_id(id))?;
    let hook = request.respond(ops::hooks::set_enabled(&request.ctx, id, enabled).await)?;
    if request.is_plain_form() {
        flash(&request, FlashKind::Done, words::switched(&hook.name, hook.enabled)).await;
        redirect(&format!("{}#h-{id}", request.came_from("/integration/hooks")));
    }
    Ok(hook.enabled)
}

pub async fn set_enabled_many(ids: &[String], enabled: bool) -> Result<(), Error> {
    let request = request()?;
    let ids: Vec<HookId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let switched =
        request.respond(ops::hooks::set_enabled_many(&request.ctx, &ids, enabled).await)?;
    let (kind, text) = match switched.as_slice() {
        [] => (FlashKind::Warning, words::NONE_SELECTED.to_owned()),
        [hook] => (FlashKind::Done, words::switched(&hook.name, enabled)),
        many => (FlashKind::Done, words::switched_many(many.len(), enabled)),
    };
    flash(&request, kind, text).await;
    redirect(&request.came_from("/integration/hooks"));
    Ok(())
}

pub async fn delete(id: &str) -> Result<(), Error> {
    let request = request()?;
    let id = request.respond(parse_id(id))?;
    let hook = request.respond(ops::hooks::delete(&request.ctx, id).await)?;
    flash(&request, FlashKind::Done, words::deleted(&hook.name)).await;
    redirect("/integration/hooks");
    Ok(())
}

pub async fn send_test(id: &str, form_token: &str) -> Result<(), Error> {
    let request = request()?;
    let (id, nonce) = (request.respond(parse_id(id))?, request.form_nonce(form_token));
    let sent = ops::test_send::send_once(&request.ctx, nonce, id, None, Validation::Schema).await;
    let (delivery, is_first) = request.respond(sent)?;
    if !is_first {
        flash(&request, FlashKind::Done, SENT_BEFORE).await;
    }
    redirect(&format!("/integration/hooks/{id}?test={delivery}#test"));
    Ok(())
}
