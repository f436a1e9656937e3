//! The page of undelivered events: by hook and cause, with a search.

use crate::{
    domain::{delivery::State, permission::Permission},
    portal::{ops, request::request},
    view::{
        Error,
        inbox::{Inbox, InboxHook, InboxPart},
        words::inbox as words,
    },
};

/// Undelivered events by hook. Hooks that hold events come first: these wait for a person. `query`
/// is searched in names and causes.
pub async fn inbox(query: &str) -> Result<Inbox, Error> {
    let request = request()?;
    let ctx = &request.ctx;
    let found = request.respond(ops::log::undelivered(ctx).await)?;
    let known = request.respond(ops::log::hooks(ctx).await)?;
    let mut hooks: Vec<InboxHook> = Vec::new();
    for part in found {
        // A hook that was created or deleted between the two reads.
        let Some(hook) = known.get(&part.hook) else { continue };
        let id = part.hook.to_string();
        let of = InboxPart {
            state: part.state,
            answer: part.answer,
            count: part.count,
            ends: part.ends,
        };
        match hooks.last_mut().filter(|hook| hook.id == id) {
            Some(hook) => hook.parts.push(of),
            None => hooks.push(InboxHook {
                id,
                name: hook.name.clone(),
                enabled: hook.enabled,
                parts: vec![of],
                total: 0,
                retrying: part.retrying,
            }),
        }
    }
    let is_any = !hooks.is_empty();
    let query = query.trim();
    hooks.retain_mut(|hook| narrow(hook, &query.to_lowercase()));
    for hook in &mut hooks {
        hook.total = hook.parts.iter().map(|part| part.count).sum();
        hook.parts.sort_by_key(|part| (part.state != State::Held, -part.count));
    }
    let is_held = |hook: &InboxHook| hook.parts.iter().any(|part| part.state == State::Held);
    hooks.sort_by_key(|hook| (!is_held(hook), -hook.total, hook.id.clone()));
    Ok(Inbox {
        hooks,
        query: query.to_owned(),
        is_any,
        may_replay: ctx.may(Permission::DeliveriesReplay),
        may_switch: ctx.may(Permission::HooksWrite),
        now: ctx.portal.clock().now(),
    })
}

/// Keeps what matches a search: a hook by its name, or its matching causes. Returns whether
/// anything is left.
fn narrow(hook: &mut InboxHook, query: &str) -> bool {
    if !query.is_empty() && !hook.name.to_lowercase().contains(query) {
        let is_on = hook.enabled;
        hook.parts.retain(|part| {
            words::cause(part.state, part.answer, is_on).to_lowercase().contains(query)
        });
    }
    !hook.parts.is_empty()
}
