//! The commits that are nearly all of the work: accepts, and attempts that succeeded at hooks that were well. Each is one
//! visit to the database instead of a conversation with it.
//!
//! A visit writes exactly what [`events`](super::events) and [`outcomes`](super::outcomes) write, which everything else
//! goes through; and when anything is violated, or is not as it was thought to be, it writes nothing and leaves the batch
//! to them.

pub(super) mod postgres;
pub(super) mod sqlite;

use super::error::Error;

/// Why a visit wrote nothing.
pub(super) enum Unwritten {
    /// Somebody's row violates a rule: written one by one it will show whose.
    Fault,
    /// The database failed; nobody may be told otherwise.
    Failed(Error),
    /// The connection was cut: it may have been written all the same.
    Unknown(Error),
}
