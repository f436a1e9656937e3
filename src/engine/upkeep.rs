//! Background maintenance of the engine: removes expired data, counts the backlog, and looks after
//! the database files.

mod backlog;
mod disk_full;
mod monitor;

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
        measured::{self, Expired},
        retention::{self, Part, Sweep},
    },
};
use crate::domain::{
    id::{HookId, first_at},
    measured::Hour,
    time::Timestamp,
};

/// After each step, a clean-up sleeps for this many times the duration of the step, so that it
/// takes a small share of the database.
const YIELD_FACTOR: u32 = 4;
/// Every so many rounds, a full sweep scans events again that were blocked by an open delivery.
/// Rounds in between scan only events that have expired since.
const FULL_SWEEP_EVERY: u32 = 12;

/// How long hourly counts are kept: the longest chart shows 30 days.
const MEASURED_HOURS: i64 = 31 * 24;

/// How often a node that is not the leader checks whether it has become the leader.
const LEADER_POLL: Duration = Duration::from_secs(1);

/// A clean-up is late after so many intervals, and after at least [`MIN_LATE`].
const LATE_ROUNDS: u32 = 3;
const MIN_LATE: Duration = Duration::from_secs(3600);

/// When the last clean-up completed. Cheap to clone; clones share it.
#[derive(Clone)]
pub(super) struct LastCleanup(Arc<AtomicI64>);

impl LastCleanup {
    pub(super) fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    fn note(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    /// When the last clean-up completed, if the next one is late.
    pub(super) fn late_since(&self, now: Timestamp, retention: &Retention) -> Option<Timestamp> {
        let last = Timestamp(self.0.load(Ordering::Relaxed));
        (last.until(now) > MIN_LATE.max(retention.every.saturating_mul(LATE_ROUNDS)))
            .then_some(last)
    }
}

/// Is this node the leader? Of the nodes that share a database only the leader cleans up. Another
/// node takes over when its heartbeat stops.
pub(super) type LeaderCheck = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the maintenance tasks need.
#[derive(Clone)]
pub(super) struct Maintenance {
    pub store: Store,
    pub clock: Clock,
    pub retention: Retention,
    /// See [`Config`](super::dispatcher::Config).
    pub expiring: &'static [Expiring],
    pub pressure: Pressure,
    pub last_cleanup: LastCleanup,
    pub is_leader: LeaderCheck,
    /// Set while the master key of this process does not fit the database.
    pub has_wrong_key: Arc<AtomicBool>,
}

impl Maintenance {
    /// Removes expired data in rounds, until the store is closed.
    pub(super) async fn prune(self) {
        let mut swept = SweptBodies::default();
        for round in 0u32.. {
            while !(self.is_leader)() {
                // The leader cleans up. It may not have come as far as this node did.
                swept = SweptBodies::default();
                self.last_cleanup.note(self.clock.now());
                tokio::time::sleep(LEADER_POLL).await;
            }
            match self.prune_once(&mut swept, round.is_multiple_of(FULL_SWEEP_EVERY)).await {
                Ok(()) => self.last_cleanup.note(self.clock.now()),
                Err(Error::Closed) => return,
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    "failed to remove old rows; \
                                                                     trying again later"
                ),
            }
            self.return_space().await;
            self.pause().await;
        }
    }

    /// One round: removes what has expired now.
    async fn prune_once(&self, swept: &mut SweptBodies, is_full_sweep: bool) -> Result<(), Error> {
        let now = self.clock.now();
        for table in self.expiring.iter().copied().chain([expired::IDEMPOTENCY]) {
            self.expire(table, now).await?;
        }
        let (bodies, rows) =
            (now.before(self.retention.payloads), now.before(self.retention.deliveries));
        let from = if is_full_sweep { swept.first_blocked } else { swept.until };
        let first_blocked = self.sweep(Sweep::payloads(from), bodies).await?;
        if is_full_sweep {
            swept.first_blocked = Some(first_blocked.unwrap_or(first_at(bodies)));
        } else {
            swept.first_blocked = swept.first_blocked.into_iter().chain(first_blocked).min();
        }
        swept.until = Some(first_at(bodies));
        // Events can be removed only after their deliveries.
        self.sweep(Sweep::DELIVERIES, rows).await?;
        self.sweep(Sweep::EVENTS, rows).await?;
        if is_full_sweep {
            self.sweep(Sweep::AUDIT, now.before(self.retention.audit)).await?;
            self.expire_hours(now).await?;
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
            tokio::time::sleep(watch.elapsed() * YIELD_FACTOR).await;
        }
    }

