//! What a page or an island is told when something did not happen, and its words.

use serde::{Deserialize, Serialize};

use crate::domain::{invalid::Invalid, time::Timestamp};

/// What a page or an island is told when something did not happen. Holds nothing internal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Error {
    /// Nobody is signed in.
    SignIn,
    Forbidden {
        permission: String,
        words: String,
    },
    NotFound {
        what: String,
    },
    /// A hook that was deleted: what it was called, when that was and who did it.
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
        seconds: u64,
    },
    /// Nothing was stored for want of room.
    DiskFull,
    /// The request itself could not be read.
    BadRequest {
        message: String,
    },
    /// Refused before anybody looked at what it asks: too large, from another site, no such method.
    Refused {
        title: String,
        words: String,
        /// The page of ours that it was asked on.
        back: Option<String>,
    },
    /// A fault of ours; the reference is in the log.
    Internal {
        reference: String,
    },
}

impl Error {
    /// What a page that says nothing else is called.
    pub fn title(&self) -> &str {
        match self {
            Self::SignIn => "Sign in first",
            Self::Forbidden { .. } => "You may not see this",
            Self::NotFound { .. } => "Not found",
            Self::Deleted { .. } => "This hook was deleted",
            Self::Invalid(_) | Self::BadRequest { .. } => "That could not be understood",
            Self::Stale { .. } => "Somebody was faster",
            Self::Busy { .. } => "Too busy just now",
            Self::DiskFull => "The disk is full",
            Self::Refused { title, .. } => title,
            Self::Internal { .. } => "Something went wrong here",
        }
    }

    /// What happened, and what to do next.
    pub fn advice(&self) -> String {
        match self {
            Self::SignIn => "Your session has ended. Sign in again; you come back to where you \
                             were."
                .to_owned(),
            Self::Forbidden { permission, words } => format!(
                "Your role does not let you {words}. An administrator can give you a role with the \
                 permission {permission}."
            ),
            Self::NotFound { what } => {
                format!(
                    "There is no such {what}. It may have been deleted, or the address is \
                     incomplete."
                )
            }
            Self::Deleted { name, .. } => format!(
                "It was called {name}. Nothing is sent to it any more, and its key is gone. What \
                 was delivered stays in the log until its time is over."
            ),
            Self::Stale { .. } => "Somebody else changed it in the meantime, and nothing of yours \
                                   was saved. Go back, load the page again and look at what is \
                                   there now."
                .to_owned(),
            Self::Busy { seconds } => {
                format!(
                    "Nothing was done. Wait {seconds} seconds, then load the page or send the form \
                     again."
                )
            }
            Self::DiskFull => {
                "Nothing was stored: the server's disk is full. Try again once there is room."
                    .to_owned()
            }
            Self::Internal { reference } => format!(
                "It is not your fault, and it was noted in the log under the reference \
                 {reference}. Try again; if it happens again, tell whoever runs this portal that \
                 reference."
            ),
            Self::Invalid(invalid) => invalid.to_string(),
            Self::BadRequest { message } => {
                format!("The request was incomplete or malformed: {message}.")
            }
            Self::Refused { words, .. } => words.clone(),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignIn => f.write_str("Sign in first."),
            Self::Forbidden { words, .. } => write!(f, "You may not {words}."),
            Self::NotFound { what } => write!(f, "There is no such {what}."),
            Self::Deleted { name, .. } => write!(f, "The hook {name} was deleted."),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Stale { .. } => {
                f.write_str("Somebody else changed it in the meantime. Load the page again.")
            }
            Self::Busy { seconds } => {
                write!(f, "Too much at once. Try again in {seconds} seconds.")
            }
            Self::BadRequest { message } => {
                write!(f, "The request could not be understood: {message}")
            }
            Self::Refused { words, .. } => f.write_str(words),
            Self::DiskFull => f.write_str("Nothing was stored: the server's disk is full."),
            Self::Internal { reference } => {
                write!(f, "Something went wrong here. The log has it under {reference}.")
            }
        }
    }
}

impl std::error::Error for Error {}
