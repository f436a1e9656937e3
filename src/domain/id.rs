//! Typed ids: a hook's id can never be passed where an event's is wanted. UUIDs of version 7, so
//! they sort by birth. The only place outside the store that names the database driver, and only to
//! say "stored as its UUID".

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::Timestamp;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "engine", derive(sqlx::Type), sqlx(transparent))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    )+ };
}

ids! {
    /// A configured service hook.
    HookId,
    /// One thing that happened. It is the `webhook-id` on the wire, the same on every retry.
    EventId,
    /// One event on its way to one hook.
    DeliveryId,
    /// A person who signs in.
    UserId,
    /// A bearer token of a program.
    TokenId,
    /// A long errand: many deliveries sent again at a pace.
    JobId,
    /// One running server among those that share a database.
    NodeId,
    /// A form's typed values, kept while its errors are shown.
    DraftId,
}

impl EventId {
    /// What receivers know the event by. A test is told by what is signed: a header that is not
    /// could be added or taken away.
    pub fn webhook_id(self, is_test: bool) -> String {
        if is_test { format!("test_{self}") } else { self.to_string() }
    }
}

/// The smallest id that can have been made at `at`: a span of time is a range of ids.
pub fn first_at(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.0.max(0)).unwrap_or(0) & 0xffff_ffff_ffff;
    Uuid::from_u128(u128::from(millis) << 80)
}

/// When an id was made.
pub fn born(id: Uuid) -> Timestamp {
    Timestamp(i64::try_from(id.as_u128() >> 80).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_its_first_id() {
        for millis in [0, 1, 1_700_000_000_123] {
            assert_eq!(born(first_at(Timestamp(millis))), Timestamp(millis));
        }
        assert_eq!(first_at(Timestamp(-5)), Uuid::nil());
    }
}
