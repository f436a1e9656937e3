//! Limits for costly work of signed-in users: [`RateLimit`] limits starts per minute (hook tests),
//! [`UserQueue`] limits concurrency (full-text searches). State is in memory only: a restart resets
//! it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::domain::time::Timestamp;

/// Window of the rate limit.
const WINDOW: Duration = Duration::from_secs(60);
/// When this many users are tracked, those without a start in the window are dropped.
const MAX_TRACKED: usize = 1000;

/// Sliding-window rate limit per user, and a concurrency limit over all users. Clones share one
/// state.
#[derive(Clone)]
pub struct RateLimit {
    per_minute: usize,
    recent: Arc<Mutex<HashMap<String, Vec<Timestamp>>>>,
    permits: Arc<Semaphore>,
}

impl RateLimit {
    /// `per_minute` starts per user and minute, and `concurrent` in progress over all users.
    pub fn new(per_minute: usize, concurrent: usize) -> Self {
        Self { per_minute, recent: Arc::default(), permits: Arc::new(Semaphore::new(concurrent)) }
    }

    /// A permit, to be held until the work is done; `Err` is the time to wait before trying again.
    pub fn take(&self, user: &str, now: Timestamp) -> Result<OwnedSemaphorePermit, Duration> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Timestamp| at.after(WINDOW) > now;
        if recent.len() >= MAX_TRACKED {
            recent.retain(|_, starts| starts.iter().any(is_recent));
        }
        let starts = recent.entry(user.to_owned()).or_default();
        starts.retain(is_recent);
        if let (true, Some(oldest)) = (starts.len() >= self.per_minute, starts.first()) {
            return Err(now.until(oldest.after(WINDOW)));
        }
        let permit =
            self.permits.clone().try_acquire_owned().map_err(|_| Duration::from_secs(2))?;
        starts.push(now);
        Ok(permit)
    }
}

/// A fair queue: each user runs one piece of work at a time, and all users together a few. Clones
/// share one state.
#[derive(Clone)]
pub struct UserQueue {
    users: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    permits: Arc<Semaphore>,
    max_per_user: usize,
}

/// The right to do the work, until it is dropped.
#[derive(Debug)]
pub struct QueuePermit {
    _user: OwnedMutexGuard<()>,
    _permit: OwnedSemaphorePermit,
}

impl UserQueue {
    /// `concurrent` over all users; `max_per_user` waiting or in progress for one user.
    pub fn new(concurrent: usize, max_per_user: usize) -> Self {
        Self { users: Arc::default(), permits: Arc::new(Semaphore::new(concurrent)), max_per_user }
    }

    /// Waits for a permit. A user waits on their own lock first, so each user has at most one place
    /// in the queue of the shared semaphore: a hundred requests of one user delay another by one
    /// piece of work. `None`: this user already has `max_per_user` waiting or in progress.
    pub async fn take(&self, user: &str) -> Option<QueuePermit> {
        let user = self.user_lock(user)?.lock_owned().await;
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        Some(QueuePermit { _user: user, _permit: permit })
    }

    fn user_lock(&self, user: &str) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        // Every waiting or running request holds a clone, so a count of 1 means the user is idle.
        users.retain(|_, lock| Arc::strong_count(lock) > 1);
        let lock = users.entry(user.to_owned()).or_default();
        (Arc::strong_count(lock) <= self.max_per_user).then(|| lock.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    const PER_MINUTE: usize = 12;
    const CONCURRENT: usize = 4;

    #[test]
    fn a_user_over_the_limit_waits_and_others_do_not() {
        let (limit, now) = (RateLimit::new(PER_MINUTE, CONCURRENT), Timestamp(1_000_000));
        for second in 0..PER_MINUTE {
            assert!(limit.take("ann", now.after(Duration::from_secs(second as u64))).is_ok());
        }
        let later = now.after(Duration::from_secs(20));
        assert_eq!(limit.take("ann", later).unwrap_err(), Duration::from_secs(40));
        assert!(limit.take("bob", later).is_ok());
        assert!(limit.take("ann", now.after(WINDOW)).is_ok());
    }

    #[test]
    fn only_a_few_run_at_once() {
        let (limit, now) = (RateLimit::new(PER_MINUTE, CONCURRENT), Timestamp(1_000_000));
        let permits: Vec<_> =
            (0..CONCURRENT).map(|user| limit.take(&user.to_string(), now).unwrap()).collect();
        assert!(limit.take("one more", now).is_err());
        drop(permits);
        assert!(limit.take("one more", now).is_ok());
    }

    type Waiting = Pin<Box<dyn Future<Output = Option<QueuePermit>>>>;

    fn waiting(queue: &UserQueue, user: &'static str) -> Waiting {
        let queue = queue.clone();
        Box::pin(async move { queue.take(user).await })
    }

    fn poll(waiting: &mut Waiting) -> Poll<Option<QueuePermit>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_user_runs_one_at_a_time_and_delays_others_by_at_most_one() {
        let queue = UserQueue::new(2, 4);
        let mut anns: Vec<Waiting> = (0..5).map(|_| waiting(&queue, "ann")).collect();
        let mut states: Vec<_> = anns.iter_mut().map(poll).collect();
        assert!(matches!(states[4], Poll::Ready(None)), "a fifth is refused");
        assert!(states[1..4].iter().all(Poll::is_pending));
        let Poll::Ready(Some(first)) = states.remove(0) else { panic!("the first runs") };
        let Poll::Ready(Some(bob)) = poll(&mut waiting(&queue, "bob")) else {
            panic!("bob's first runs")
        };
        let mut carol = waiting(&queue, "carol");
        assert!(poll(&mut carol).is_pending(), "two run at once");
        // Ann's second joins the shared queue after Carol, because it waited for Ann's lock first.
        drop(first);
        assert!(poll(&mut anns[1]).is_pending());
        let Poll::Ready(Some(carol)) = poll(&mut carol) else { panic!("carol is next") };
        drop((bob, carol));
        let Poll::Ready(Some(second)) = poll(&mut anns[1]) else { panic!("ann's second runs") };
        // A dropped request frees its place, and users without requests are forgotten.
        drop((second, anns));
        assert!(queue.user_lock("dan").is_some());
        assert_eq!(queue.users.lock().unwrap().len(), 1);
    }
}
