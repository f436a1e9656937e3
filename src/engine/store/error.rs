//! What can go wrong in the store. A caller tells "somebody else was first" from "the database is
//! not well".

use std::sync::Arc;

use sqlx::error::ErrorKind;

/// Why a statement or a commit did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A uniqueness rule was violated: somebody else already has this name, key or address.
    #[error("it exists already")]
    Exists,
    /// The idempotency key came before with another body.
    #[error("this idempotency key was used with another body")]
    KeyReused,
    /// The row changed since it was read.
    #[error("the row is now at version {now}")]
    Stale { now: i64 },
    /// The row is not there (any more), or a row that it refers to is not.
    #[error("no such row")]
    Missing,
    /// The database cannot take one of the values. The same statement would be refused again,
    /// whenever it is tried.
    #[error("the database refused a value")]
    Violated(#[source] Arc<sqlx::Error>),
    /// A row that this program cannot have written.
    #[error("{table}.{column} holds what this program never writes")]
    Inconsistent { table: &'static str, column: &'static str },
    /// A secret that the master key does not open.
    #[error("{table}.{column} does not open: it was sealed with another master key, or is damaged")]
    Sealed { table: &'static str, column: &'static str },
    /// The database refused to start: too old, not durable.
    #[error("{0}")]
    Unfit(String),
    /// The database cannot be reached, and why. Nothing was asked of it.
    #[error("{0}")]
    Away(Arc<str>),
    /// There is no room for new events.
    #[error("the disk is full")]
    DiskFull,
    #[error("the database failed")]
    Driver(#[source] Arc<sqlx::Error>),
    /// The code that was to write it panicked. Nothing of it was written; the log has the place.
    #[error("an internal error; the log has the cause")]
    Panicked,
    /// The writer has stopped; the program is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) => match cause.kind() {
                ErrorKind::UniqueViolation => Self::Exists,
                ErrorKind::ForeignKeyViolation => Self::Missing,
                ErrorKind::NotNullViolation
                | ErrorKind::CheckViolation
                | ErrorKind::ExclusionViolation => Self::Violated(Arc::new(error)),
                // PostgreSQL's class 22: a value that it cannot take, such as a text with a NUL in
                // it.
                _ if cause.code().is_some_and(|code| code.len() == 5 && code.starts_with("22")) => {
                    Self::Violated(Arc::new(error))
                }
                _ => Self::Driver(Arc::new(error)),
            },
            sqlx::Error::RowNotFound => Self::Missing,
            sqlx::Error::PoolTimedOut => {
                Self::Away("No connection to the database became free in time".into())
            }
            sqlx::Error::PoolClosed => Self::Closed,
            _ => Self::Driver(Arc::new(error)),
        }
    }
}

impl Error {
    /// No answer came for so long that nobody waits for it any more: as good as a broken
    /// connection.
    pub(super) fn silent() -> Self {
        let problem = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer");
        Self::Driver(Arc::new(sqlx::Error::Io(problem)))
    }

    /// The database is the trouble, not what was asked of it: the same may succeed later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Driver(_) | Self::Away(_) | Self::DiskFull)
    }

    /// It stays so until a person changes something.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Sealed { .. } | Self::Inconsistent { .. })
    }

    /// It is about one row that cannot be read or fits no rule: others are not concerned.
    pub(in crate::engine) fn is_about_a_row(&self) -> bool {
        match self {
            Self::Exists
            | Self::KeyReused
            | Self::Missing
            | Self::Stale { .. }
            | Self::Inconsistent { .. }
            | Self::Sealed { .. }
            | Self::Violated(_)
            | Self::Panicked => true,
            Self::Driver(cause) => {
                matches!(**cause, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
            }
            Self::Unfit(_) | Self::Away(_) | Self::DiskFull | Self::Closed => false,
        }
    }

    /// There is no room for what was to be written.
    pub fn is_disk_full(&self) -> bool {
        let Self::Driver(cause) = self else { return matches!(self, Self::DiskFull) };
        match &**cause {
            sqlx::Error::Database(error) => {
                let code = error.code();
                code.as_deref() == Some("53100") || code.as_deref() == Some("13")
            }
            other => other.to_string().contains("disk is full"),
        }
    }

    /// The database takes nothing just now, whatever it is: full, read-only, not well, or gone.
    pub(super) fn is_unwritable(&self) -> bool {
        if matches!(self, Self::Away(_) | Self::DiskFull) {
            return true;
        }
        let Self::Driver(cause) = self else { return false };
        let sqlx::Error::Database(error) = &**cause else { return self.is_lost_connection() };
        let Some(code) = error.code() else { return false };
        // PostgreSQL's codes have five characters. Of SQLite's (read-only, I/O, full, cannot open)
        // the last byte counts.
        if code.len() == 5 {
            return code == "25006"
                || code.starts_with("53")
                || code.starts_with("58")
                || self.is_lost_connection();
        }
        code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 13 | 14))
    }

    /// The connection is gone (cut, or its server went away). What was asked for has not
    /// necessarily failed.
    pub(super) fn is_lost_connection(&self) -> bool {
        let Self::Driver(cause) = self else { return false };
        match &**cause {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
            // "Operator intervention", and what PostgreSQL ends by itself.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                code.starts_with("57P") || code == "25P03" || code.starts_with("08")
            }),
            _ => false,
        }
    }
}

/// Fails unless exactly the one row that was meant was changed.
pub fn expect_one(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::Missing) }
}

/// An error with everything that caused it, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
