//! Corrects due times that were written while the clock was ahead. Runs after the clock was set
//! back, and at the start of a server that does not share its database (the clock may have been set
//! back while it was down).

use std::{collections::BTreeSet, time::Duration};

use crate::{
    domain::{health::BreakerPolicy, id::HookId},
    engine::{
        clock::Clock,
        store::{
            Error, Store,
            error::chain,
            queue::{self, Kind},
            rewind::{self, Cursor},
        },
    },
};

/// The wait after a failed run.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Corrects the due times of all hooks; retries until that succeeds or the store is closed. Returns
/// the hooks of which a delivery or probe is due earlier now.
pub(super) async fn run(store: &Store, clock: &Clock, policy: BreakerPolicy) -> Vec<HookId> {
    // Kept across retries: rows that were corrected before a failure are not found again.
    let mut hooks = BTreeSet::new();
    loop {
        match run_once(store, clock, policy, &mut hooks).await {
            Ok(()) if hooks.is_empty() => return Vec::new(),
            Ok(()) => {
                tracing::warn!(
                    hooks = hooks.len(),
                    "corrected due times that were set while the clock was ahead"
                );
                return hooks.into_iter().collect();
            }
            Err(Error::Closed) => return Vec::new(),
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "could not correct due times that were set while the clock was ahead"
                )
            }
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn run_once(
    store: &Store,
    clock: &Clock,
    policy: BreakerPolicy,
    corrected: &mut BTreeSet<HookId>,
) -> Result<(), Error> {
    // The writer reads the clock inside its transaction. It is the only writer, so every row that
    // it finds was written before that time.
    let writer_clock = clock.clone();
    let paused: Result<Vec<HookId>, Error> = store
        .write(move |conn| {
            Box::pin(async move { rewind::pauses(conn, &policy, writer_clock.now()).await })
        })
        .await;
    corrected.extend(paused?);
    let hooks = queue::hooks_with_open(&mut store.read_for_lanes().await?).await?;
    for hook in hooks {
        for kind in [Kind::First, Kind::Retry] {
            if rewind_hook(store, hook, kind, clock).await? {
                corrected.insert(hook);
            }
        }
    }
    Ok(())
}

/// Corrects one hook's deliveries of one kind. Returns whether there were any to correct.
async fn rewind_hook(
    store: &Store,
    hook: HookId,
    kind: Kind,
    clock: &Clock,
) -> Result<bool, Error> {
    let (mut place, mut is_any) = (Some(Cursor::FIRST), false);
    while let Some(from) = place {
        // Takes a connection for each page only, so that other readers are not blocked.
        let (found, next) =
            rewind::scan(&mut store.read_for_lanes().await?, hook, kind, clock, from).await?;
        place = next;
        if found.is_empty() {
            continue;
        }
        is_any = true;
        let writer_clock = clock.clone();
        let moved: Result<(), Error> = store
            .write(move |conn| {
                Box::pin(async move { rewind::deliveries(conn, &found, writer_clock.now()).await })
            })
            .await;
        moved?;
    }
    Ok(is_any)
}
