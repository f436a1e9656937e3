//! Carries out a lane's orders: loads read its open deliveries, steps hold, release or cancel them, attempts are made
//! and recorded. Each runs in a task of its own and reports back to the scheduler.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;
use tracing::{Instrument, debug_span};

use super::{
    attempt::{Report, Sender, Target},
    board::{Held, News},
    lane::{Found, Given, Page, Wanted},
    lease::Lease,
    rewind,
    scheduler::Handle,
};
use crate::{
    domain::{
        delivery::{Attempt, State},
        health::{BreakerPolicy, Purpose},
        hook::Hook,
        id::{DeliveryId, HookId},
        retry::{Bearing, RetryPolicy, Tried, Verdict, bearing, judge},
        time::Timestamp,
    },
    engine::{
        clock::{Clock, random_share},
        metrics,
        store::{
            Conn, Error, Store,
            bodies::Bodies,
            claim::Fence,
            error::chain,
            health, hooks,
            lines::{self, Ask, Lines},
            listeners::Stance,
            outcomes::{Finished, Recorded},
            queue::{self, Kind, Open, Room},
        },
    },
};

/// The wait before another try to record an outcome. The attempt keeps its permit meanwhile: so while the database is
/// away, permits run out and nothing more is sent.
const RECORD_AGAIN: Duration = Duration::from_secs(1);
/// The longest wait where the reason is not the database's state, and may last.
const RECORD_SELDOM: Duration = Duration::from_secs(60);

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

