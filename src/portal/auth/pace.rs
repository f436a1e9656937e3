//! Limits for signed-in people on costly work: [`Pace`] limits how often (tests of hooks),
//! [`InTurn`] how much runs at once (searches in bodies). In memory: a restart forgets all counts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

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

    /// A place among those under way, to be held until it is done; or how long to wait before
    /// asking again.
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
        let permit =
            self.permits.clone().try_acquire_owned().map_err(|_| Duration::from_secs(2))?;
        moments.push(now);
        Ok(permit)
    }
}

/// A queue for work of which each person runs one at a time, and all people together a few. Clones
/// share one state.
#[derive(Clone)]
pub struct InTurn {
    people: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    permits: Arc<Semaphore>,
    most: usize,
}

/// Somebody's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _own: OwnedMutexGuard<()>,
    _permit: OwnedSemaphorePermit,
}

impl InTurn {
    /// So many at once in all, and so many of one person that wait or are under way.
    pub fn new(at_once: usize, most: usize) -> Self {
        Self { people: Arc::default(), permits: Arc::new(Semaphore::new(at_once)), most }
    }

    /// Waits for a turn. A person has one place among all those that wait, so a hundred requests of
    /// one delay another by one turn. `None`: too many of this person's wait already.
    pub async fn take(&self, who: &str) -> Option<Turn> {
        let own = self.own(who)?.lock_owned().await;
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        Some(Turn { _own: own, _permit: permit })
    }

    fn own(&self, who: &str) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits, and whoever's turn it is, holds one of them.
        people.retain(|_, own| Arc::strong_count(own) > 1);
        let own = people.entry(who.to_owned()).or_default();
        (Arc::strong_count(own) <= self.most).then(|| own.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

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
        let held: Vec<_> =
            (0..AT_ONCE).map(|person| pace.take(&person.to_string(), now).unwrap()).collect();
        assert!(pace.take("one more", now).is_err());
        drop(held);
        assert!(pace.take("one more", now).is_ok());
    }

    type Waiting = Pin<Box<dyn Future<Output = Option<Turn>>>>;

    fn waiting(turns: &InTurn, who: &'static str) -> Waiting {
        let turns = turns.clone();
        Box::pin(async move { turns.take(who).await })
    }

    fn poll(waiting: &mut Waiting) -> Poll<Option<Turn>> {
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_person_has_one_turn_at_a_time_and_does_not_stand_in_the_way_of_others() {
        let turns = InTurn::new(2, 4);
        let mut anns: Vec<Waiting> = (0..5).map(|_| waiting(&turns, "ann")).collect();
        let mut states: Vec<_> = anns.iter_mut().map(poll).collect();
        assert!(matches!(states[4], Poll::Ready(None)), "a fifth is told to come again");
        assert!(states[1..4].iter().all(Poll::is_pending));
        let Poll::Ready(Some(first)) = states.remove(0) else { panic!("the first has its turn") };
        let Poll::Ready(Some(bob)) = poll(&mut waiting(&turns, "bob")) else {
            panic!("bob has his")
        };
        let mut carol = waiting(&turns, "carol");
        assert!(poll(&mut carol).is_pending(), "there are two at once");
        // Ann's next comes after carol, who waited before it could begin.
        drop(first);
        assert!(poll(&mut anns[1]).is_pending());
        let Poll::Ready(Some(carol)) = poll(&mut carol) else { panic!("carol is next") };
        drop((bob, carol));
        let Poll::Ready(Some(second)) = poll(&mut anns[1]) else { panic!("ann has her second") };
        // Whoever hangs up keeps no place, and nobody who is done is remembered.
        drop((second, anns));
        assert!(turns.own("dan").is_some());
        assert_eq!(turns.people.lock().unwrap().len(), 1);
    }
}
