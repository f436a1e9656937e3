//! Who hears of commits: the lanes, the runner of jobs, and, of what the portal decided about a
//! hook by itself, the log. Imports the scheduler's handle and the store's notices.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{
    domain::id::HookId,
    engine::{
        delivery::{board::News, handle::Handle},
        metrics,
        store::told::{Told, Turned},
    },
};

/// What the portal decided about a hook by itself: in the log, because somebody should look, and
/// among the figures.
fn announce(hook: HookId, turned: Turned, reason: &str) {
    metrics::turned(turned.key());
    match turned {
        Turned::Paused => {
            tracing::warn!(hook.id = %hook, reason, "a hook is paused: its receiver fails")
        }
        Turned::Recovered => tracing::info!(hook.id = %hook, reason, "a hook has recovered"),
        Turned::SwitchedOff => tracing::warn!(hook.id = %hook, reason, "a hook was switched off"),
    }
}

/// Passes on what was committed: to the lanes, and to who runs the jobs.
pub(super) fn audience(scheduler: Handle, bell: Arc<Notify>) -> impl Fn(Vec<Told>) + Send + Sync {
    move |told| {
        let (mut offers, mut held, mut more, mut changed) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for told in told {
            match told {
                Told::Offer(open) => offers.push(open),
                Told::Held(hook) => held.push(hook),
                Told::More(hook) => more.push(hook),
                Told::Changed(hook) => changed.push(hook),
                Told::Turned(hook, turned, reason) => announce(hook, turned, &reason),
                Told::Job => bell.notify_one(),
            }
        }
        let news = [
            (!changed.is_empty()).then_some(News::Changed(changed)),
            (!offers.is_empty()).then_some(News::Offer(offers)),
            (!held.is_empty()).then_some(News::Held(held)),
            (!more.is_empty()).then_some(News::More(more)),
        ];
        news.into_iter().flatten().for_each(|news| scheduler.tell(news));
    }
}