    /// Deletes hourly counts that are older than the longest chart.
    async fn expire_hours(&self, now: Timestamp) -> Result<(), Error> {
        let oldest_kept = Hour::of(now).back(MEASURED_HOURS);
        let mut next = Some(HookId(Uuid::nil()));
        while let Some(after) = next {
            let (steps, more) =
                measured::find_expired(&mut self.store.read().await?, after, oldest_kept).await?;
            for mut step in steps {
                loop {
                    let watch = self.clock.stopwatch();
                    let next_step: Result<Option<Expired>, Error> = self
                        .store
                        .write(move |conn| {
                            Box::pin(measured::delete_expired(conn, step, oldest_kept))
                        })
                        .await;
                    match next_step? {
                        Some(next) => step = next,
                        None => break,
                    }
                    tokio::time::sleep(watch.elapsed() * YIELD_FACTOR).await;
                }
            }
            next = more;
        }
        Ok(())
    }

    /// Scans rows older than `before` and removes those that may go. Returns where the first
    /// blocked row is.
    async fn sweep(&self, sweep: Sweep, before: Timestamp) -> Result<Option<Uuid>, Error> {
        let (mut next, mut first_blocked, mut total) = (Some(sweep), None, 0);
        while let Some(sweep) = next {
            let watch = self.clock.stopwatch();
            // The read connection is returned to the pool first: the removal uses the writer.
            let scan = retention::scan(&mut self.store.read().await?, sweep, before).await?;
            tokio::time::sleep(watch.elapsed() * YIELD_FACTOR).await;
            first_blocked = first_blocked.or(scan.first_blocked);
            for part in scan.parts {
                let (rows, retry_from) = self.remove(part).await?;
                first_blocked = first_blocked.into_iter().chain(retry_from).min();
                total += rows;
            }
            next = scan.next;
        }
        if total > 0 {
            tracing::info!(rows = total, ?sweep, "removed rows past their retention period");
        }
        Ok(first_blocked)
    }

    /// Removes a part. Returns how many rows were removed, and where to scan again if some were
    /// skipped.
    async fn remove(&self, part: Part) -> Result<(u64, Option<Uuid>), Error> {
        let (shard, now, watch) = (self.store.shard(), self.clock.now(), self.clock.stopwatch());
        // In a transaction of its own, because it locks rows that other nodes lock too.
        let removed: Result<(u64, Option<Uuid>), Error> = self
            .store
            .write_alone(move |conn| {
                Box::pin(async move {
                    let rows = retention::remove(conn, &part, shard, now).await?;
                    Ok((rows, part.retry_from(rows)))
                })
            })
            .await;
        let (rows, retry_from) = removed?;
        metrics::pruned(rows);
        tokio::time::sleep(watch.elapsed() * YIELD_FACTOR).await;
        Ok((rows, retry_from))
    }
}

/// How far the sweep over bodies has come, as ids, which sort by creation time.
#[derive(Default)]
struct SweptBodies {
    /// Everything older was scanned.
    until: Option<Uuid>,
    /// The first event that was blocked by an open delivery.
    first_blocked: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_up_is_late_after_three_intervals_and_at_least_an_hour() {
        const HOUR: i64 = 3_600_000;
        let often = Retention { every: Duration::from_secs(60), ..Retention::default() };
        let seldom = Retention { every: Duration::from_secs(3600), ..Retention::default() };
        let last_cleanup = LastCleanup::new(Timestamp(0));
        let late =
            |now: i64, retention| last_cleanup.late_since(Timestamp(now), retention).is_some();
        assert!(!late(HOUR, &often) && late(HOUR + 1, &often));
        assert!(!late(3 * HOUR, &seldom) && late(3 * HOUR + 1, &seldom));
        last_cleanup.note(Timestamp(3 * HOUR));
        assert!(!late(4 * HOUR, &often));
        assert_eq!(last_cleanup.late_since(Timestamp(5 * HOUR), &often), Some(Timestamp(3 * HOUR)));
    }
}
