//! What the engine does for itself now and then: removes what is too old, and weighs what waits.

use std::time::Duration;

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

/// See the module.
#[derive(Clone)]
pub(super) struct Keeper {
    pub store: Store,
    pub clock: Clock,
    pub retention: Retention,
    pub pressure: Pressure,
}

impl Keeper {
    /// Removes what is too old, until the store is closed.
    pub(super) async fn prune(self) {
        let mut swept_until = None;
        for round in 0u32.. {
            let starts_over = round.is_multiple_of(START_OVER);
            let pruned = match self.prune_once(swept_until.filter(|_| !starts_over)).await {
                Ok(until) if starts_over => self.forget_hours().await.map(|()| until),
                pruned => pruned,
            };
            match pruned {
                Ok(until) => swept_until = Some(until),
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

    /// Weighs what waits, as long as there is a reason to.
    pub(super) async fn weigh(self) {
        loop {
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
