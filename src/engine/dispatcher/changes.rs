//! When open pages must be read again: a version that grows whenever something that pages show may
//! have changed, in the database (by any process) or in the memory of this server.
//!
//! All viewers of a server share one look, at most every [`LOOK_INTERVAL`], and only while a viewer
//! asks. The version is a hint: it may grow although a page still shows the same.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use data_encoding::HEXLOWER;
use tokio::sync::Mutex;

use super::Dispatcher;
use super::trouble::Trouble;
use crate::{
    domain::liveness::Overdue,
    engine::{
        clock::{Stopwatch, random_bytes},
        store::db::Commits,
    },
};

/// How long the result of a look is reused.
const LOOK_INTERVAL: Duration = Duration::from_millis(400);

pub(super) struct Changes {
    /// Versions of different servers, or from before a restart, are never equal.
    server: String,
    count: AtomicU64,
    last: Mutex<Last>,
}

/// What the last look found.
#[derive(Default)]
struct Last {
    at: Option<Stopwatch>,
    commits: Commits,
    memory: (Vec<Trouble>, Vec<Overdue>),
}

impl Default for Changes {
    fn default() -> Self {
        let server = HEXLOWER.encode(&random_bytes::<6>());
        Self { server, count: AtomicU64::new(0), last: Mutex::default() }
    }
}

impl Changes {
    fn version(&self) -> String {
        format!("{}-{}", self.server, self.count.load(Ordering::Acquire))
    }
}

impl Dispatcher {
    /// The version at the last look. A page that takes it before it reads anything may carry it:
    /// everything that changes later makes the version grow.
    pub fn last_version(&self) -> String {
        self.changes.version()
    }

    /// Looks for changes, and returns the version. While the database can't be read, only changes
    /// in memory count.
    pub async fn version(&self) -> String {
        let mut last = self.changes.last.lock().await;
        if last.at.is_none_or(|at| at.elapsed() >= LOOK_INTERVAL) {
            // A failed read is not logged here: the banner and `readyz` report the database.
            let has_commits = self.store.db().has_commits(&mut last.commits).await.unwrap_or(false);
            let memory = (self.troubles(), self.overdue());
            if has_commits || memory != last.memory {
                last.memory = memory;
                self.changes.count.fetch_add(1, Ordering::AcqRel);
            }
            last.at = Some(self.clock.stopwatch());
        }
        self.changes.version()
    }
}
