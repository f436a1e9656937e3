//! One way to write accepts, and attempts that succeeded at hooks that were well: nearly all of the work. A plan says what
//! they become, [`rows`] are what that is in each table, and one of two executors writes them: each commit is one visit to
//! the database instead of a conversation with it. What does not fit, or violates a rule, writes nothing: then it is done
//! again one by one, in the same way, and what is at fault fails alone.
//!
//! Attempts that change how their hook stands are a conversation: see [`outcomes`](super::outcomes).

pub(super) mod postgres;
pub(super) mod rows;
pub(super) mod sqlite;

use super::error::Error;

/// Why nothing was written.
pub(super) enum Unwritten {
    /// A hook has changed, or a lane is another node's, since it was planned: it is planned anew.
    Unfit,
    /// A row violates a constraint. Written one by one, only the command at fault fails.
    Fault(Error),
    /// The database failed, and nothing was written.
    Failed(Error),
    /// The connection was cut: it may have been written all the same.
    Unknown(Error),
}
