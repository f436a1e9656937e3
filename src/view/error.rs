//! The public error of pages and islands. Its sentences are in `view::words::problems`.

use serde::{Deserialize, Serialize};

use super::words::problems;
use crate::domain::{busy::Busy, invalid::Invalid, time::Timestamp};

/// Why a request failed, without internal details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Error {
    /// Not signed in.
    SignIn,
    Forbidden {
        permission: String,
        words: String,
    },
    NotFound {
        what: String,
    },
    /// A deleted hook: its name, when it was deleted, and by whom.
    Deleted {
        id: String,
        name: String,
        at: Timestamp,
        by: Option<String>,
    },
    Invalid(Invalid),
    Stale {
        now: i64,
    },
    Busy {
        reason: Busy,
        seconds: u64,
    },
    /// Nothing was stored, because the disk is full.
    DiskFull,
    /// The request could not be parsed.
    BadRequest {
        message: String,
    },
    /// Refused before the handler ran: too large, cross-site, wrong method.
    Refused {
        title: String,
        words: String,
        /// Path of the page that sent the request.
        back: Option<String>,
    },
    /// An internal error, logged under the reference.
    Internal {
        reference: String,
    },
}

impl Error {
    /// The title of an error page.
    pub fn title(&self) -> &str {
        match self {
            Self::SignIn => "Sign in first",
            Self::Forbidden { .. } => "You don't have access",
            Self::NotFound { .. } => "Not found",
            Self::Deleted { .. } => "This hook was deleted",
            Self::Invalid(_) | Self::BadRequest { .. } => "Invalid request",
            Self::Stale { .. } => "Someone else changed this",
            Self::Busy { .. } => "Server busy",
            Self::DiskFull => "Disk full",
            Self::Refused { title, .. } => title,
            Self::Internal { .. } => "Internal error",
        }
    }

    /// What happened, and what to do next.
    pub fn advice(&self) -> String {
        match self {
            Self::SignIn => problems::SESSION_ENDED.to_owned(),
            Self::Forbidden { permission, words } => problems::no_access(words, permission),
            Self::NotFound { what } => problems::not_found(what),
            Self::Deleted { name, .. } => problems::deleted_hook(name),
            Self::Stale { .. } => problems::STALE.to_owned(),
            Self::Busy { reason, seconds } => problems::busy(*reason, *seconds),
            Self::DiskFull => problems::DISK_FULL_RETRY.to_owned(),
            Self::Internal { reference } => problems::internal(reference),
            Self::Invalid(invalid) => invalid.to_string(),
            Self::BadRequest { message } => problems::bad_request(message),
            Self::Refused { words, .. } => words.clone(),
        }
    }
}

/// Islands show it beside the control that failed.
impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.advice())
    }
}

impl std::error::Error for Error {}
