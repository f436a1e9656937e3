//! Failures of commands and their exit codes. Imports no other module of the crate.

use std::process::ExitCode;

/// Why a command failed.
pub enum Failure {
    /// Wrong arguments or settings.
    Usage(String),
    Failed(String),
}

pub type Outcome = Result<(), Failure>;

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

impl Failure {
    pub fn message(&self) -> &str {
        match self {
            Self::Usage(message) | Self::Failed(message) => message,
        }
    }

    pub fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}
