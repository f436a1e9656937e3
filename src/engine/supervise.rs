//! Supervision of background tasks that must run as long as the engine. A task whose whole state is
//! in the database is restarted after a panic. (The scheduler, the writer and the heartbeat keep
//! state in memory and cannot be restarted: see [`Dispatcher::ended`](super::Dispatcher::ended).)

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio::task::AbortHandle;

/// Delay before a restart: the cause of the panic may persist.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Spawns the future that `make_task` creates, and restarts it after a panic, until it returns or
/// is aborted.
pub(super) fn spawn<F>(
    name: &'static str,
    make_task: impl Fn() -> F + Send + 'static,
) -> AbortHandle
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(run(name, make_task)).abort_handle()
}

/// Like [`spawn`], but in the current task.
pub(super) async fn run<F>(name: &'static str, make_task: impl Fn() -> F)
where
    F: Future<Output = ()>,
{
    while AssertUnwindSafe(make_task()).catch_unwind().await.is_err() {
        tracing::error!(task = name, "an engine task panicked and is restarted");
        tokio::time::sleep(RESTART_DELAY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_restarted_and_one_that_ends_is_not() {
        let (runs, done) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (counter, signal) = (runs.clone(), done.clone());
        let task = spawn("a test", move || {
            let (counter, signal) = (counter.clone(), signal.clone());
            async move {
                assert!(counter.fetch_add(1, Ordering::SeqCst) == 2, "on purpose");
                signal.notify_one();
            }
        });
        done.notified().await;
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
