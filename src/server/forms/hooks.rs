//! Hooks: their list, their page, the slider, deleting and testing.

use serde::{Deserialize, Serialize};

use super::{deliveries, flash};
use crate::{
    domain::{delivery::Delivery, hook::Hook, id::HookId},
    engine::store::{deliveries::Filter, hooks::Secrets},
    rpc::{
        Error,
        hooks::{HookFarewell, HookList, HookPage, HookRow, HookSecrets},
        session::FlashKind,
    },
    server::{
        ops::{self, drafts},
        seam::{go, request},
    },
};

/// Deliveries on a hook's page.
const RECENT: u32 = 10;

/// An id from an address. What is not an id names no hook.
pub(super) fn parse_id(id: &str) -> Result<HookId, ops::Error> {
    id.parse().map_err(|_| ops::Error::NotFound("hook"))
}

pub async fn list() -> Result<HookList, Error> {
    let request = request()?;
    let rows = request.tell(ops::hooks::list(&request.ctx).await)?;
    let health = request.tell(ops::hooks::health(&request.ctx).await)?;
    let row = |(hook, last): (Hook, Option<Delivery>)| {
        let health = health.get(&hook.id).copied().unwrap_or_default();
        HookRow { hook, health, last }
    };
    Ok(HookList { rows: rows.into_iter().map(row).collect(), now: request.ctx.portal.clock().now() })
}

pub async fn detail(id: &str, test: &str, secrets: &str) -> Result<HookPage, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let id = request.tell(parse_id(id))?;
    let hook = request.tell(ops::hooks::find(ctx, id).await)?;
    let filter = Filter { hook: Some(id), ..Filter::default() };
    let recent = match ops::deliveries::list(ctx, &filter, None, RECENT).await {
        Err(ops::Error::Forbidden(_)) => Vec::new(),
        outcome => request.tell(outcome)?.items,
    };
    let test = if test.is_empty() { None } else { deliveries::read(&request, test).await.ok() };
    let test = test.filter(|page| page.delivery.is_test && page.delivery.hook_id == hook.id);
    // Bound to the session that asked, and gone after ten minutes.
    let revealed: Option<Revealed> = request.tell(drafts::find(ctx, &request.session, secrets).await)?;
    let secrets = revealed.filter(|revealed| revealed.hook == hook.id).map(|revealed| revealed.secrets);
    let health = request.tell(ops::hooks::health(ctx).await)?.remove(&id).unwrap_or_default();
    Ok(HookPage { hook, health, recent, secrets, test, now: ctx.portal.clock().now() })
}

/// Secrets on their way from the button to the page that shows them.
#[derive(Serialize, Deserialize)]
struct Revealed {
    hook: HookId,
    secrets: HookSecrets,
}

pub async fn reveal(id: &str) -> Result<(), Error> {
    let request = request()?;
    let hook = request.tell(parse_id(id))?;
    let Secrets { api_key, signing_secret } = request.tell(ops::hooks::reveal(&request.ctx, hook).await)?;
    let revealed = Revealed { hook, secrets: HookSecrets { api_key, signing_secret } };
    let draft = request.tell(drafts::keep(&request.ctx, &request.session, &revealed).await)?;
    go(&format!("/integration/hooks/{id}?secrets={draft}#secrets"));
    Ok(())
}

pub async fn farewell(id: &str) -> Result<HookFarewell, Error> {
    let request = request()?;
    let id = request.tell(parse_id(id))?;
    let hook = request.tell(ops::hooks::find_to_change(&request.ctx, id).await)?;
    let open = request.tell(ops::hooks::open_deliveries(&request.ctx, id).await)?;
    Ok(HookFarewell { hook, open })
}

pub async fn set_enabled(id: &str, enabled: bool) -> Result<bool, Error> {
    let request = request()?;
    let id = request.tell(parse_id(id))?;
    let hook = request.tell(ops::hooks::set_enabled(&request.ctx, id, enabled).await)?;
    if request.is_plain_form() {
        let state = if hook.enabled { "on" } else { "off" };
        flash(&request, FlashKind::Done, format!("{} is {state}.", hook.name)).await;
        go(&format!("{}#h-{id}", request.came_from("/integration/hooks")));
    }
    Ok(hook.enabled)
}

pub async fn delete(id: &str) -> Result<(), Error> {
    let request = request()?;
    let id = request.tell(parse_id(id))?;
    let hook = request.tell(ops::hooks::delete(&request.ctx, id).await)?;
    flash(&request, FlashKind::Done, format!("{} was deleted.", hook.name)).await;
    go("/integration/hooks");
    Ok(())
}

pub async fn send_test(id: &str) -> Result<(), Error> {
    let request = request()?;
    let id = request.tell(parse_id(id))?;
    let delivery = request.tell(ops::hooks::send_test(&request.ctx, id, None).await)?;
    go(&format!("/integration/hooks/{id}?test={delivery}#test"));
    Ok(())
}
