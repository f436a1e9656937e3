//! What the engine does for itself now and then: removes what is too old, weighs what waits, and
//! looks after its files.

mod room;
mod tend;
mod weigh;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;

use super::{
    clock::Clock,
    config::Retention,
    metrics,
    pressure::Pressure,
    store::{
        Error, Store,
        error::chain,
        expired::{self, Expiring},
        measured::{self, Old},
        retention::{self, Part, Sweep},
    },
};
use crate::domain::{
    id::{HookId, first_at},
    measured::Hour,
    time::Timestamp,
};

/// After a step of a clean-up nothing is cleaned for this many times as long as it took: others
/// come first.
const YIELD: u32 = 4;
/// Every so many rounds the events are looked at again that had to stay when it was their turn,
/// because something of them was open. In between only those are that have come of age since.
const START_OVER: u32 = 12;

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

/// Whether it is this server that cleans up. Of several that share a database only one does;
/// another takes over when that falls silent.
pub(super) type Duty = Arc<dyn Fn() -> bool + Send + Sync>;

/// See the module.
#[derive(Clone)]
pub(super) struct Keeper {
    pub store: Store,
    pub clock: Clock,
    pub retention: Retention,
    /// See [`Config`](super::dispatcher::Config).
    pub expiring: &'static [Expiring],
    pub pressure: Pressure,
    pub tidied: Tidied,
    pub is_on_duty: Duty,
    /// Where it is noted whether the master key fits the database.
    pub has_wrong_key: Arc<AtomicBool>,
}

impl Keeper {
    /// Removes what is too old, until the store is closed.
    pub(super) async fn prune(self) {
        let mut swept = Swept::default();
        for round in 0u32.. {
            while !(self.is_on_duty)() {
                // Another does it, and has perhaps not come as far as this one did.
                swept = Swept::default();
                self.tidied.note(self.clock.now());
                tokio::time::sleep(OFF_DUTY).await;
            }
            match self.prune_once(&mut swept, round.is_multiple_of(START_OVER)).await {
                Ok(()) => self.tidied.note(self.clock.now()),
                Err(Error::Closed) => return,
                Err(error) => tracing::warn!(error = chain(&error), "old rows stay for now"),
            }
            self.give_back().await;
            self.rest().await;
        }
    }

    /// Removes what is too old now.
    async fn prune_once(&self, swept: &mut Swept, starts_over: bool) -> Result<(), Error> {
        let now = self.clock.now();
        for table in self.expiring.iter().copied().chain([expired::IDEMPOTENCY]) {
            self.expire(table, now).await?;
        }
        let (bodies, rows) =
            (now.before(self.retention.payloads), now.before(self.retention.deliveries));
        let from = if starts_over { swept.stays } else { swept.until };
        let stays = self.sweep(Sweep::payloads(from), bodies).await?;
        if starts_over {
            swept.stays = Some(stays.unwrap_or(first_at(bodies)));
        } else {
            swept.stays = swept.stays.into_iter().chain(stays).min();
        }
        swept.until = Some(first_at(bodies));
        // An event goes after its deliveries.
        self.sweep(Sweep::DELIVERIES, rows).await?;
        self.sweep(Sweep::EVENTS, rows).await?;
        if starts_over {
            self.sweep(Sweep::AUDIT, now.before(self.retention.audit)).await?;
            self.forget_hours(now).await?;
        }
        Ok(())
    }

    async fn expire(&self, table: Expiring, now: Timestamp) -> Result<(), Error> {
        loop {
            let watch = self.clock.stopwatch();
            let rows: Result<u64, Error> = self
                .store
                .write_alone(move |conn| Box::pin(expired::sweep(conn, table, now)))
                .await;
            if rows? < expired::STEP as u64 {
                return Ok(());
            }
            tokio::time::sleep(watch.elapsed() * YIELD).await;
        }
    }

    /// Hours beyond the longest chart.
    async fn forget_hours(&self, now: Timestamp) -> Result<(), Error> {
        let kept = Hour::of(now).back(MEASURED_HOURS);
        let mut next = Some(HookId(Uuid::nil()));
        while let Some(after) = next {
            let (old, more) = measured::old(&mut self.store.read().await?, after, kept).await?;
            for mut old in old {
                loop {
                    let watch = self.clock.stopwatch();
                    let forgotten: Result<Option<Old>, Error> = self
                        .store
                        .write(move |conn| Box::pin(measured::forget(conn, old, kept)))
                        .await;
                    match forgotten? {
                        Some(more) => old = more,
                        None => break,
                    }
                    tokio::time::sleep(watch.elapsed() * YIELD).await;
                }
            }
            next = more;
        }
        Ok(())
    }

    /// Looks through what is older than `before` and removes what may go. Says what was the first
    /// that may not, although it is old enough.
    async fn sweep(&self, sweep: Sweep, before: Timestamp) -> Result<Option<Uuid>, Error> {
        let (mut next, mut stays, mut all) = (Some(sweep), None, 0);
        while let Some(sweep) = next {
            let watch = self.clock.stopwatch();
            // The connection goes back at once: what is removed is written by another.
            let look = retention::look(&mut self.store.read().await?, sweep, before).await?;
            tokio::time::sleep(watch.elapsed() * YIELD).await;
            stays = stays.or(look.stays);
            for part in look.parts {
                let (rows, left) = self.remove(part).await?;
                stays = stays.into_iter().chain(left).min();
                all += rows;
            }
            next = look.next;
        }
        if all > 0 {
            tracing::info!(rows = all, ?sweep, "removed what is past its retention");
        }
        Ok(stays)
    }

    /// Says how much went, and where to look again when not all of it did.
    async fn remove(&self, part: Part) -> Result<(u64, Option<Uuid>), Error> {
        let (shard, now, watch) = (self.store.shard(), self.clock.now(), self.clock.stopwatch());
        // Alone, because it locks rows that other servers lock too.
        let removed: Result<(u64, Option<Uuid>), Error> = self
            .store
            .write_alone(move |conn| {
                Box::pin(async move {
                    let rows = retention::remove(conn, &part, shard, now).await?;
                    Ok((rows, part.left(rows)))
                })
            })
            .await;
        let (rows, left) = removed?;
        metrics::pruned(rows);
        tokio::time::sleep(watch.elapsed() * YIELD).await;
        Ok((rows, left))
    }
}

/// How far the bodies were looked through: ids, which sort by birth.
#[derive(Default)]
struct Swept {
    /// What is older was looked at.
    until: Option<Uuid>,
    /// The first of those that had to stay, because something of it was open.
    stays: Option<Uuid>,
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
