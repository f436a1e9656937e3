//! Polls the database every few seconds for due deliveries, so that a lost hint costs seconds; and
//! checks the liveness invariant: a hook that is ready and has a due delivery makes an attempt
//! within its [bound](Pace::bound).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{board::News, handle::Handle};
use crate::{
    domain::{
        id::{DeliveryId, HookId},
        liveness::{Overdue, Pace},
        measured::Hour,
        time::Timestamp,
    },
    engine::{
        clock::{Clock, Stopwatch},
        config::Delivery,
        metrics,
        store::{
            Error, Store,
            due::{self, Oldest},
            error::chain,
        },
    },
};

/// How often lanes are told of what is due that nobody told them of.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// Every so many looks the invariant is checked.
const POLLS_PER_CHECK: u32 = 3;
/// A delivery that later ones have overtaken by more than so many windows is overdue, although its
/// hook makes attempts.
const WINDOWS: i64 = 3;
/// How often a command that watches for a moment looks.
const EXAMINE_EVERY: Duration = Duration::from_millis(250);
/// What such a command grants beyond an attempt's deadline: a look of the server's, and a little
/// more.
const PATIENCE: Duration = Duration::from_secs(6);

/// What was found last. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Found(Arc<Mutex<Vec<Overdue>>>);

impl Found {
    pub fn overdue(&self) -> Vec<Overdue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// See the module.
#[derive(Clone)]
pub struct Lookout {
    pub store: Store,
    pub clock: Clock,
    pub settings: Delivery,
    pub found: Found,
}

/// A hook whose oldest is older than it should be.
struct Suspect {
    delivery: DeliveryId,
    /// The hour in which the suspicion began: attempts are counted from it.
    hour: Hour,
    attempts_at_first: i64,
    /// At the last check.
    attempts: i64,
    /// Since `attempts` last grew.
    progress: Stopwatch,
}

impl Lookout {
    /// Polls until the task is aborted. On PostgreSQL each [node](super::nodes) polls for itself,
    /// so this only checks.
    pub async fn serve(self, handle: Handle) {
        let mut suspects = HashMap::new();
        for round in 0u32.. {
            tokio::time::sleep(POLL_EVERY).await;
            if !self.store.db().is_postgres() {
                self.look(&handle).await;
            }
            if round.is_multiple_of(POLLS_PER_CHECK)
                && let Err(error) = self.check(&mut suspects, &handle).await
            {
                tracing::warn!(error = chain(&error), "what is overdue could not be looked for");
            }
        }
    }

    async fn look(&self, handle: &Handle) {
        let found: Result<Vec<HookId>, Error> = async {
            let mut conn = self.store.read_for_lanes().await?;
            due::hooks(&mut conn, self.clock.now()).await
        }
        .await;
        match found {
            Ok(hooks) if hooks.is_empty() => {}
            Ok(hooks) => handle.tell(News::More(hooks)),
            Err(error) => {
                tracing::warn!(error = chain(&error), "what is due could not be looked for")
            }
        }
    }

    async fn check(
        &self,
        suspects: &mut HashMap<HookId, Suspect>,
        handle: &Handle,
    ) -> Result<(), Error> {
        let late = self.suspect(suspects).await?;
        let is_overdue = |late: &Late| {
            let suspect = &suspects[&late.oldest.hook];
            let overtaken = suspect.attempts - suspect.attempts_at_first;
            let windows = i64::try_from(self.settings.lane_window)
                .unwrap_or(i64::MAX)
                .saturating_mul(WINDOWS);
            suspect.progress.elapsed() > late.bound
                || (!late.oldest.is_ordered && overtaken > windows)
        };
        let overdue: Vec<Overdue> =
            late.into_iter().filter(is_overdue).map(Late::overdue).collect();
        let oldest = overdue.iter().map(|overdue| overdue.since.until(self.clock.now())).max();
        metrics::overdue(overdue.len(), oldest.unwrap_or_default());
        let before = std::mem::replace(
            &mut *self.found.0.lock().unwrap_or_else(PoisonError::into_inner),
            overdue.clone(),
        );
        for new in overdue.iter().filter(|new| before.iter().all(|known| known.hook != new.hook)) {
            tracing::error!(
                hook.id = %new.hook, delivery.id = %new.delivery, bound = ?new.bound,
                "a delivery is due and no attempt is made: please report this"
            );
        }
        if !overdue.is_empty() {
            handle.tell(News::Overdue(overdue.iter().map(|overdue| overdue.hook).collect()));
        }
        Ok(())
    }

