//! The bulk write of accepts, and of attempts that succeeded at hooks that were well: nearly all of
//! the load. A plan says which deliveries the accepts become, [`plan`] turns it into each table's
//! rows, and one of two executors writes them in a single round trip to the database. If the plan
//! is stale or a row violates a constraint, it writes nothing; the writer then tries again one by
//! one in the same way, so that only the command at fault fails.
//!
//! Attempts that change their hook's health need several statements: see
//! [`outcomes`](super::outcomes).

pub(super) mod plan;
#[cfg(feature = "postgres")]
pub(super) mod postgres;
#[cfg(feature = "sqlite")]
pub(super) mod sqlite;
#[cfg(all(test, feature = "sqlite", feature = "postgres"))]
mod tests;

use super::error::Error;

/// Why nothing was written. SQLite knows only two of the reasons.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "they arise where servers share a database")
)]
pub(super) enum Unwritten {
    /// The plan is stale: a hook changed, or another node took a lane. Plan again.
    Stale,
    /// Constraint violation: retry one by one to find the offending command.
    Fault(Error),
    /// The database failed, and nothing was written.
    Failed(Error),
    /// The connection was cut: whether the rows are written is unknown.
    Unknown(Error),
}
