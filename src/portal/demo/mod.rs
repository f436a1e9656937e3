//! `service-hooks demo`: fills an empty database with a realistic installation, to look at the
//! portal as it is in use and to test its pages. The rows are planned first ([`plan`](plan::plan))
//! and then written. Nothing of it talks to anybody: all receivers are names that never resolve,
//! and nothing is due within the next half hour.

mod answers;
mod cast;
mod fate;
mod life;
mod payloads;
mod people;
mod plan;
mod records;
mod rng;

use std::collections::BTreeMap;

use life::Life;
pub use people::{PEOPLE, Unfilled};
use plan::Plan;
use rng::Rng;

use super::ctx::OpCtx;
use crate::{
    domain::{
        permission::{Grant, right},
        time::Timestamp,
    },
    engine::{
        delivery::signing,
        store::{
            self, Conn, Store,
            hooks::{self, Secrets},
            past,
        },
    },
};

/// Rows per transaction.
const STEP: usize = 512;

/// The number of rows written.
pub struct Filled {
    pub hooks: usize,
    pub events: usize,
    /// The number of deliveries in each state.
    pub deliveries: BTreeMap<&'static str, usize>,
    pub attempts: usize,
    pub jobs: usize,
}

/// Fills the database. Fails if it has hooks, or users with the addresses of the demo. All users
/// get this password.
pub async fn fill(ctx: &OpCtx, password: &str, seed: u64) -> Result<Filled, Unfilled> {
    let read = ctx.require(right::HooksRead)?;
    let hooks = ctx.require(right::HooksWrite)?;
    let emit = ctx.require(right::EventsEmit)?;
    let replay = ctx.require(right::DeliveriesReplay)?;
    let store = ctx.portal.store();
    if !past::is_empty(&mut store.read().await?, &read).await? {
        return Err(Unfilled::HasHooks);
    }
    people::create(ctx, password).await?;
    let now = ctx.portal.clock().now();
    let Plan { lives, events, deliveries, jobs, entries, pruned } = plan::plan(seed, now);
    let mut filled = Filled {
        hooks: lives.len(),
        events: events.len(),
        deliveries: BTreeMap::new(),
        attempts: deliveries.iter().map(|past| past.attempts.len()).sum(),
        jobs: jobs.len(),
    };
    for past in &deliveries {
        *filled.deliveries.entry(past.delivery.state.key()).or_default() += 1;
    }
    write_hooks(store, hooks.clone(), lives, seed, now).await?;
    for part in parts(events) {
        let by = emit.clone();
        let written: Result<(), store::Error> = store
            .write_alone(move |conn| {
                Box::pin(async move { past::insert_events(conn, &by, &part).await })
            })
            .await;
        written?;
    }
    for part in parts(deliveries) {
        let by = emit.clone();
        let written: Result<(), store::Error> = store
            .write_alone(move |conn| {
                Box::pin(async move { past::insert_deliveries(conn, &by, &part).await })
            })
            .await;
        written?;
    }
    let written: Result<(), store::Error> = store
        .write_alone(move |conn| {
            Box::pin(async move {
                for job in &jobs {
                    past::insert_job(conn, &replay, job).await?;
                }
                past::insert_entries(conn, &hooks, &entries).await?;
                past::count_pruned(conn, &emit, pruned).await
            })
        })
        .await;
    written?;
    Ok(filled)
}

/// Splits rows into transactions.
fn parts<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let part: Vec<T> = rows.by_ref().take(STEP).collect();
        (!part.is_empty()).then_some(part)
    })
}

async fn write_hooks(
    store: &Store,
    by: Grant<right::HooksWrite>,
    mut lives: Vec<Life>,
    seed: u64,
    now: Timestamp,
) -> Result<(), store::Error> {
    let vault = store.vault.clone();
    store
        .write_alone(move |conn| {
            Box::pin(async move {
                let mut rng = Rng::new(seed);
                for life in &mut lives {
                    let secrets = Secrets {
                        api_key: life.api_key.clone(),
                        signing_secret: signing::new_secret(),
                    };
                    let health = life.health(&mut rng, now);
                    past::insert_hook(conn, &by, &vault, &life.hook, &secrets, &health).await?;
                    delete_if_planned(conn, &by, life).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn delete_if_planned(
    conn: &mut Conn,
    by: &Grant<right::HooksWrite>,
    life: &Life,
) -> Result<(), store::Error> {
    match life.part.condition {
        cast::Condition::Deleted => hooks::delete(conn, by, life.hook.id, life.off).await,
        _ => Ok(()),
    }
}