    /// The hooks whose oldest is older than their bound, with what is known of their attempts
    /// brought up to date.
    async fn suspect(&self, suspects: &mut HashMap<HookId, Suspect>) -> Result<Vec<Late>, Error> {
        let (mut conn, now) = (self.store.read_for_lanes().await?, self.clock.now());
        let late = late(due::oldest(&mut conn, now).await?, &self.settings, now);
        suspects.retain(|hook, suspect| {
            late.iter()
                .any(|late| late.oldest.hook == *hook && late.oldest.delivery == suspect.delivery)
        });
        for Late { oldest, .. } in &late {
            let hour = suspects.get(&oldest.hook).map_or(Hour::of(now), |suspect| suspect.hour);
            let attempts = due::attempts_since(&mut conn, oldest.hook, hour).await?;
            let suspect = suspects.entry(oldest.hook).or_insert_with(|| Suspect {
                delivery: oldest.delivery,
                hour,
                attempts_at_first: attempts,
                attempts,
                progress: self.clock.stopwatch(),
            });
            if attempts != suspect.attempts {
                (suspect.attempts, suspect.progress) = (attempts, self.clock.stopwatch());
            }
        }
        Ok(late)
    }

    /// What has been due the longest of each hook that is ready for it.
    pub async fn due(&self) -> Result<Vec<Overdue>, Error> {
        let oldest = due::oldest(&mut self.store.read_for_lanes().await?, self.clock.now()).await?;
        Ok(with_bounds(oldest, &self.settings).map(Late::overdue).collect())
    }

    /// For a command beside a running server: watches for as long as an attempt may take, and
    /// returns the overdue deliveries whose hooks made no attempt meanwhile.
    pub async fn examine(&self) -> Result<Vec<Overdue>, Error> {
        let (mut suspects, watch) = (HashMap::new(), self.clock.stopwatch());
        let (mut first, mut moved) = (HashMap::new(), HashSet::new());
        loop {
            let mut late = self.suspect(&mut suspects).await?;
            // Another is the oldest now, or something else of the hook was attempted: it does not
            // sleep.
            for (hook, suspect) in &suspects {
                let known = *first.entry(*hook).or_insert(suspect.delivery);
                if known != suspect.delivery || suspect.attempts != suspect.attempts_at_first {
                    moved.insert(*hook);
                }
            }
            late.retain(|late| !moved.contains(&late.oldest.hook));
            let longest =
                late.iter().filter_map(|late| late.oldest.timeout).max().unwrap_or_default();
            if late.is_empty() || watch.elapsed() > longest.max(self.settings.timeout) + PATIENCE {
                return Ok(late.into_iter().map(Late::overdue).collect());
            }
            tokio::time::sleep(EXAMINE_EVERY).await;
        }
    }
}

/// What is older than its bound.
struct Late {
    oldest: Oldest,
    bound: Duration,
}

impl Late {
    fn overdue(self) -> Overdue {
        let Self { oldest, bound } = self;
        Overdue {
            hook: oldest.hook,
            name: oldest.name,
            delivery: oldest.delivery,
            since: oldest.since,
            bound,
        }
    }
}

fn with_bounds(oldest: Vec<Oldest>, settings: &Delivery) -> impl Iterator<Item = Late> {
    let hooks = oldest.len();
    oldest.into_iter().map(move |oldest| {
        let timeout = oldest.timeout.unwrap_or(settings.timeout);
        let bound = Pace { timeout, hooks, in_flight: settings.in_flight }.bound();
        Late { oldest, bound }
    })
}

fn late(oldest: Vec<Oldest>, settings: &Delivery, now: Timestamp) -> Vec<Late> {
    with_bounds(oldest, settings).filter(|late| late.oldest.since.until(now) > late.bound).collect()
}
