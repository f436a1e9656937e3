//! After the clock was set back, and when a server with a database of its own starts (the clock may
//! have been set while nothing ran): finds what was written while the clock was ahead, and moves it
//! back.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    domain::{health::BreakerPolicy, id::HookId},
    engine::{
        clock::Clock,
        store::{
            Error, Store,
            error::chain,
            queue::{self, Kind},
            rewind::{self, Place},
        },
    },
};

/// After a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Corrects all hooks; tries again until that succeeds or the store is closed. Returns the hooks
/// that have a delivery or probe due earlier now.
pub(super) async fn run(store: &Store, clock: &Clock, policy: BreakerPolicy) -> Vec<HookId> {
    // What was moved before a failure is not found again after it.
    let mut hooks = BTreeSet::new();
    loop {
        match run_once(store, clock, policy, &mut hooks).await {
            Ok(()) if hooks.is_empty() => return Vec::new(),
            Ok(()) => {
                tracing::warn!(
                    hooks = hooks.len(),
                    "retries were put off by a clock that was ahead; they are due earlier now"
                );
                return hooks.into_iter().collect();
            }
            Err(Error::Closed) => return Vec::new(),
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "what a clock that was ahead put off could not be found"
                )
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn run_once(
    store: &Store,
    clock: &Clock,
    policy: BreakerPolicy,
    corrected: &mut BTreeSet<HookId>,
) -> Result<(), Error> {
    // Only the writer writes: what is there when it looks at its clock was written before.
    let writers = clock.clone();
    let paused: Result<Vec<HookId>, Error> = store
        .write(move |conn| {
            Box::pin(async move { rewind::pauses(conn, &policy, writers.now()).await })
        })
        .await;
    corrected.extend(paused?);
    let hooks = queue::hooks_with_open(&mut store.read_for_lanes().await?).await?;
    for hook in hooks {
        for kind in [Kind::First, Kind::Again] {
            if of_hook(store, hook, kind, clock).await? {
                corrected.insert(hook);
            }
        }
    }
    Ok(())
}

/// Of one hook and kind. Says whether there was any.
async fn of_hook(store: &Store, hook: HookId, kind: Kind, clock: &Clock) -> Result<bool, Error> {
    let (mut place, mut is_any) = (Some(Place::FIRST), false);
    while let Some(from) = place {
        // A connection for each page: others want to read too.
        let (found, next) =
            rewind::look(&mut store.read_for_lanes().await?, hook, kind, clock, from).await?;
        place = next;
        if found.is_empty() {
            continue;
        }
        is_any = true;
        let writers = clock.clone();
        let moved: Result<(), Error> = store
            .write(move |conn| {
                Box::pin(async move { rewind::deliveries(conn, &found, writers.now()).await })
            })
            .await;
        moved?;
    }
    Ok(is_any)
}