/// Tells the scheduler something when dropped, so that a task that panics still gives its place back.
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
    pub fn load(self: Arc<Self>, held: Held, sought: Sought, handle: Handle) {
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

    async fn page(&self, id: HookId, sought: Sought) -> Result<Page, Error> {
        let Sought { wanted, window, ask, now } = sought;
        let bodies = &self.bodies;
        let conn = &mut self.store.read_for_lanes().await?;
        let Some((hook, secrets)) = hooks::load_with_secrets(conn, &self.store.vault, id).await? else {
            return Ok(Page { needs_step: queue::needs_step(conn, id, None).await?, ..Page::default() });
        };
        let health = health::of(conn, id).await?;
        let is_paused = health.paused.is_some();
        let is_open = hook.enabled && !is_paused;
        let stance = if is_open { Stance::Open } else { Stance::Off };
        let needs_step = queue::needs_step(conn, id, Some(stance)).await?;
        // The lines of a hook that keeps an order come first; what has no key is asked for again.
        let reads_lines = wanted.lines && is_open && hook.tuning.order_by.is_some();
        let lines = if reads_lines { Some(self.lines(conn, id, &ask, now).await?) } else { None };
        let mut search = Search { conn, store: &self.store, hook: &hook, now, is_open, window, bodies };
        let fresh = if wanted.fresh && !reads_lines { Some(search.find(Kind::First).await?) } else { None };
        // A hook that is not open sends tests only, and a test is never tried again.
        let seeks_again = wanted.again && is_open && !reads_lines;
        let again = if seeks_again { Some(search.find(Kind::Again).await?) } else { None };
        // The probe is the oldest held delivery: that is known only once the steps have held all of them.
        let probes = wanted.probe && is_paused && hook.enabled && !needs_step;
        let probe = if probes { search.probe().await? } else { None };
        let target = Target::new(hook, &secrets).ok_or(Error::Inconsistent { table: "hooks", column: "api_key" })?;
        Ok(Page { target: Some(Arc::new(target)), health, needs_step, fresh, again, lines, probe })
    }

    /// What a hook that keeps an order has open. Deliveries without a body are given up: what is behind them comes next.
    async fn lines(&self, conn: &mut Conn, hook: HookId, ask: &Ask, now: Timestamp) -> Result<Lines, Error> {
        let mut found = lines::read(conn, hook, ask, now, &self.bodies).await?;
        let mut bodiless = Vec::new();
        for line in &mut found.lines {
            bodiless.extend(line.due.extract_if(.., |open| !open.has_body()));
        }
        fail_bodiless(&self.store, &bodiless, now).await?;
        Ok(found)
    }

    /// Moves some of what a hook has open to where it belongs.
    pub fn step(self: Arc<Self>, held: Held, handle: Handle) {
        tokio::spawn(async move {
            let mut report = ReportOnDrop::new(handle, News::Stepped(held, Err(Error::Closed)));
            let (hook, clock) = (held.hook, self.clock.clone());
            let step =
                self.store.write(move |conn| Box::pin(async move { queue::step(conn, hook, clock.now()).await }));
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
            let held = Held { hook, fence: fence.map(|fence| fence.number) };
            let again = Some(self.clock.now().after(RECORD_AGAIN));
            let unsent = News::Finished { held, delivery, was_sent: false, due_at: again, health: None };
            let mut done = ReportOnDrop::new(handle.clone(), unsent);
            // A node that slept through its lease must not send what another may be sending.
            if fence.is_some_and(|fence| !self.lease.is_held(hook, fence.number)) {
                return;
            }
            let span =
                debug_span!("delivery.attempt", event.id = %given.open.event, delivery.id = %delivery, hook.id = %hook);
            let report = self.sender.send(&given.target, &given.open).instrument(span).await;
            let longest = self.policy.longest_wait;
            let bearing = bearing(report.attempt.answer, report.retry_after, longest);
            let is_delivered = report.attempt.answer.is_success();
            let tell_sent = || handle.tell(News::Sent { held, delivery, bearing, is_delivered });
            // A failure keeps its place in the window until it is recorded: otherwise the lane would send many more
            // before the recorded failures pause the hook.
            let is_counted_first = bearing == Bearing::Silent;
            if !is_counted_first {
                tell_sent();
                done.set(News::Finished { held, delivery, was_sent: true, due_at: again, health: None });
            }
            let took = Duration::from_millis(u64::try_from(report.attempt.duration_ms).unwrap_or(0));
            metrics::attempted(report.attempt.answer, took);
            let verdict = self.verdict(&given, &report);
            // One line per delivery is too much for the default log level; pauses and the like are logged above it.
            tracing::debug!(
                event.id = %given.open.event, delivery.id = %delivery, hook.id = %hook,
                attempt = report.attempt.number, outcome = report.attempt.answer.class(),
                duration_ms = report.attempt.duration_ms, "attempt"
            );
            let recorded = self.record(&given, report, verdict, bearing, fence).await;
            // Reckoned after the record: the clock may have been set meanwhile.
            let due_at = verdict.wait().map(|wait| self.clock.now().after(wait));
            let (due_at, health) = match recorded {
                Some(Recorded::Kept { health, is_off: false }) => (due_at, health),
                Some(Recorded::Refused) => (due_at, None),
                // The hook was switched off; or (`None`) the outcome is unknown here: have the lane read both again.
                Some(Recorded::Kept { is_off: true, .. }) | None => {
                    handle.tell(News::Changed(vec![hook]));
                    (due_at.or(again.filter(|_| recorded.is_none())), None)
                }
            };
            if is_counted_first {
                tell_sent();
            }
            done.set(News::Finished { held, delivery, was_sent: true, due_at, health });
        });
    }

    fn verdict(&self, given: &Given, report: &Report) -> Verdict {
        // Whoever sends a test waits for its answer: there is nothing to try later. And a test switches nothing off.
        if given.open.is_test {
            return if report.attempt.answer.is_success() { Verdict::Delivered } else { Verdict::Failed };
        }
        let tried = Tried {
            counted: given.open.attempts.saturating_sub(given.open.tries_before),
            uncounted: given.open.tries_before,
            is_probe: given.purpose == Purpose::Probe,
            answer: report.attempt.answer,
            retry_after: report.retry_after,
        };
        let schedule = given.target.hook.tuning.retry_schedule.as_deref().unwrap_or(&self.policy.schedule);
        judge(schedule, self.policy.longest_wait, &tried, random_share())
    }

    /// Records an attempt; while the database is away, tries again. `None`: what the database has is not known here.
    async fn record(
        &self,
        given: &Given,
        report: Report,
        verdict: Verdict,
        bearing: Bearing,
        fence: Option<Fence>,
    ) -> Option<Recorded> {
        let state = match verdict {
            Verdict::Delivered => State::Delivered,
            Verdict::RetryIn(_) | Verdict::PutOff(_) => State::Waiting,
            Verdict::Failed | Verdict::Gone => State::Failed,
        };
        let mut attempt = Arc::new(report.attempt);
        let finished = |attempt: &Arc<Attempt>| Finished {
            delivery: given.open.id,
            hook: given.open.hook,
            attempt: attempt.clone(),
            purpose: given.purpose,
            state,
            retry_in: verdict.wait(),
            is_extra: matches!(verdict, Verdict::PutOff(_)),
            asks: bearing.asks(),
            was_well: given.was_well,
            is_gone: verdict == Verdict::Gone,
            fence,
            policy: self.breaker,
            clock: self.clock.clone(),
        };
        let mut wait = RECORD_AGAIN;
        loop {
            let error = match self.store.finish(finished(&attempt)).await {
                Ok(Recorded::Refused) => {
                    metrics::came_late();
                    tracing::warn!(delivery.id = %given.open.id, "a late result was refused: the hook has another node");
                    return Some(Recorded::Refused);
                }
                Ok(recorded) => {
                    self.cannot_record.store(false, Ordering::Relaxed);
                    metrics::recorded(state);
                    return Some(recorded);
                }
                Err(error) => error,
            };
            // The row is there: an earlier try was committed although its answer was lost, or somebody else made the
            // same attempt. Either way it is on record.
            if matches!(error, Error::Exists) {
                return None;
            }
            // While nothing can be written, that is said once.
            if !error.may_pass() || !self.cannot_record.swap(true, Ordering::Relaxed) {
                tracing::error!(delivery.id = %given.open.id, error = chain(&error), "an attempt could not be recorded");
            }
            match attempt.bare() {
                // The database was not well; the outcome is kept until it is.
                _ if error.may_pass() => tokio::time::sleep(RECORD_AGAIN).await,
                // The database refuses the response text: record the outcome without it.
                Some(bare) if matches!(error, Error::Violated(_)) => attempt = Arc::new(bare),
                // The delivery is not there any more, or the program is shutting down: there is nothing to wait for.
                _ if matches!(error, Error::Missing | Error::Closed) => return None,
                // It would be sent again and again: rather it keeps its place, so that this is seen.
                _ => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RECORD_SELDOM);
                }
            }
        }
    }
}

