//! Carries out a lane's orders: loads read its open deliveries, steps hold, release or cancel them,
//! attempts are made and recorded. Each runs in a task of its own and reports back to the
//! scheduler.

mod page;
mod record;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::sync::Semaphore;
use tracing::{Instrument, debug_span};

use super::{
    attempt::Sender,
    board::{News, OwnedLane},
    handle::Handle,
    lane::{Given, Wanted},
    lease::Lease,
    rewind,
};
use crate::{
    domain::{
        health::{BreakerPolicy, Health},
        retry::{Bearing, RetryPolicy, Verdict, bearing},
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        metrics,
        store::{
            Error, Store, bodies::Bodies, claim::Fence, finished::Recorded, lines::Ask,
            queue::Room, steps,
        },
    },
};

/// The wait before another try to record an outcome. The attempt keeps its permit meanwhile: so
/// while the database is away, permits run out and nothing more is sent.
const RECORD_AGAIN: Duration = Duration::from_secs(1);
/// What the tasks need.
pub struct Worker {
    pub store: Store,
    pub sender: Sender,
    pub clock: Clock,
    pub policy: RetryPolicy,
    pub breaker: BreakerPolicy,
    pub lease: Lease,
    pub bodies: Bodies,
    /// Loads that run at once: the pages and the API read from the same connections.
    pub loads: Semaphore,
    /// The last result could not be recorded, and that is in the log.
    pub cannot_record: AtomicBool,
}

/// What a load looks for.
pub struct Sought {
    pub wanted: Wanted,
    /// What it may meet: what is in memory already, and what it may bring.
    pub window: Room,
    pub ask: Ask,
    pub now: Timestamp,
}

/// Tells the scheduler something when dropped, so that a task that panics still gives its place
/// back.
struct ReportOnDrop {
    handle: Handle,
    news: Option<News>,
}

impl ReportOnDrop {
    fn new(handle: Handle, news: News) -> Self {
        Self { handle, news: Some(news) }
    }

    fn set(&mut self, news: News) {
        self.news = Some(news);
    }
}

impl Drop for ReportOnDrop {
    fn drop(&mut self) {
        if let Some(news) = self.news.take() {
            self.handle.tell(news);
        }
    }
}

impl Worker {
    /// Reads a hook and what of it is due, for the shelves that want it.
    pub fn load(self: Arc<Self>, held: OwnedLane, sought: Sought, handle: Handle) {
        tokio::spawn(async move {
            let mut report = ReportOnDrop::new(handle, News::Loaded(held, Err(Error::Closed)));
            let Ok(_turn) = self.loads.acquire().await else { return };
            let watch = self.clock.stopwatch();
            let span = debug_span!("lane.load", hook.id = %held.hook);
            let page = self.page(held.hook, sought).instrument(span).await;
            metrics::loaded(watch.elapsed());
            report.set(News::Loaded(held, page.map(Box::new)));
        });
    }

    /// Moves some of what a hook has open to where it belongs.
    pub fn step(self: Arc<Self>, held: OwnedLane, handle: Handle) {
        tokio::spawn(async move {
            let mut report = ReportOnDrop::new(handle, News::Stepped(held, Err(Error::Closed)));
            let (hook, clock) = (held.hook, self.clock.clone());
            let step = self.store.write(move |conn| {
                Box::pin(async move { steps::step(conn, hook, clock.now()).await })
            });
            let stepped = step.await;
            report.set(News::Stepped(held, stepped));
        });
    }

    /// Moves back what was put off by a clock that was ahead.
    pub fn rewind(self: Arc<Self>, handle: Handle) {
        tokio::spawn(async move {
            let hooks = rewind::run(&self.store, &self.clock, self.breaker).await;
            if !hooks.is_empty() {
                handle.tell(News::More(hooks));
            }
        });
    }

    /// Sends a delivery once and records what came of it.
    pub fn attempt(self: Arc<Self>, given: Given, fence: Option<Fence>, handle: Handle) {
        tokio::spawn(async move {
            let (hook, delivery) = (given.open.hook, given.open.id);
            let held = OwnedLane { hook, fence: fence.map(|fence| fence.number) };
            let again = Some(self.clock.now().after(RECORD_AGAIN));
            let unsent =
                News::Finished { held, delivery, was_sent: false, due_at: again, health: None };
            let mut done = ReportOnDrop::new(handle.clone(), unsent);
            // A node that slept through its lease must not send what another may be sending.
            if fence.is_some_and(|fence| !self.lease.is_held(hook, fence.number)) {
                return;
            }
            let span = debug_span!("delivery.attempt", event.id = %given.open.event,
                delivery.id = %delivery, hook.id = %hook);
            let report = self.sender.send(&given.target, &given.open).instrument(span).await;
            let longest = self.policy.longest_wait;
            let bearing = bearing(report.attempt.answer, report.retry_after, longest);
            let is_delivered = report.attempt.answer.is_success();
            let took =
                Duration::from_millis(u64::try_from(report.attempt.duration_ms).unwrap_or(0));
            let tell_sent =
                || handle.tell(News::Sent { held, delivery, bearing, is_delivered, took });
            // A failure keeps its place in the window until it is recorded: otherwise the lane
            // would send many more before the recorded failures pause the hook.
            let is_counted_first = bearing == Bearing::Silent;
            if !is_counted_first {
                tell_sent();
                done.set(News::Finished {
                    held,
                    delivery,
                    was_sent: true,
                    due_at: again,
                    health: None,
                });
            }
            metrics::attempted(report.attempt.answer, took);
            let verdict = self.verdict(&given, &report);
            // One line per delivery is too much for the default log level; pauses and the like are
            // logged above it.
            tracing::debug!(
                event.id = %given.open.event, delivery.id = %delivery, hook.id = %hook,
                attempt = report.attempt.number, outcome = report.attempt.answer.class(),
                duration_ms = report.attempt.duration_ms, "attempt"
            );
            let recorded = self.record(&given, report, verdict, bearing, fence).await;
            if recorded.as_ref().is_none_or(Recorded::is_off) {
                // It was switched off, or its state is unknown here: the lane reads it again.
                handle.tell(News::Changed(vec![hook]));
            }
            let (due_at, health) = self.consequence(verdict, recorded);
            if is_counted_first {
                tell_sent();
            }
            done.set(News::Finished { held, delivery, was_sent: true, due_at, health });
        });
    }

    /// When the delivery is due again, and how its hook stands if that may have changed.
    fn consequence(
        &self,
        verdict: Verdict,
        recorded: Option<Recorded>,
    ) -> (Option<Timestamp>, Option<Health>) {
        // Computed after the record: the clock may have been set meanwhile.
        let now = self.clock.now();
        let due_at = verdict.wait().map(|wait| now.after(wait));
        match recorded {
            Some(Recorded::Kept { health, is_off: false }) => (due_at, health),
            Some(Recorded::Refused | Recorded::Kept { .. }) => (due_at, None),
            // Perhaps it was not recorded, and is to be made again.
            None => (due_at.or(Some(now.after(RECORD_AGAIN))), None),
        }
    }
}
