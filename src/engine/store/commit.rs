//! Bulk writes: the fast path for accepts and for successful attempts at healthy hooks, which are
//! nearly all of the load. [`events::plan`](super::events) decides which deliveries the accepts
//! create, [`plan`] turns them into the rows of each table, and one of two executors ([`postgres`],
//! [`sqlite`]) writes these in one transaction, with a single round trip. If the plan is stale or a
//! row violates a constraint, nothing is written. The writer then retries the commands one by one,
//! so that only the command at fault fails.
//!
//! Attempts that change the health of their hook need several statements and are recorded by
//! [`outcomes`](super::outcomes).

pub(super) mod plan;
#[cfg(feature = "postgres")]
pub(super) mod postgres;
#[cfg(feature = "sqlite")]
pub(super) mod sqlite;
#[cfg(test)]
#[cfg(all(feature = "sqlite", feature = "postgres"))]
mod tests;

use super::error::Error;

/// Why a bulk write was not (or may not have been) committed.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "two of the reasons arise where nodes share a database")
)]
pub(super) enum Unwritten {
    /// The plan is stale: a hook changed, or another node took a lane. Plan again.
    Stale,
    /// Constraint violation: retry one by one to find the offending command.
    Fault(Error),
    /// The database failed, and nothing was written.
    Failed(Error),
    /// The connection was lost during the commit: whether the rows were written is unknown.
    Unknown(Error),
}
