//! Hints between the nodes that share a PostgreSQL: "these hooks have something to do", "these
//! hooks changed". Only hints: what they say is in the database too, and is found without them a
//! little later. They travel outside of any transaction and never more often than every [`QUIET`],
//! because every NOTIFY takes a lock that all commits share. A build without PostgreSQL has none.

#[cfg(not(feature = "postgres"))]
mod alone;
#[cfg(feature = "postgres")]
mod postgres;

use std::time::Duration;

#[cfg(not(feature = "postgres"))]
pub use self::alone::{Ear, Voice, ear};
#[cfg(feature = "postgres")]
pub use self::postgres::{Ear, Voice, ear};
use crate::domain::id::HookId;

/// The shortest time between two hints of a node.
pub const QUIET: Duration = Duration::from_millis(50);

/// What a hint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Something of these hooks is waiting.
    More(Vec<HookId>),
    Changed(Vec<HookId>),
    /// The connection was cut and is there again: what was said meanwhile is lost.
    Missed,
}