/// Looks for what of a hook is due.
struct Search<'a> {
    conn: &'a mut Conn,
    store: &'a Store,
    hook: &'a Hook,
    now: Timestamp,
    is_open: bool,
    window: Room,
    bodies: &'a Bodies,
}

impl Search<'_> {
    /// What of one kind is due, and when the rest is.
    async fn find(&mut self, kind: Kind) -> Result<Found, Error> {
        let Self { conn, hook, now, is_open, window, bodies, .. } = self;
        let (due, is_full): (Vec<Open>, bool) = queue::due(conn, hook, kind, *now, !*is_open, *window, bodies).await?;
        let (due, bodiless): (Vec<Open>, Vec<Open>) = due.into_iter().partition(Open::has_body);
        fail_bodiless(self.store, &bodiless, *now).await?;
        let more_at = if is_full { Some(*now) } else { queue::next_due(conn, hook, kind, *now).await? };
        Ok(Found { due, more_at: more_at.filter(|_| *is_open) })
    }

    /// What a paused hook is probed with.
    async fn probe(&mut self) -> Result<Option<Open>, Error> {
        loop {
            match queue::probe(self.conn, self.hook, self.bodies).await? {
                Some(open) if !open.has_body() => fail_bodiless(self.store, &[open], self.now).await?,
                probe => return Ok(probe),
            }
        }
    }
}

/// Settles open deliveries whose event lost its body: an empty body must never be sent, and they must not wait for ever.
async fn fail_bodiless(store: &Store, bodiless: &[Open], now: Timestamp) -> Result<(), Error> {
    if bodiless.is_empty() {
        return Ok(());
    }
    let ids: Vec<DeliveryId> = bodiless.iter().map(|open| open.id).collect();
    tracing::warn!(deliveries = ids.len(), "open deliveries without a body are given up: retention removed it");
    store.write_alone(move |conn| Box::pin(async move { queue::give_up(conn, &ids, now).await })).await
}
