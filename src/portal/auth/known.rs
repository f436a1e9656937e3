//! Tokens that were looked up a moment ago: a backend that emits thousands of events in a second is
//! not asked for in the database for each. A token that is revoked, on whichever node, is refused
//! at the latest [`FRESH`] later.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    domain::permission::Actor,
    engine::clock::{Clock, Stopwatch},
};

/// For how long an answer of the database is good.
pub const FRESH: Duration = Duration::from_secs(1);
/// Tokens that are remembered at once; beyond it all are forgotten.
const MOST: usize = 1000;

/// Only tokens that exist are remembered, by their hashes.
#[derive(Default)]
pub struct KnownTokens(Mutex<HashMap<Vec<u8>, (Actor, Stopwatch)>>);

impl KnownTokens {
    pub fn find(&self, hash: &[u8]) -> Option<Actor> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (actor, looked_up) = known.get(hash)?;
        (looked_up.elapsed() < FRESH).then(|| actor.clone())
    }

    pub fn remember(&self, hash: Vec<u8>, actor: Actor, clock: &Clock) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, (actor, clock.stopwatch()));
    }
}
