//! The watchdog. It polls the database every few seconds for due deliveries, so that a lost hint
//! costs only seconds. And it checks the liveness invariant: a hook that is ready and has a due
//! delivery makes an attempt within its [bound](Pace::bound).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{board::Input, handle::Handle};
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

/// How often the database is polled for due deliveries.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// The invariant is checked after every this many polls.
const POLLS_PER_CHECK: u32 = 3;
/// A delivery without an order is overdue, although its hook makes attempts, when more than this
/// many lane windows of attempts were made since the suspicion began.
const MAX_OVERTAKEN_WINDOWS: i64 = 3;
/// The poll interval of [`Watchdog::confirm_overdue`].
const CONFIRM_POLL_EVERY: Duration = Duration::from_millis(250);
/// [`Watchdog::confirm_overdue`] waits for an attempt's timeout plus this: one poll of the server
/// ([`POLL_EVERY`]) and a margin.
const CONFIRM_GRACE: Duration = Duration::from_secs(6);

/// The result of the last check. Cheap to clone; all clones share one list.
#[derive(Clone, Default)]
pub struct OverdueList(Arc<Mutex<Vec<Overdue>>>);

impl OverdueList {
    pub fn get(&self) -> Vec<Overdue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The watchdog task.
#[derive(Clone)]
pub struct Watchdog {
    pub store: Store,
    pub clock: Clock,
    pub settings: Delivery,
    pub overdue: OverdueList,
}

/// A hook whose oldest due delivery is older than its bound. It is overdue if this does not pass.
struct Suspect {
    delivery: DeliveryId,
    /// The hour in which the suspicion began. Attempts are counted from its start.
    hour: Hour,
    /// Attempts since `hour` when the suspicion began.
    attempts_at_first: i64,
    /// Attempts since `hour` at the last check.
    attempts: i64,
    /// Started when `attempts` last changed.
    progress: Stopwatch,
}

impl Watchdog {
    /// Polls and checks until the task is aborted. On PostgreSQL each [node](super::nodes) has its
    /// own poll, so this task only checks.
    pub async fn serve(self, handle: Handle) {
        let mut suspects = HashMap::new();
        for round in 0u32.. {
            tokio::time::sleep(POLL_EVERY).await;
            if !self.store.db().is_postgres() {
                self.poll(&handle).await;
            }
            if round.is_multiple_of(POLLS_PER_CHECK)
                && let Err(error) = self.check(&mut suspects, &handle).await
            {
                tracing::warn!(error = chain(&error), "could not check for overdue deliveries");
            }
        }
    }

    async fn poll(&self, handle: &Handle) {
        let found: Result<Vec<HookId>, Error> = async {
            let mut conn = self.store.read_for_lanes().await?;
            due::hooks(&mut conn, self.clock.now()).await
        }
        .await;
        match found {
            Ok(hooks) if hooks.is_empty() => {}
            Ok(hooks) => handle.send(Input::More(hooks)),
            Err(error) => {
                tracing::warn!(error = chain(&error), "could not poll for due deliveries")
            }
        }
    }

    /// Checks the invariant once. Updates the list and the metrics, logs hooks that are newly
    /// overdue, and resets the lanes of all overdue hooks.
    async fn check(
        &self,
        suspects: &mut HashMap<HookId, Suspect>,
        handle: &Handle,
    ) -> Result<(), Error> {
        let late = self.update_suspects(suspects).await?;
        let is_overdue = |late: &Late| {
            let suspect = &suspects[&late.oldest.hook];
            let overtaken = suspect.attempts - suspect.attempts_at_first;
            let windows = i64::try_from(self.settings.lane_window)
                .unwrap_or(i64::MAX)
                .saturating_mul(MAX_OVERTAKEN_WINDOWS);
            suspect.progress.elapsed() > late.bound
                || (!late.oldest.is_ordered && overtaken > windows)
        };
        let overdue: Vec<Overdue> =
            late.into_iter().filter(is_overdue).map(Late::overdue).collect();
        let oldest = overdue.iter().map(|overdue| overdue.since.until(self.clock.now())).max();
        metrics::overdue(overdue.len(), oldest.unwrap_or_default());
        let before = std::mem::replace(
            &mut *self.overdue.0.lock().unwrap_or_else(PoisonError::into_inner),
            overdue.clone(),
        );
        for new in overdue.iter().filter(|new| before.iter().all(|known| known.hook != new.hook)) {
            tracing::error!(
                hook.id = %new.hook, delivery.id = %new.delivery, bound = ?new.bound,
                "a delivery is due, but no attempt starts: please report this"
            );
        }
        if !overdue.is_empty() {
            handle.send(Input::Overdue(overdue.iter().map(|overdue| overdue.hook).collect()));
        }
        Ok(())
    }

    /// Returns the hooks whose oldest due delivery is older than their bound, and updates
    /// `suspects` to exactly these hooks and their attempts so far.
    async fn update_suspects(
        &self,
        suspects: &mut HashMap<HookId, Suspect>,
    ) -> Result<Vec<Late>, Error> {
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

    /// The oldest due delivery of each hook that is ready, whether or not it is overdue.
    pub async fn oldest_due(&self) -> Result<Vec<Overdue>, Error> {
        let oldest = due::oldest(&mut self.store.read_for_lanes().await?, self.clock.now()).await?;
        Ok(with_bounds(oldest, &self.settings).map(Late::overdue).collect())
    }

    /// For a command that runs next to the server: watches for as long as an attempt may take and
    /// returns the overdue deliveries whose hooks made no attempt meanwhile.
    pub async fn confirm_overdue(&self) -> Result<Vec<Overdue>, Error> {
        let (mut suspects, watch) = (HashMap::new(), self.clock.stopwatch());
        let (mut first, mut active) = (HashMap::new(), HashSet::new());
        loop {
            let mut late = self.update_suspects(&mut suspects).await?;
            // The hook is active if another delivery is the oldest now or any attempt was made.
            for (hook, suspect) in &suspects {
                let known = *first.entry(*hook).or_insert(suspect.delivery);
                if known != suspect.delivery || suspect.attempts != suspect.attempts_at_first {
                    active.insert(*hook);
                }
            }
            late.retain(|late| !active.contains(&late.oldest.hook));
            let longest =
                late.iter().filter_map(|late| late.oldest.timeout).max().unwrap_or_default();
            if late.is_empty()
                || watch.elapsed() > longest.max(self.settings.timeout) + CONFIRM_GRACE
            {
                return Ok(late.into_iter().map(Late::overdue).collect());
            }
            tokio::time::sleep(CONFIRM_POLL_EVERY).await;
        }
    }
}

/// The oldest due delivery of a hook, with its bound.
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

/// Only the deliveries that are older than their bound.
fn late(oldest: Vec<Oldest>, settings: &Delivery, now: Timestamp) -> Vec<Late> {
    with_bounds(oldest, settings).filter(|late| late.oldest.since.until(now) > late.bound).collect()
}
