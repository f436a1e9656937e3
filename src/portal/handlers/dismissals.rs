//! Dismissing undelivered events: the question, the act, the list of dismissals, and undoing one.

use super::{
    encoded, flash,
    found::{or_tombstone, parse_id},
};
use crate::{
    domain::{
        delivery::State,
        dismissal::{Dismissal, is_dismissible},
        id::DismissalId,
        invalid::Invalid,
        log::AnswerGroup,
        permission::{Permission, right},
        time::Timestamp,
    },
    portal::{
        ctx::OpCtx,
        ops::{self, dismissals::Dismiss, drafts},
        request::{redirect, request},
    },
    view::{
        Error,
        inbox::{DismissQuestion, DismissalList, DismissalRow},
        session::FlashKind,
        words::inbox as words,
    },
};

/// Dismissals on a page.
const ROWS: u32 = 30;
const INBOX: &str = "/integration/undelivered";

/// The state and the answer of a link or a form. A wrong one is like a page that is not there.
fn cause(state: &str, answer: &str) -> Result<(State, Option<AnswerGroup>), ops::Error> {
    let state = State::from_key(state).filter(|state| is_dismissible(*state));
    let answer = match answer {
        "" => Some(None),
        key => AnswerGroup::from_key(key).map(Some),
    };
    state.zip(answer).ok_or(ops::Error::NotFound("cause"))
}

/// The question: how many will be dismissed. `draft` has what was typed before.
pub async fn ask(
    id: &str,
    state: &str,
    answer: &str,
    draft: &str,
) -> Result<DismissQuestion, Error> {
    let request = request()?;
    let read = async {
        request.ctx.require(right::DeliveriesReplay)?;
        let hook = ops::jobs::hook(&request.ctx, parse_id(id)?).await?;
        // Without a cause: what failed.
        let state = if state.is_empty() { State::Failed.key() } else { state };
        let (state, answer) = cause(state, answer)?;
        let until = request.ctx.portal.clock().now();
        let asked =
            Dismiss { hook: hook.id, state, answer, reason: String::new(), until: Some(until) };
        let count = ops::dismissals::count(&request.ctx, &asked).await?;
        let typed = drafts::find(&request.ctx, &request.session, draft).await?;
        let (reason, errors) = typed.unwrap_or_default();
        Ok(DismissQuestion {
            hook: hook.id.to_string(),
            name: hook.name,
            is_on: hook.enabled,
            state,
            answer,
            count: count.total(),
            is_more: count.is_more,
            until,
            reason,
            errors,
        })
    };
    let read = read.await;
    request.respond(or_tombstone(&request.ctx, id, read).await)
}

/// Dismisses, and returns to the inbox. Without a reason the question is shown again.
pub async fn dismiss(
    id: &str,
    state: &str,
    answer: &str,
    reason: String,
    until: &str,
) -> Result<(), Error> {
    let request = request()?;
    let dismissed = begin(&request.ctx, id, state, answer, reason.clone(), until).await;
    match dismissed {
        Ok(dismissal) => {
            flash(&request, FlashKind::Done, words::dismissed(&dismissal)).await;
            redirect(INBOX);
            Ok(())
        }
        Err(ops::Error::Invalid(errors)) => {
            let typed = (reason, errors);
            let kept = drafts::keep(&request.ctx, &request.session, &typed).await;
            let draft = request.respond(kept)?;
            redirect(&format!(
                "/integration/hooks/{}/dismiss?state={}&answer={}&draft={draft}",
                encoded(id),
                encoded(state),
                encoded(answer)
            ));
            Ok(())
        }
        Err(error) => request.respond(Err(error)),
    }
}

async fn begin(
    ctx: &OpCtx,
    id: &str,
    state: &str,
    answer: &str,
    reason: String,
    until: &str,
) -> Result<Dismissal, ops::Error> {
    ctx.require(right::DeliveriesReplay)?;
    let hook = parse_id(id)?;
    let (state, answer) = cause(state, answer)?;
    let until = Timestamp::parse(until);
    ops::dismissals::dismiss(ctx, Dismiss { hook, state, answer, reason, until }).await
}

/// A page of dismissals, newest first.
pub async fn list(before: &str) -> Result<DismissalList, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let page = request.respond(ops::dismissals::page(ctx, before.parse().ok(), ROWS).await)?;
    let names = request.respond(ops::log::hook_names(ctx).await)?;
    let row = |dismissal: Dismissal| {
        let name = names.get(&dismissal.hook).cloned();
        DismissalRow { dismissal, name }
    };
    Ok(DismissalList {
        rows: page.items.into_iter().map(row).collect(),
        older: page.next_cursor.map(|last| format!("/integration/dismissed?before={last}")),
        may_replay: ctx.may(Permission::DeliveriesReplay),
        now: ctx.portal.clock().now(),
    })
}

/// Brings dismissed events back, and returns to the list.
pub async fn undo(id: &str) -> Result<(), Error> {
    let request = request()?;
    let undone = async {
        request.ctx.require(right::DeliveriesReplay)?;
        let id: DismissalId = id.parse().map_err(|_| ops::Error::NotFound("dismissal"))?;
        ops::dismissals::undo(&request.ctx, id).await
    };
    let (kind, text) = match undone.await {
        Ok(undone) if undone.left > 0 => (FlashKind::Warning, words::brought_back_but(undone.left)),
        Ok(_) => (FlashKind::Done, words::BROUGHT_BACK.to_owned()),
        Err(ops::Error::Invalid(Invalid(faults))) => {
            let message = faults.first().map(|fault| fault.message.clone());
            (FlashKind::Warning, message.unwrap_or_default())
        }
        Err(error) => return request.respond(Err(error)),
    };
    flash(&request, kind, text).await;
    redirect(&format!("/integration/dismissed#d-{}", encoded(id)));
    Ok(())
}
