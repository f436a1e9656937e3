//! Carries out the board's actions: loads read open deliveries of a lane; steps hold, release or
//! cancel them; attempts are sent and recorded. Each action runs in a task of its own and reports
//! its result to the scheduler.

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
    board::{Input, OwnedLane},
    handle::Handle,
    lane::{Outgoing, Wanted},
    lease::Lease,
    rewind,
};
use crate::{
    domain::{
        health::{BreakerPolicy, Health},
        retry::{LoadSignal, RetryPolicy, Verdict, load_signal},
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        metrics,
        store::{
            Error, Store, bodies::Bodies, claim::Fence, finished::Recorded, lines::ReadRequest,
            queue::PageLimit, steps,
        },
    },
};

/// The wait before another try to record an outcome. The attempt keeps its permit meanwhile, so
/// that while the database is away, permits run out and sending stops.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// What the actions need. One per server, shared by all tasks.
pub struct Worker {
    pub store: Store,
    pub sender: Sender,
    pub clock: Clock,
    pub policy: RetryPolicy,
    pub breaker: BreakerPolicy,
    pub lease: Lease,
    pub bodies: Bodies,
    /// Limits concurrent loads: pages and the API use the same pool of connections.
    pub loads: Semaphore,
    /// The last outcome could not be recorded, and that has been logged.
    pub cannot_record: AtomicBool,
}

/// What a load reads.
pub struct LoadRequest {
    pub wanted: Wanted,
    /// The limit of one query: the deliveries that are already in memory plus those that the load
    /// may bring.
    pub window: PageLimit,
    pub ask: ReadRequest,
    pub now: Timestamp,
}

/// Sends its news to the scheduler when dropped, so that a task that panics still returns its
/// permit.
struct ReportOnDrop {
    handle: Handle,
    news: Option<Input>,
}

impl ReportOnDrop {
    fn new(handle: Handle, news: Input) -> Self {
        Self { handle, news: Some(news) }
    }

    fn set(&mut self, news: Input) {
        self.news = Some(news);
    }
}

impl Drop for ReportOnDrop {
    fn drop(&mut self) {
        if let Some(news) = self.news.take() {
            self.handle.send(news);
        }
    }
}

impl Worker {
    /// Reads a hook, its health, and the due deliveries that the request asks for.
    pub fn load(self: Arc<Self>, owned: OwnedLane, request: LoadRequest, handle: Handle) {
        tokio::spawn(async move {
            let mut report = ReportOnDrop::new(handle, Input::Loaded(owned, Err(Error::Closed)));
            let Ok(_permit) = self.loads.acquire().await else { return };
            let watch = self.clock.stopwatch();
            let span = debug_span!("lane.load", hook.id = %owned.hook);
            let page = self.page(owned.hook, request).instrument(span).await;
            metrics::loaded(watch.elapsed());
            report.set(Input::Loaded(owned, page.map(Box::new)));
        });
    }

    /// Holds, releases or cancels a bounded number of the hook's open deliveries, as its state
    /// requires.
    pub fn step(self: Arc<Self>, owned: OwnedLane, handle: Handle) {
        tokio::spawn(async move {
            let mut report = ReportOnDrop::new(handle, Input::Stepped(owned, Err(Error::Closed)));
            let (hook, clock) = (owned.hook, self.clock.clone());
            let step = self.store.write(move |conn| {
                Box::pin(async move { steps::step(conn, hook, clock.now()).await })
            });
            let stepped = step.await;
            report.set(Input::Stepped(owned, stepped));
        });
    }

    /// Corrects due times that were written while the clock was ahead.
    pub fn rewind(self: Arc<Self>, handle: Handle) {
        tokio::spawn(async move {
            let hooks = rewind::run(&self.store, &self.clock, self.breaker).await;
            if !hooks.is_empty() {
                handle.send(Input::More(hooks));
            }
        });
    }

    /// Sends a delivery once and records the outcome.
    pub fn attempt(self: Arc<Self>, outgoing: Outgoing, fence: Option<Fence>, handle: Handle) {
        tokio::spawn(async move {
            let (hook, delivery) = (outgoing.open.hook, outgoing.open.id);
            let owned = OwnedLane { hook, fence: fence.map(|fence| fence.number) };
            let retry_at = Some(self.clock.now().after(RECORD_AGAIN));
            let (due_at, health) = (retry_at, None);
            let unsent = Input::Finished { owned, delivery, was_sent: false, due_at, health };
            let mut finished = ReportOnDrop::new(handle.clone(), unsent);
            // A node whose lease expired (it was suspended, say) must not send: another node may
            // own the lane now.
            if fence.is_some_and(|fence| !self.lease.is_held(hook, fence.number)) {
                return;
            }
            let span = debug_span!("delivery.attempt", event.id = %outgoing.open.event,
                delivery.id = %delivery, hook.id = %hook);
            let report = self.sender.send(&outgoing.target, &outgoing.open).instrument(span).await;
            let longest = self.policy.longest_wait;
            let load_signal = load_signal(report.attempt.answer, report.retry_after, longest);
            let is_delivered = report.attempt.answer.is_success();
            let duration =
                Duration::from_millis(u64::try_from(report.attempt.duration_ms).unwrap_or(0));
            let report_ended = || {
                handle.send(Input::RequestEnded {
                    owned,
                    delivery,
                    load_signal,
                    is_delivered,
                    duration,
                });
            };
            // A failure keeps its slot until it is recorded. Otherwise the lane would start many
            // more attempts before the recorded failures pause the hook.
            let records_first = load_signal == LoadSignal::Neutral;
            if !records_first {
                report_ended();
                finished.set(Input::Finished { owned, delivery, was_sent: true, due_at, health });
            }
            metrics::attempted(report.attempt.answer, duration);
            let verdict = self.verdict(&outgoing, &report);
            // At debug level: one line per attempt is too much for the default log.
            tracing::debug!(
                event.id = %outgoing.open.event, delivery.id = %delivery, hook.id = %hook,
                attempt = report.attempt.number, outcome = report.attempt.answer.class(),
                duration_ms = report.attempt.duration_ms, "attempt"
            );
            let recorded = self.record(&outgoing, report, verdict, load_signal, fence).await;
            if recorded.as_ref().is_none_or(Recorded::is_off) {
                // The hook was switched off, or it is not known what was recorded: reload it.
                handle.send(Input::Changed(vec![hook]));
            }
            let (due_at, health) = self.consequence(verdict, recorded);
            if records_first {
                report_ended();
            }
            finished.set(Input::Finished { owned, delivery, was_sent: true, due_at, health });
        });
    }

    /// When the delivery is due again, and the hook's health if it may have changed.
    fn consequence(
        &self,
        verdict: Verdict,
        recorded: Option<Recorded>,
    ) -> (Option<Timestamp>, Option<Health>) {
        // The clock is read after recording, because it may have been set meanwhile.
        let now = self.clock.now();
        let due_at = verdict.wait().map(|wait| now.after(wait));
        match recorded {
            Some(Recorded::Stored { health, is_off: false }) => (due_at, health),
            Some(Recorded::Fenced | Recorded::Stored { .. }) => (due_at, None),
            // Possibly not recorded: then the attempt has to be repeated.
            None => (due_at.or(Some(now.after(RECORD_AGAIN))), None),
        }
    }
}
