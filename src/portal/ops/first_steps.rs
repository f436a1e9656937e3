//! The progress of a new installation: a hook, a receiver that responds, a delivered test, a
//! delivered event. It is read from what really happened.

use std::sync::atomic::Ordering;

use super::Error;
use crate::{
    domain::{
        delivery::{Answer, Delivery, State},
        hook::Hook,
        permission::right,
    },
    engine::store::{
        deliveries, hooks,
        log::{self, Place, Search},
    },
    portal::ctx::OpCtx,
};

/// An installation with more hooks is not new.
const FEW: usize = 5;

/// How far one hook has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    pub is_reached: bool,
    pub is_tested: bool,
}

/// The hook that has come furthest, and how far. `None`: an event was delivered, so that no steps
/// are left. Requires the permission to take the steps.
pub async fn read(ctx: &OpCtx) -> Result<Option<(Option<Hook>, Progress)>, Error> {
    let tests = ctx.require(right::HooksTest)?;
    let (writes, reads) = (ctx.require(right::HooksWrite)?, ctx.require(right::DeliveriesRead)?);
    if ctx.portal.is_set_up.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let mut conn = ctx.portal.store().read().await?;
    let hooks = hooks::all(&mut conn, &writes).await?;
    let mut furthest: Option<(Hook, Progress)> = None;
    let mut is_done = hooks.len() > FEW;
    for hook in hooks.into_iter().take(FEW) {
        let delivered = Search {
            hook: Some(hook.id),
            states: vec![State::Delivered],
            tests: Some(false),
            ..Search::default()
        };
        is_done |=
            !log::page(&mut conn, &reads, &delivered, Place::Newest, 1).await?.rows.is_empty();
        let newest = deliveries::newest_non_test(&mut conn, &reads, hook.id).await?;
        let sent = deliveries::tests(&mut conn, &tests, hook.id, super::test_send::SHOWN).await?;
        let progress = Progress {
            is_reached: sent.iter().chain(&newest).any(has_response),
            is_tested: sent.iter().any(|test| test.state == State::Delivered),
        };
        if furthest.as_ref().is_none_or(|(_, best)| progress > *best) {
            furthest = Some((hook, progress));
        }
    }
    if is_done {
        ctx.portal.is_set_up.store(true, Ordering::Relaxed);
        return Ok(None);
    }
    Ok(Some(match furthest {
        Some((hook, progress)) => (Some(hook), progress),
        None => (None, Progress::default()),
    }))
}

/// Whether the receiver's server responded, with any status.
fn has_response(delivery: &Delivery) -> bool {
    matches!(delivery.last_answer, Some(Answer::Status(_)))
}
