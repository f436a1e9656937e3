//! Why an operation failed. Pages, API and commands each turn it into their own answer: a page, a
//! problem document, an exit code.

use crate::{
    domain::{
        busy::Busy,
        id::{HookId, JobId},
        invalid::Invalid,
        permission::Permission,
        time::Timestamp,
    },
    engine::{self, dispatcher::EmitError, store},
    portal::{auth::fair_queue::TooBusy, ctx::Denied},
    view::words::problems,
};

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("Sign in first.")]
    SignIn,
    #[error("The permission {} is missing.", .0.key())]
    Forbidden(Permission),
    /// It does not exist, or the actor may not know that it exists.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The hook existed and was deleted.
    #[error("The hook {} was deleted.", .0.name)]
    Deleted(Box<Tombstone>),
    #[error("{0}")]
    Invalid(Invalid),
    /// Optimistic locking: the row changed after it was read. `now` is its current version.
    #[error("Someone else changed it. Its version is now {now}.")]
    Stale { now: i64 },
    /// A running job covers some of the same deliveries. Two jobs would send them twice.
    #[error("{}", problems::overlaps(*.job))]
    Overlaps { job: JobId },
    /// A limit was met. The same request may succeed after `seconds`.
    #[error("{}", problems::busy(*.reason, *.seconds))]
    Busy { reason: Busy, seconds: u64 },
    /// Nothing was stored, because the disk is full.
    #[error("{}", problems::DISK_FULL)]
    DiskFull,
    #[error("{0}")]
    Store(store::Error),
}

/// What is still known about a deleted hook.
#[derive(Clone, Debug)]
pub struct Tombstone {
    pub id: HookId,
    pub name: String,
    pub at: Timestamp,
    /// Who deleted it, while the audit log still has the entry.
    pub by: Option<String>,
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::SignIn,
            Denied::Forbidden(permission) => Self::Forbidden(permission),
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<TooBusy> for Error {
    fn from(_: TooBusy) -> Self {
        Self::Busy { reason: Busy::Passwords, seconds: 2 }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Stale { now } => Self::Stale { now },
            store::Error::KeyReused => {
                Self::Invalid(Invalid::one("Idempotency-Key", "reused", problems::KEY_REUSED))
            }
            error if error.is_disk_full() => Self::DiskFull,
            error => Self::Store(error),
        }
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::NotFound(what) => Self::NotFound(what),
            engine::Error::Invalid(invalid) => Self::Invalid(invalid),
            engine::Error::Stale { now } => Self::Stale { now },
            engine::Error::Overlaps { job } => Self::Overlaps { job },
            engine::Error::Store(error) => error.into(),
        }
    }
}

impl From<EmitError> for Error {
    fn from(error: EmitError) -> Self {
        match error {
            EmitError::Store(error) => error.into(),
            EmitError::Full(full) => {
                Self::Busy { reason: Busy::Backlog, seconds: full.retry_after.as_secs() }
            }
            EmitError::Invalid(events) => {
                let mut invalid = Invalid::default();
                for (_, mut faults) in events {
                    invalid.0.append(&mut faults.0);
                }
                Self::Invalid(invalid)
            }
        }
    }
}
