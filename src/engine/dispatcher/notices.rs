//! Forwards the store's commit notices to the lanes and the job runner, and writes automatic
//! decisions about hooks to the server log. Imports the scheduler's handle and `store::notices`.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{
    domain::id::HookId,
    engine::{
        delivery::{board::Input, handle::Handle},
        metrics,
        store::notices::{HookDecision, Notice},
    },
};

/// Logs and counts an automatic decision about a hook, because an operator should look at it.
fn log_decision(hook: HookId, turned: HookDecision, reason: &str) {
    metrics::hook_changed(turned.key());
    match turned {
        HookDecision::Paused => {
            tracing::warn!(hook.id = %hook, reason, "a hook is paused: its receiver keeps failing")
        }
        HookDecision::Recovered => tracing::info!(hook.id = %hook, reason, "a hook has recovered"),
        HookDecision::SwitchedOff => {
            tracing::warn!(hook.id = %hook, reason, "a hook was turned off")
        }
    }
}

/// The function that the writer calls with the notices of each commit. Notices are grouped by kind:
/// the lanes reload changed hooks before they see new deliveries for them.
pub(super) fn forward_to(
    scheduler: Handle,
    jobs_wake: Arc<Notify>,
) -> impl Fn(Vec<Notice>) + Send + Sync {
    move |notices| {
        let (mut offers, mut held, mut more, mut changed) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for notice in notices {
            match notice {
                Notice::Offer(open) => offers.push(open),
                Notice::Held(hook) => held.push(hook),
                Notice::More(hook) => more.push(hook),
                Notice::Changed(hook) => changed.push(hook),
                Notice::Decision(hook, turned, reason) => log_decision(hook, turned, &reason),
                Notice::Job => jobs_wake.notify_one(),
            }
        }
        let messages = [
            (!changed.is_empty()).then_some(Input::Changed(changed)),
            (!offers.is_empty()).then_some(Input::Offer(offers)),
            (!held.is_empty()).then_some(Input::Held(held)),
            (!more.is_empty()).then_some(Input::More(more)),
        ];
        messages.into_iter().flatten().for_each(|message| scheduler.send(message));
    }
}
