//! Hints between the nodes that share a PostgreSQL, over LISTEN/NOTIFY: "these hooks have due
//! deliveries", "these hooks changed". They only save time: polling finds the same in the database
//! a little later.
//!
//! Hints are sent outside any transaction and at most once per [`HINT_INTERVAL`], because NOTIFY
//! takes a lock that all commits share. A build without PostgreSQL has no other nodes.

#[cfg(not(feature = "postgres"))]
mod alone;
#[cfg(feature = "postgres")]
mod postgres;

use std::time::Duration;

#[cfg(not(feature = "postgres"))]
pub use self::alone::{HintListener, HintSender, listen};
#[cfg(feature = "postgres")]
pub use self::postgres::{HintListener, HintSender, listen};
use crate::domain::id::HookId;

/// The shortest time between two batches of hints of a node.
pub const HINT_INTERVAL: Duration = Duration::from_millis(50);

/// A received hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// These hooks have open deliveries to load.
    More(Vec<HookId>),
    Changed(Vec<HookId>),
    /// The connection was lost and re-established: hints in between are lost.
    Missed,
}
