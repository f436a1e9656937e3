//! A simulation of the scheduler's board: 50 hooks, seven days of virtual time, with realistic
//! receivers and users. It checks that no delivery is forgotten, sent at the wrong time, or loaded
//! again and again.
//!
//! Every week is determined by its seed, which a failure prints. `SERVICE_HOOKS_TEST_SEED` runs
//! that seed, `SERVICE_HOOKS_TEST_SEEDS` sets the number of weeks (default 20).

mod checks;
mod life;
mod lines;
mod receivers;
pub mod rng;
mod store;
mod world;

use world::World;

pub fn number(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the long mode is asked for by hand")]
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

/// Prints the seed of a week that fails.
struct Week(u64);

impl Drop for Week {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat it with SERVICE_HOOKS_TEST_SEED={}", self.0);
        }
    }
}

fn live_through(seed: u64) {
    let _week = Week(seed);
    let mut world = World::new(seed);
    world.run();
    world.checks.end(&world.store);
    let checks = &world.checks;
    eprintln!(
        "seed {seed}: {} deliveries, {} attempts, {} loads, {} steps, {} happenings, {} days; {} \
         given up; slowest start {} ms",
        world.store.rows.len(),
        checks.attempts,
        checks.loads,
        checks.steps,
        checks.happened,
        world.real / world::DAY,
        checks.given_up,
        checks.slowest,
    );
}

#[test]
fn a_simulated_week_keeps_all_invariants() {
    if let Some(seed) = number("SERVICE_HOOKS_TEST_SEED") {
        return live_through(seed);
    }
    let seeds = number("SERVICE_HOOKS_TEST_SEEDS").unwrap_or(20);
    let failed: Vec<u64> = (1..=seeds)
        .filter(|seed| std::panic::catch_unwind(|| live_through(*seed)).is_err())
        .collect();
    assert!(failed.is_empty(), "failed seeds: {failed:?}");
}
