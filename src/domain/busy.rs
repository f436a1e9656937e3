//! Why the server cannot take a request at the moment. The sentences for it are in
//! `view::words::problems`.

use serde::{Deserialize, Serialize};

/// The limit that a request exceeded. Retrying later can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Busy {
    /// The backlog of undelivered events is at its limit.
    Backlog,
    /// Tests of this user: too many in a minute, or too many at the same time.
    Tests,
    /// Passwords to hash or to check.
    Passwords,
    /// Searches in payloads.
    Searches,
    /// Exports of deliveries.
    Exports,
    /// Stored drafts.
    Drafts,
    /// The session store does not answer.
    Sessions,
    /// The server is starting or stopping.
    Server,
}
