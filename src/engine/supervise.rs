//! Tasks that must not end while the engine runs. One whose state is all in the database is begun
//! again when it panics. (Of the scheduler, of the writer and of a node's heartbeat that cannot be
//! said: see [`Dispatcher::ended`](super::Dispatcher::ended).)

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio::task::AbortHandle;

/// How long it rests after a panic: what made it panic may still be there.
const REST: Duration = Duration::from_secs(1);

/// Runs what `begin` makes; again whenever it panics, until it ends by itself or is aborted.
pub(super) fn keep<F>(name: &'static str, begin: impl Fn() -> F + Send + 'static) -> AbortHandle
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(again(name, begin)).abort_handle()
}

/// The same without a task of its own: the caller spawns it.
pub(super) async fn again<F>(name: &'static str, begin: impl Fn() -> F)
where
    F: Future<Output = ()>,
{
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        tracing::error!(task = name, "a task of the engine panicked and is begun again");
        tokio::time::sleep(REST).await;
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
    async fn a_task_that_panics_is_begun_again_and_one_that_ends_is_not() {
        let (runs, done) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (counted, told) = (runs.clone(), done.clone());
        let kept = keep("a test", move || {
            let (counted, told) = (counted.clone(), told.clone());
            async move {
                assert!(counted.fetch_add(1, Ordering::SeqCst) == 2, "on purpose");
                told.notify_one();
            }
        });
        done.notified().await;
        while !kept.is_finished() {
            tokio::task::yield_now().await;
        }
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }
}
