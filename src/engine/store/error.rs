//! Errors of the store. Callers distinguish conflicts and bad values (about one row) from failures
//! of the database (about everything).

use std::sync::Arc;

use sqlx::error::ErrorKind;

/// Why a statement or a commit failed. Whether a lost commit took effect is a separate question:
/// `engine::store::writer` asks the database.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Unique violation: the name, key or address is taken.
    #[error("it already exists")]
    Exists,
    /// The idempotency key was used before with a different body.
    #[error("this idempotency key was used before with a different body")]
    KeyReused,
    /// Optimistic locking: the row changed after it was read.
    #[error("the row is now at version {now}")]
    Stale { now: i64 },
    /// The row, or a row that it refers to, does not exist (any more).
    #[error("the row does not exist")]
    Missing,
    /// The database does not accept one of the values. Retrying the statement cannot succeed.
    #[error("the database rejected a value")]
    Violated(#[source] Arc<sqlx::Error>),
    /// A row with a value that this program never writes.
    #[error("{table}.{column} holds a value that this program never writes")]
    Inconsistent { table: &'static str, column: &'static str },
    /// A secret that can't be decrypted with the master key.
    #[error(
        "{table}.{column} can't be decrypted: it was encrypted with another master key, or is \
         damaged"
    )]
    Sealed { table: &'static str, column: &'static str },
    /// The database can't be used: for example its version is too old, it does not commit durably,
    /// or sessions can't be read.
    #[error("{0}")]
    Unfit(String),
    /// The database can't be reached, and why. No statement was sent.
    #[error("{0}")]
    Unreachable(Arc<str>),
    /// There is no disk space for new events.
    #[error("the disk is full")]
    DiskFull,
    #[error("the database failed")]
    Driver(#[source] Arc<sqlx::Error>),
    /// The writing code panicked. Nothing was written; the log has the location.
    #[error("internal error; the log has the cause")]
    Panicked,
    /// The writer has stopped, because the program is shutting down.
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
                // PostgreSQL class 22, data exception: for example text that contains NUL.
                _ if cause.code().is_some_and(|code| code.len() == 5 && code.starts_with("22")) => {
                    Self::Violated(Arc::new(error))
                }
                _ => Self::Driver(Arc::new(error)),
            },
            sqlx::Error::RowNotFound => Self::Missing,
            sqlx::Error::PoolTimedOut => Self::Unreachable(
                "No database connection became available in time: the database is slow, or all \
                 connections are in use"
                    .into(),
            ),
            sqlx::Error::PoolClosed => Self::Closed,
            _ => Self::Driver(Arc::new(error)),
        }
    }
}

impl Error {
    /// The database did not reply within the timeout. Treated as a lost connection.
    pub(super) fn timed_out() -> Self {
        let problem = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer");
        Self::Driver(Arc::new(sqlx::Error::Io(problem)))
    }

    /// Transient: the database failed, not the statement. A retry may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Driver(_) | Self::Unreachable(_) | Self::DiskFull)
    }

    /// Permanent until a person repairs it.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Sealed { .. } | Self::Inconsistent { .. })
    }

    /// Concerns one row only, which can't be read or violates a constraint.
    pub(in crate::engine) fn is_row_error(&self) -> bool {
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
            Self::Unfit(_) | Self::Unreachable(_) | Self::DiskFull | Self::Closed => false,
        }
    }

    /// Did the write fail because the disk is full?
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

    /// The database accepts no writes at the moment: full, read-only, failing or unreachable.
    pub(super) fn is_unwritable(&self) -> bool {
        if matches!(self, Self::Unreachable(_) | Self::DiskFull) {
            return true;
        }
        let Self::Driver(cause) = self else { return false };
        let sqlx::Error::Database(error) = &**cause else { return self.is_lost_connection() };
        let Some(code) = error.code() else { return false };
        // PostgreSQL's codes have five characters. SQLite's primary code is in the last byte:
        // 8 read-only, 10 I/O error, 13 full, 14 can't open.
        if code.len() == 5 {
            return code == "25006"
                || code.starts_with("53")
                || code.starts_with("58")
                || self.is_lost_connection();
        }
        code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 8 | 10 | 13 | 14))
    }

    /// The connection was lost. The statement or commit may have taken effect.
    pub(super) fn is_lost_connection(&self) -> bool {
        let Self::Driver(cause) = self else { return false };
        match &**cause {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
            // 57P: operator intervention. 25P03: idle-in-transaction timeout. 08: connection
            // exception.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                code.starts_with("57P") || code == "25P03" || code.starts_with("08")
            }),
            _ => false,
        }
    }
}

/// Fails unless exactly one row was changed.
pub fn expect_one(rows: u64) -> Result<(), Error> {
    if rows == 1 { Ok(()) } else { Err(Error::Missing) }
}

/// The error and its causes in one line, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
