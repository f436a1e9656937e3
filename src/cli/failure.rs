//! How a command ends: why it failed, and with which exit code. Imports nothing of ours.

use std::process::ExitCode;

/// Why a command ended badly.
pub enum Failure {
    /// It was asked for wrongly.
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
