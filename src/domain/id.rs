//! Typed ids, so that a hook's id can't be passed as an event's. They are UUIDs of version 7 and
//! sort by creation time. With [`super::time`] and [`super::measured`] the only domain files that
//! name the database driver (to derive `sqlx::Type`).

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
    /// An event. Sent as `webhook-id`, the same on every retry.
    EventId,
    /// One event for one hook.
    DeliveryId,
    /// A user who signs in.
    UserId,
    /// A bearer token of a program.
    TokenId,
    /// A job that redelivers many deliveries.
    JobId,
    /// A person's decision that some deliveries need not be sent.
    DismissalId,
    /// A running server.
    NodeId,
    /// The typed values of a form with errors.
    DraftId,
    /// A saved view of the list of deliveries.
    ViewId,
}

impl EventId {
    /// The `webhook-id` header. It marks tests, because the id is signed: other headers could be
    /// added or removed on the way.
    pub fn webhook_id(self, is_test: bool) -> String {
        if is_test { format!("test_{self}") } else { self.to_string() }
    }
}

/// The smallest id of a point in time. Turns a time range into a range of ids.
pub fn first_at(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.0.max(0)).unwrap_or(0) & 0xffff_ffff_ffff;
    Uuid::from_u128(u128::from(millis) << 80)
}

/// The creation time of an id.
pub fn time_of(id: Uuid) -> Timestamp {
    Timestamp(i64::try_from(id.as_u128() >> 80).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_id_of_a_time_has_that_time() {
        for millis in [0, 1, 1_700_000_000_123] {
            assert_eq!(time_of(first_at(Timestamp(millis))), Timestamp(millis));
        }
        assert_eq!(first_at(Timestamp(-5)), Uuid::nil());
    }
}
