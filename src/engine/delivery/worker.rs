//! The two things a lane needs done elsewhere: reading its open deliveries, and making and recording an attempt. Each
//! runs in a task of its own and reports back to the scheduler.

use std::{sync::Arc, time::Duration};

use super::{
    attempt::{Report, Sender, Target},
    lane::{Found, Page, Wanted},
    scheduler::{Handle, Message},
};
use crate::{
    domain::{
        delivery::State,
        hook::Hook,
        id::HookId,
        permission::{Actor, Permission},
        retry::{RetryPolicy, Verdict, judge},
        time::Timestamp,
    },
    engine::{
        clock::{Clock, random_share},
        store::{
            Conn, Error, Store, audit, deliveries,
            deliveries::{Finished, Kind, Open},
            error::chain,
            hooks,
        },
    },
};

/// While a result cannot be recorded it is tried again this often: its slot stays taken, so that nothing is sent whose
/// outcome would be forgotten.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// What the tasks need.
pub struct Worker {
    pub store: Store,
    pub sender: Sender,
    pub clock: Clock,
    pub policy: RetryPolicy,
}

/// Tells the scheduler something when dropped, so that a task that panics still gives its place back.
struct OnDrop {
    handle: Handle,
    message: Option<Message>,
}

impl OnDrop {
    fn new(handle: Handle, message: Message) -> Self {
        Self { handle, message: Some(message) }
    }

    fn will_say(&mut self, message: Message) {
        self.message = Some(message);
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.handle.tell(message);
        }
    }
}

impl Worker {
    /// Reads a hook and what of it is due, for the shelves that want it.
    pub fn load(self: Arc<Self>, hook: HookId, now: Timestamp, wanted: Wanted, limit: usize, handle: Handle) {
        tokio::spawn(async move {
            let mut report = OnDrop::new(handle, Message::Loaded(hook, Err(Error::Closed)));
            let page = self.page(hook, now, wanted, limit).await;
            report.will_say(Message::Loaded(hook, page));
        });
    }

    async fn page(&self, id: HookId, now: Timestamp, wanted: Wanted, limit: usize) -> Result<Page, Error> {
        let mut conn = self.store.read().await?;
        let Some(hook) = hooks::load(&mut conn, id).await? else {
            return Ok(Page { target: None, fresh: None, again: None });
        };
        let is_on = hook.enabled;
        let fresh = if wanted.fresh { Some(found(&mut conn, &hook, Kind::First, now, limit).await?) } else { None };
        // A hook that is off sends tests only, and a test is never tried again.
        let reads_again = wanted.again && is_on;
        let again = if reads_again { Some(found(&mut conn, &hook, Kind::Again, now, limit).await?) } else { None };
        let secrets = hooks::secrets(&mut conn, &self.store.vault, id).await?;
        let target = Target::new(hook, &secrets).ok_or(Error::Inconsistent { table: "hooks", column: "api_key" })?;
        Ok(Page { target: Some(Arc::new(target)), fresh, again })
    }

    /// Sends a delivery once and records what came of it.
    pub fn attempt(self: Arc<Self>, target: Arc<Target>, open: Open, handle: Handle) {
        tokio::spawn(async move {
            let (hook, delivery) = (open.hook, open.id);
            let mut done = OnDrop::new(
                handle.clone(),
                Message::Finished { hook, delivery, due_at: Some(self.clock.now().after(RECORD_AGAIN)) },
            );
            let report = self.sender.send(&target, &open).await;
            let verdict = self.verdict(&open, &report);
            let due_at = match verdict {
                Verdict::RetryIn(wait) => Some(self.clock.now().after(wait)),
                _ => None,
            };
            tracing::info!(
                event.id = %open.event, delivery.id = %open.id, hook.id = %open.hook, attempt = report.attempt.number,
                outcome = report.attempt.answer.class(), duration_ms = report.attempt.duration_ms, "attempt"
            );
            self.record(&open, report, verdict, due_at).await;
            if verdict == Verdict::Gone {
                handle.tell(Message::Changed(vec![open.hook]));
            }
            done.will_say(Message::Finished { hook, delivery, due_at });
        });
    }

    fn verdict(&self, open: &Open, report: &Report) -> Verdict {
        // Whoever sends a test waits for its answer: there is nothing to try later. And a test switches nothing off.
        if open.is_test {
            return if report.attempt.answer.is_success() { Verdict::Delivered } else { Verdict::Failed };
        }
        let tries = report.attempt.number.saturating_sub(open.tries_before);
        judge(&self.policy, tries, report.attempt.answer, report.retry_after, random_share())
    }

    async fn record(&self, open: &Open, report: Report, verdict: Verdict, due_at: Option<Timestamp>) {
        let state = match verdict {
            Verdict::Delivered => State::Delivered,
            Verdict::RetryIn(_) => State::Waiting,
            Verdict::Failed | Verdict::Gone => State::Failed,
        };
        let url = report.attempt.url.clone();
        let finished = Arc::new(Finished { delivery: open.id, attempt: report.attempt, state, due_at });
        let gone_url = (verdict == Verdict::Gone).then_some(url);
        while let Err(error) = self.write(open.hook, finished.clone(), gone_url.clone()).await {
            // The row is there: an earlier try was committed although its answer was lost, or somebody else made the
            // same attempt. Either way it is on record.
            if matches!(error, Error::Exists) {
                return;
            }
            tracing::error!(delivery.id = %open.id, error = chain(&error), "an attempt could not be recorded");
            if !matches!(error, Error::Driver(_)) {
                return;
            }
            tokio::time::sleep(RECORD_AGAIN).await;
        }
    }

    /// `gone_url`: the receiver there said 410.
    async fn write(&self, hook: HookId, finished: Arc<Finished>, gone_url: Option<String>) -> Result<(), Error> {
        let clock = self.clock.clone();
        self.store
            .write(move |conn| {
                Box::pin(async move {
                    let now = clock.now();
                    deliveries::finish(conn, &finished, now).await?;
                    if let Some(url) = gone_url {
                        switch_off(conn, &clock, hook, &url).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// What of one kind is due, and when the rest is.
async fn found(conn: &mut Conn, hook: &Hook, kind: Kind, now: Timestamp, limit: usize) -> Result<Found, Error> {
    let due = deliveries::due(conn, hook.id, kind, now, !hook.enabled, limit).await?;
    let more_at = if due.len() < limit { deliveries::next_due(conn, hook.id, kind, now).await? } else { Some(now) };
    Ok(Found { due, more_at: more_at.filter(|_| hook.enabled) })
}

/// The receiver said 410 Gone: the hook is switched off, with the reason, and what waited is kept. Unless it leads
/// elsewhere by now: then somebody has mended it already.
async fn switch_off(conn: &mut Conn, clock: &Clock, hook: HookId, url: &str) -> Result<(), Error> {
    const REASON: &str = "the receiver answered 410 Gone";
    let now = clock.now();
    let Ok(grant) = Actor::portal().require(Permission::HooksWrite) else { return Ok(()) };
    if hooks::switch_off(conn, &grant, hook, url, REASON, now).await? {
        deliveries::hold(conn, hook, REASON, now).await?;
        audit::note(conn, clock, &grant, "hook.switched_off", &hook.to_string(), REASON).await?;
    }
    Ok(())
}
