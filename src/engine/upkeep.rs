//! What the engine does for itself now and then: removes what is too old, and weighs what waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use super::{
    clock::Clock,
    config::Retention,
    metrics,
    pressure::{Pressure, Weight},
    store::{
        Error, Store,
        error::chain,
        measured, queue,
        retention::{self, Sweep, Swept},
        sessions,
    },
};
use crate::domain::{measured::Hour, time::Timestamp};

/// After a step of a clean-up nothing is cleaned for this many times as long as it took: others come first.
const YIELD: u32 = 4;
/// Every so many rounds all events are looked at again: something of them may have been open when it was their turn. In
/// between only those are that have come of age since.
const START_OVER: u32 = 12;
/// How often what waits is weighed while events come in.
const WEIGH: Duration = Duration::from_secs(2);

/// Weighing a long backlog takes a while: it may take one part in so many of the time.
const WEIGHING_SHARE: u32 = 100;

/// For how long hours stay counted: the longest chart is of thirty days.
const MEASURED_HOURS: i64 = 31 * 24;

/// How often a server that leaves the cleaning up to another looks whether it still is to.
const OFF_DUTY: Duration = Duration::from_secs(1);

/// A clean-up counts as late after so many rounds, and never before this.
const LATE_ROUNDS: u32 = 3;
const LATE: Duration = Duration::from_secs(3600);

/// When a clean-up last came to its end. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Tidied(Arc<AtomicI64>);

impl Tidied {
    pub(super) fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    fn note(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    /// Since when nothing was tidied up, if that is longer than it may take.
    pub(super) fn late_since(&self, now: Timestamp, retention: &Retention) -> Option<Timestamp> {
        let last = Timestamp(self.0.load(Ordering::Relaxed));
        (last.until(now) > LATE.max(retention.every.saturating_mul(LATE_ROUNDS))).then_some(last)
    }
}

/// Whether it is this server that cleans up. Of several that share a database only one does; another takes over when that
/// falls silent.
pub(super) type Duty = Arc<dyn Fn() -> bool + Send + Sync>;

/// See the module.
#[derive(Clone)]
pub(super) struct Keeper {
    pub store: Store,
    pub clock: Clock,
    pub retention: Retention,
    pub pressure: Pressure,
    pub tidied: Tidied,
    pub is_on_duty: Duty,
}

impl Keeper {
    /// Removes what is too old, until the store is closed.
    pub(super) async fn prune(self) {
        let mut swept_until = None;
        for round in 0u32.. {
            while !(self.is_on_duty)() {
                // Another does it, and has perhaps not come as far as this one did.
                swept_until = None;
                self.tidied.note(self.clock.now());
                tokio::time::sleep(OFF_DUTY).await;
            }
            let starts_over = round.is_multiple_of(START_OVER);
            let pruned = match self.prune_once(swept_until.filter(|_| !starts_over)).await {
                Ok(until) if starts_over => self.forget_hours().await.map(|()| until),
                pruned => pruned,
            };
            match pruned {
                Ok(until) => {
                    swept_until = Some(until);
                    self.tidied.note(self.clock.now());
                }
                Err(Error::Closed) => return,
                Err(error) => tracing::warn!(error = chain(&error), "old rows stay for now"),
            }
            tokio::time::sleep(self.retention.every).await;
        }
    }

    /// Removes what is too old now; of the bodies those that have become so since `from`. Says until when they are gone.
    async fn prune_once(&self, from: Option<Timestamp>) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let expired: Result<(), Error> = self.store.write(move |conn| Box::pin(sessions::sweep(conn, now))).await;
        expired?;
        let (bodies, rows) = (now.before(self.retention.payloads), now.before(self.retention.deliveries));
        self.sweep(Sweep::payloads(from), bodies).await?;
        // An event goes after its deliveries.
        self.sweep(Sweep::DELIVERIES, rows).await?;
        self.sweep(Sweep::EVENTS, rows).await?;
        Ok(bodies)
    }

    /// Hours beyond the longest chart.
    async fn forget_hours(&self) -> Result<(), Error> {
        let oldest = Hour::of(self.clock.now()).back(MEASURED_HOURS);
        self.store.write(move |conn| Box::pin(measured::forget(conn, oldest))).await
    }

    async fn sweep(&self, sweep: Sweep, before: Timestamp) -> Result<(), Error> {
        let mut next = Some(sweep);
        while let Some(sweep) = next {
            let (shard, now, watch) = (self.store.shard(), self.clock.now(), self.clock.stopwatch());
            let swept: Result<Swept, Error> =
                self.store.write(move |conn| Box::pin(retention::step(conn, sweep, before, shard, now))).await;
            let swept = swept?;
            if swept.rows > 0 {
                metrics::pruned(swept.rows);
                tracing::info!(rows = swept.rows, ?sweep, "removed what is past its retention");
            }
            next = swept.next;
            tokio::time::sleep(watch.elapsed() * YIELD).await;
        }
        Ok(())
    }

    /// Weighs what waits, as long as there is a reason to; and tries whether a database that took nothing does again.
    pub(super) async fn weigh(self) {
        loop {
            if self.store.failing().is_some() && self.store.try_writing().await.is_ok() {
                tracing::info!("the database can be written again");
            }
            let watch = self.clock.stopwatch();
            if self.pressure.wants_weighing() {
                match self.weigh_once().await {
                    Ok(()) => {}
                    Err(error) => tracing::warn!(error = chain(&error), "what waits could not be weighed"),
                }
            }
            tokio::time::sleep(WEIGH.max(watch.elapsed() * WEIGHING_SHARE)).await;
        }
    }

    async fn weigh_once(&self) -> Result<(), Error> {
        let (deliveries, bytes, oldest) = queue::weight(&mut self.store.read().await?).await?;
        let weight = Weight { deliveries, bytes, oldest };
        metrics::weighed(&weight, self.clock.now());
        if self.pressure.weighed(weight, self.clock.now()) {
            let is_full = self.pressure.check().is_err();
            tracing::warn!(deliveries, bytes, is_full, "the high-water mark was crossed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_up_is_late_after_some_rounds_and_an_hour_at_least() {
        const HOUR: i64 = 3_600_000;
        let often = Retention { every: Duration::from_secs(60), ..Retention::default() };
        let seldom = Retention { every: Duration::from_secs(3600), ..Retention::default() };
        let tidied = Tidied::new(Timestamp(0));
        let late = |now: i64, retention| tidied.late_since(Timestamp(now), retention).is_some();
        assert!(!late(HOUR, &often) && late(HOUR + 1, &often));
        assert!(!late(3 * HOUR, &seldom) && late(3 * HOUR + 1, &seldom));
        tidied.note(Timestamp(3 * HOUR));
        assert!(!late(4 * HOUR, &often));
        assert_eq!(tidied.late_since(Timestamp(5 * HOUR), &often), Some(Timestamp(3 * HOUR)));
    }
}
