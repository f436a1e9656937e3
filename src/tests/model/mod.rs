//! Model-based test: a portal and a reference (plain lists) get the same random operations. After
//! each of them every delivery, every hook, the receiver's requests and the balance must match the
//! reference.
//!
//! Every sequence is determined by its seed, which a failure prints with its operations.
//! `SERVICE_HOOKS_TEST_MODEL_SEED` runs that seed, `SERVICE_HOOKS_TEST_MODELS` sets the number of
//! sequences for each database (default 6).

mod compare;
mod operations;
mod reference;
mod world;

use tokio::task::{JoinSet, LocalSet};

use crate::{
    simulation::{number, rng::Rng},
    support::{db::TestDb, on_both},
};
use world::World;

on_both!(the_portal_matches_the_reference_after_random_operations);

/// Operations of one sequence.
const LENGTH: usize = 40;
/// Concurrent sequences: most of the time each waits for a retry.
const TOGETHER: usize = 6;

async fn the_portal_matches_the_reference_after_random_operations(first: TestDb) {
    let is_postgres = first.settings().database_url.starts_with("postgres");
    let one = number("SERVICE_HOOKS_TEST_MODEL_SEED");
    let seeds: Vec<u64> = one.map_or_else(
        || (1..=number("SERVICE_HOOKS_TEST_MODELS").unwrap_or(6)).collect(),
        |seed| vec![seed],
    );
    let mut failed = 0;
    for seeds in seeds.chunks(TOGETHER) {
        // On one thread: the futures are not `Send`.
        let (thread, mut running) = (LocalSet::new(), JoinSet::new());
        for seed in seeds {
            let db = if is_postgres { TestDb::postgres().await } else { TestDb::sqlite() };
            running.spawn_local_on(live_through(*seed, db), &thread);
        }
        thread.await;
        while let Some(ended) = running.join_next().await {
            failed += usize::from(ended.is_err());
        }
    }
    assert_eq!(failed, 0, "sequences that diverged; their seeds are above");
}

async fn live_through(seed: u64, db: TestDb) {
    let mut world = World::start(seed, Rng::new(seed), db).await;
    // In every second sequence, and late: after it each comparison reads all of them.
    let many_at = LENGTH * 3 / 4 + world.rng.below(LENGTH / 2);
    for number in 0..LENGTH {
        if number == many_at {
            world.many().await;
        }
        world.operate().await;
    }
    eprintln!(
        "seed {seed}: {} deliveries, {} attempts",
        world.reference.rows.len(),
        world.receiver.came().len()
    );
}
