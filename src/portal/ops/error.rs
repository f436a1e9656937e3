//! Why an operation did not happen, before any edge turns it into a page, a problem document or an
//! exit code.

use crate::{
    domain::{
        id::{HookId, JobId},
        invalid::Invalid,
        permission::Permission,
        time::Timestamp,
    },
    engine::{self, dispatcher::EmitError, store},
    portal::{auth::turns::TooBusy, ctx::Denied},
};

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("sign in first")]
    SignIn,
    #[error("the permission {} is missing", .0.key())]
    Forbidden(Permission),
    /// There is no such thing, or the actor may not know that there is.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// There was such a hook.
    #[error("the hook {} was deleted", .0.name)]
    Deleted(Box<Tombstone>),
    #[error("{0}")]
    Invalid(Invalid),
    /// It changed since it was read; `now` is its present version.
    #[error("it was changed by somebody else; its version is now {now}")]
    Stale { now: i64 },
    /// A running job covers some of the same deliveries: they would be sent twice.
    #[error("the job {job} is running and covers some of the same deliveries")]
    Overlaps { job: JobId },
    #[error("too much at once; try again in {seconds} seconds")]
    Busy { seconds: u64 },
    /// Nothing was stored for want of room.
    #[error("the disk is full")]
    DiskFull,
    #[error("{0}")]
    Store(store::Error),
}

/// What is still known of something that was deleted.
#[derive(Clone, Debug)]
pub struct Tombstone {
    pub id: HookId,
    pub name: String,
    pub at: Timestamp,
    /// Who did it, where the log still says so.
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
        Self::Busy { seconds: 2 }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Stale { now } => Self::Stale { now },
            store::Error::KeyReused => Self::Invalid(Invalid::one(
                "Idempotency-Key",
                "reused",
                "This key was used before with another body. Use a new key for a new event.",
            )),
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
            EmitError::Full(full) => Self::Busy { seconds: full.retry_after.as_secs() },
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
