//! Weighing what waits, hook by hook: who has more than they may is told to
//! [`Pressure`](super::Pressure), and the figures are shown. It reads only, and however long the
//! backlog is, it takes a small part of the time.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

use super::Keeper;
use crate::{
    domain::id::HookId,
    engine::{
        clock::Stopwatch,
        metrics,
        pressure::Evaluated,
        store::{Error, error::chain, weight},
    },
};

/// How often what waits is weighed while there is anything.
const WEIGH: Duration = Duration::from_secs(2);
/// How often it is looked whether something waits although nothing came in here: other nodes accept
/// events too.
const LOOK: Duration = Duration::from_secs(30);
/// Weighing may take one part in so many of the time; that of a hook about which there is a
/// suspicion, more.
const SHARE: u32 = 100;
const SHARE_OF_SUSPECTS: u32 = 10;
/// The least time between two looks at suspects.
const BREATH: Duration = Duration::from_millis(100);

/// When a hook with a long queue was last counted, and how long that took.
type Counted = HashMap<HookId, (Stopwatch, Duration)>;

impl Keeper {
    /// Weighs what waits; and tries whether a database that took nothing does again.
    pub(in crate::engine) async fn weigh(self) {
        let mut counted = Counted::new();
        let mut looked = None::<Stopwatch>;
        loop {
            let fails = self.store.failing().is_some_and(|failing| !failing.has_reserve);
            if fails
                && self.store.try_writing().await.is_ok()
                // With the reserve released, a small write that succeeds proves nothing.
                && self.store.failing().is_none()
            {
                tracing::info!("the database can be written again");
            }
            let watch = self.clock.stopwatch();
            if self.pressure.wants_weighing()
                || looked.is_none_or(|looked| looked.elapsed() >= LOOK)
            {
                looked = Some(watch);
                self.note(self.weigh_all(&mut counted).await);
            }
            let (pause, resting) = (WEIGH.max(watch.elapsed() * SHARE), self.clock.stopwatch());
            // What came in meanwhile may be more than a hook may have: that is not left until then.
            while tokio::time::timeout(
                pause.saturating_sub(resting.elapsed()),
                self.pressure.suspicion(),
            )
            .await
            .is_ok()
            {
                self.weigh_suspects(&mut counted).await;
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    fn note(&self, weighed: Result<(), Error>) {
        match weighed {
            Ok(()) => self.evaluate(),
            Err(error) => tracing::warn!(error = chain(&error), "what waits could not be weighed"),
        }
    }

    /// All hooks, those with long queues only as often as their length allows.
    async fn weigh_all(&self, counted: &mut Counted) -> Result<(), Error> {
        let mut next = Some(HookId(Uuid::nil()));
        self.pressure.begin();
        while let Some(after) = next {
            let (some, more) = weight::some(&mut self.store.read().await?, after).await?;
            for weighed in some {
                if weighed.is_more {
                    self.count_all(weighed.hook, counted, SHARE).await?;
                } else {
                    counted.remove(&weighed.hook);
                    self.pressure.weighed(weighed.hook, weighed.weight);
                }
            }
            next = more;
        }
        Ok(())
    }

    /// Counts all of a hook's queue, unless that was done so lately that it would take too much of
    /// the time.
    async fn count_all(
        &self,
        hook: HookId,
        counted: &mut Counted,
        share: u32,
    ) -> Result<(), Error> {
        if counted.get(&hook).is_some_and(|(at, took)| at.elapsed() < *took * share) {
            return Ok(());
        }
        let watch = self.clock.stopwatch();
        let weight = weight::of(&mut self.store.read().await?, hook).await?;
        counted.insert(hook, (self.clock.stopwatch(), watch.elapsed()));
        self.pressure.weighed(hook, weight);
        Ok(())
    }

    /// Counts what still waits for the hooks for which more came than they may have.
    async fn weigh_suspects(&self, counted: &mut Counted) {
        self.pressure.begin();
        for hook in self.pressure.suspects() {
            let weighed = self.count_all(hook, counted, SHARE_OF_SUSPECTS).await;
            self.note(weighed);
        }
    }

    fn evaluate(&self) {
        let now = self.clock.now();
        let Evaluated { all, is_crossed, turns } = self.pressure.evaluate(now);
        metrics::weighed(&all, now);
        metrics::full(self.pressure.full().len());
        for (hook, overflow) in turns {
            match overflow {
                Some(overflow) => {
                    tracing::warn!(hook.id = %hook, reason = overflow.reason(),
                        "new events of a hook are skipped");
                }
                None => tracing::info!(hook.id = %hook, "a hook's queue has room again"),
            }
        }
        if is_crossed {
            let is_full = self.pressure.check().is_err();
            let (deliveries, bytes) = (all.deliveries, all.bytes);
            tracing::warn!(
                deliveries,
                bytes,
                is_full,
                "the high-water mark for all hooks was crossed"
            );
        }
    }
}
