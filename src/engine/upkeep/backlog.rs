//! Counts the backlog of each hook, gives it to [`Pressure`](super::Pressure), which applies the
//! limits, and updates the metrics. It only reads, and takes a small share of the time however long
//! the backlog is.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

use super::Maintenance;
use crate::{
    domain::id::HookId,
    engine::{
        clock::Stopwatch,
        metrics,
        pressure::Evaluated,
        store::{Error, backlog, error::chain},
    },
};

/// How often the backlog is counted while it is not empty.
const COUNT_INTERVAL: Duration = Duration::from_secs(2);
/// How often the backlog is counted although nothing was accepted here: other nodes accept events
/// too.
const POLL_INTERVAL: Duration = Duration::from_secs(30);
/// Counting takes at most 1/100 of the time; counting hooks that may be over their limit, 1/10.
const TIME_SHARE: u32 = 100;
const SUSPECT_TIME_SHARE: u32 = 10;
/// The shortest pause between two counts of suspects.
const SUSPECT_PAUSE: Duration = Duration::from_millis(100);

/// When a hook with a long queue was last counted, and how long that took.
type LastCounts = HashMap<HookId, (Stopwatch, Duration)>;

impl Maintenance {
    /// Counts the backlog in passes. Also tests whether a database that failed can be written
    /// again.
    pub(in crate::engine) async fn watch_backlog(self) {
        let mut last_counts = LastCounts::new();
        let mut last_pass = None::<Stopwatch>;
        loop {
            let is_failing = self.store.failing().is_some_and(|failing| !failing.has_reserve);
            if is_failing
                && self.store.try_writing().await.is_ok()
                // While the reserve is released, a small write that succeeds proves nothing.
                && self.store.failing().is_none()
            {
                tracing::info!("the database accepts writes again");
            }
            let watch = self.clock.stopwatch();
            if self.pressure.needs_count()
                || last_pass.is_none_or(|last_pass| last_pass.elapsed() >= POLL_INTERVAL)
            {
                last_pass = Some(watch);
                self.evaluate_after(self.count_hooks(&mut last_counts).await);
            }
            let (pause, since_pass) =
                (COUNT_INTERVAL.max(watch.elapsed() * TIME_SHARE), self.clock.stopwatch());
            // Accepts may push a hook over its limit between two passes, so suspects are counted at
            // once.
            while tokio::time::timeout(
                pause.saturating_sub(since_pass.elapsed()),
                self.pressure.wait_for_suspect(),
            )
            .await
            .is_ok()
            {
                self.count_suspects(&mut last_counts).await;
                tokio::time::sleep(SUSPECT_PAUSE).await;
            }
        }
    }

    /// Evaluates the limits after a successful count.
    fn evaluate_after(&self, counted: Result<(), Error>) {
        match counted {
            Ok(()) => self.evaluate(),
            Err(error) => tracing::warn!(error = chain(&error), "failed to measure the backlog"),
        }
    }

    /// Counts all hooks. Hooks with long queues are counted less often, as their share of the time
    /// allows.
    async fn count_hooks(&self, last_counts: &mut LastCounts) -> Result<(), Error> {
        let mut next = Some(HookId(Uuid::nil()));
        self.pressure.begin_count();
        while let Some(after) = next {
            let (hooks, more) = backlog::page(&mut self.store.read().await?, after).await?;
            for hook in hooks {
                if hook.is_more {
                    self.count_hook(hook.hook, last_counts, TIME_SHARE).await?;
                } else {
                    last_counts.remove(&hook.hook);
                    self.pressure.set_backlog(hook.hook, hook.backlog);
                }
            }
            next = more;
        }
        Ok(())
    }

    /// Counts the whole queue of a hook, unless it was counted so recently that this would exceed
    /// its share of the time.
    async fn count_hook(
        &self,
        hook: HookId,
        last_counts: &mut LastCounts,
        share: u32,
    ) -> Result<(), Error> {
        if last_counts.get(&hook).is_some_and(|(at, took)| at.elapsed() < *took * share) {
            return Ok(());
        }
        let watch = self.clock.stopwatch();
        let backlog = backlog::total(&mut self.store.read().await?, hook).await?;
        last_counts.insert(hook, (self.clock.stopwatch(), watch.elapsed()));
        self.pressure.set_backlog(hook, backlog);
        Ok(())
    }

    /// Counts the hooks that may be over their limit.
    async fn count_suspects(&self, last_counts: &mut LastCounts) {
        self.pressure.begin_count();
        for hook in self.pressure.suspects() {
            let counted = self.count_hook(hook, last_counts, SUSPECT_TIME_SHARE).await;
            self.evaluate_after(counted);
        }
    }

    /// Applies the limits to the counts, updates the metrics and logs what changed.
    fn evaluate(&self) {
        let now = self.clock.now();
        let Evaluated { total, has_crossed, changes } = self.pressure.evaluate(now);
        metrics::backlog(&total, now);
        metrics::full_hooks(self.pressure.full().len());
        for (hook, overflow) in changes {
            match overflow {
                Some(overflow) => {
                    tracing::warn!(hook.id = %hook, reason = overflow.reason(),
                        "the queue of a hook is full; its new events are skipped");
                }
                None => tracing::info!(hook.id = %hook, "the queue of a hook has space again"),
            }
        }
        if has_crossed {
            let is_full = self.pressure.check().is_err();
            let (deliveries, bytes) = (total.deliveries, total.bytes);
            tracing::warn!(
                deliveries,
                bytes,
                is_full,
                "the backlog of all hooks crossed the limit"
            );
        }
    }
}
