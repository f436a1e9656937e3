//! Does the database take what is written? As the writer last saw it, and in memory: whoever shows it asks no database.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::Error;
use crate::domain::time::Timestamp;

/// Since when nothing could be written, and whether the disk is why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    pub since: Timestamp,
    pub is_full: bool,
}

/// What the writer notes. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(super) struct Writes(Arc<Mutex<Option<Failing>>>);

impl Writes {
    pub(super) fn failing(&self) -> Option<Failing> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was written for sure.
    pub(super) fn went_well(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Nothing was, and it was nobody's row that was at fault.
    pub(super) fn failed(&self, error: &Error, now: Timestamp) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failing.map_or(now, |failing| failing.since);
        *failing = Some(Failing { since, is_full: error.is_disk_full() });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn driver(words: &str) -> Error {
        Error::Driver(Arc::new(sqlx::Error::Protocol(words.to_owned())))
    }

    #[test]
    fn it_fails_since_the_first_time_and_until_something_is_written() {
        let writes = Writes::default();
        assert_eq!(writes.failing(), None);
        writes.failed(&driver("disk I/O error"), Timestamp(1));
        writes.failed(&driver("database or disk is full"), Timestamp(2));
        assert_eq!(writes.failing(), Some(Failing { since: Timestamp(1), is_full: true }));
        writes.went_well();
        assert_eq!(writes.failing(), None);
    }
}
