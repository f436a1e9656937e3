//! How often one person may have the portal send something that no event asked for, and how many such things are under
//! way at once. Counted in memory: a restart forgives.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::time::Timestamp;

const WITHIN: Duration = Duration::from_secs(60);
/// People that are remembered at most; beyond it those that have rested are forgotten.
const PEOPLE: usize = 1000;

#[derive(Clone)]
pub struct Pace {
    times: usize,
    recent: Arc<Mutex<HashMap<String, Vec<Timestamp>>>>,
    permits: Arc<Semaphore>,
}

impl Pace {
    /// So many times a minute each, and so many at once in all.
    pub fn new(times: usize, at_once: usize) -> Self {
        Self { times, recent: Arc::default(), permits: Arc::new(Semaphore::new(at_once)) }
    }

    /// A place among those under way, to be held until it is done; or how long to wait before asking again.
    pub fn take(&self, who: &str, now: Timestamp) -> Result<OwnedSemaphorePermit, Duration> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Timestamp| at.after(WITHIN) > now;
        if recent.len() >= PEOPLE {
            recent.retain(|_, moments| moments.iter().any(is_recent));
        }
        let moments = recent.entry(who.to_owned()).or_default();
        moments.retain(is_recent);
        if let (true, Some(oldest)) = (moments.len() >= self.times, moments.first()) {
            return Err(now.until(oldest.after(WITHIN)));
        }
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Duration::from_secs(2))?;
        moments.push(now);
        Ok(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: usize = 12;
    const AT_ONCE: usize = 4;

    #[test]
    fn a_person_rests_after_a_dozen_and_others_go_on() {
        let (pace, now) = (Pace::new(TIMES, AT_ONCE), Timestamp(1_000_000));
        for second in 0..TIMES {
            assert!(pace.take("ann", now.after(Duration::from_secs(second as u64))).is_ok());
        }
        let later = now.after(Duration::from_secs(20));
        assert_eq!(pace.take("ann", later).unwrap_err(), Duration::from_secs(40));
        assert!(pace.take("bob", later).is_ok());
        assert!(pace.take("ann", now.after(WITHIN)).is_ok());
    }

    #[test]
    fn only_a_few_are_under_way_at_once() {
        let (pace, now) = (Pace::new(TIMES, AT_ONCE), Timestamp(1_000_000));
        let held: Vec<_> = (0..AT_ONCE).map(|person| pace.take(&person.to_string(), now).unwrap()).collect();
        assert!(pace.take("one more", now).is_err());
        drop(held);
        assert!(pace.take("one more", now).is_ok());
    }
}
