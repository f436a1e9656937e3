//! Shared by all tests: databases, a running portal, a receiver.

pub mod app;
pub mod binary;
pub mod db;
pub mod names;
pub mod order;
pub mod rare;
pub mod receiver;
pub mod rows;
pub mod sql;

use std::time::Duration;

use service_hooks::engine::clock::Clock;

/// Runs each test once on SQLite and once on PostgreSQL. A test takes a [`db::TestDb`].
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::db::TestDb::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::db::TestDb::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// How long a test waits for a condition before it fails. No test may depend on the machine's
/// speed: this is the only time limit, far above what anything takes, and a passing test never
/// waits for it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `check` returns something; fails with `what` if it never does.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// The same, for conditions that take at most this many seconds on a quiet machine. If one takes
/// longer, the test prints it.
pub async fn within<T>(seconds: u64, what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    let watch = Clock::System.stopwatch();
    let found = eventually(what, check).await;
    let took = watch.elapsed();
    if took > Duration::from_secs(seconds) {
        eprintln!("{what}: took {took:?}; on a quiet machine at most {seconds} s");
    }
    found
}
