//! For how long this node may be sure that its lanes are its own, by the clock of the machine that never goes back. It
//! is always a little shorter than what the database says.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::engine::clock::Stopwatch;

/// How long the database keeps a lane for a node that says nothing.
pub const LEASE: Duration = Duration::from_secs(8);
/// How often a node says that it lives.
pub const BEAT: Duration = Duration::from_secs(1);
/// Taken off on this side, for the way to the database and back.
const MARGIN: Duration = Duration::from_secs(2);

/// Cheap to clone; all clones are one lease.
#[derive(Clone, Default)]
pub struct Lease(Arc<Mutex<Option<Stopwatch>>>);

impl Lease {
    /// The database renewed it because of a request that was made when `asked` was started.
    pub fn renewed(&self, asked: Stopwatch) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }

    pub fn is_held(&self) -> bool {
        let renewed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.is_some_and(|asked| asked.elapsed() < LEASE - MARGIN)
    }
}
