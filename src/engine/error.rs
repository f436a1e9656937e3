//! Why the engine did not do what it was asked for. May import domain and engine::store.

use super::store;
use crate::domain::{id::JobId, invalid::Invalid};

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such hook, delivery or job.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(Invalid),
    /// The hook changed since it was read; `now` is its present version.
    #[error("it was changed by somebody else; its version is now {now}")]
    Stale { now: i64 },
    /// A running job covers some of the same deliveries: they would be sent twice.
    #[error("the job {job} is running and covers some of the same deliveries")]
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
