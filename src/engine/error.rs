//! Errors of the engine's commands. May import domain and engine::store.

use super::store;
use crate::domain::{id::JobId, invalid::Invalid};

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The hook, delivery or job does not exist.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The command was refused; the faults name the fields.
    #[error("{0}")]
    Invalid(Invalid),
    /// Optimistic locking: the hook changed after it was read. `now` is its current version.
    #[error("Someone else changed it. Its version is now {now}.")]
    Stale { now: i64 },
    /// A running job covers some of the same deliveries. Two jobs would send them twice.
    #[error("Job {job} is running and covers some of the same deliveries.")]
    Overlaps { job: JobId },
    #[error("{0}")]
    Store(store::Error),
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Stale { now } => Self::Stale { now },
            error => Self::Store(error),
        }
    }
}
