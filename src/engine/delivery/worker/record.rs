//! Classifies an attempt's outcome and records it, and keeps retrying while the database is
//! unavailable. Imports the store and the domain's retry rules.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{RECORD_AGAIN, Worker};
use crate::{
    domain::{
        delivery::State,
        health::Purpose,
        retry::{AttemptFacts, LoadSignal, Verdict, classify},
    },
    engine::{
        clock::random_unit,
        delivery::{attempt::Report, lane::Outgoing},
        metrics,
        store::{
            Error,
            claim::Fence,
            error::chain,
            finished::{Finished, Recorded},
        },
    },
};

/// The longest wait between tries to record, when the error is not a passing one of the database.
const MAX_RECORD_WAIT: Duration = Duration::from_secs(60);

impl Worker {
    /// What follows from an attempt for its delivery.
    pub(super) fn verdict(&self, outgoing: &Outgoing, report: &Report) -> Verdict {
        // Tests are not retried, because a person waits for the result; and a 410 to a test does
        // not switch the hook off.
        if outgoing.open.is_test {
            return if report.attempt.answer.is_success() {
                Verdict::Delivered
            } else {
                Verdict::Failed
            };
        }
        let tried = AttemptFacts {
            counted: outgoing.open.attempts.saturating_sub(outgoing.open.tries_before),
            uncounted: outgoing.open.tries_before,
            is_probe: outgoing.purpose == Purpose::Probe,
            answer: report.attempt.answer,
            retry_after: report.retry_after,
        };
        let schedule =
            outgoing.target.hook.tuning.retry_schedule.as_deref().unwrap_or(&self.policy.schedule);
        classify(schedule, self.policy.longest_wait, &tried, random_unit())
    }

    /// Records an attempt; retries while the database is unavailable. `None`: it is not known what
    /// the database holds.
    pub(super) async fn record(
        &self,
        outgoing: &Outgoing,
        report: Report,
        verdict: Verdict,
        load_signal: LoadSignal,
        fence: Option<Fence>,
    ) -> Option<Recorded> {
        let mut finished = self.finished(outgoing, report, verdict, load_signal, fence);
        let mut wait = RECORD_AGAIN;
        loop {
            let error = match self.store.finish(finished.clone()).await {
                Ok(Recorded::Fenced) => {
                    metrics::came_late();
                    tracing::warn!(delivery.id = %outgoing.open.id, "a late result was discarded: \
                                                                     another node owns the hook");
                    return Some(Recorded::Fenced);
                }
                Ok(recorded) => {
                    self.cannot_record.store(false, Ordering::Relaxed);
                    metrics::recorded(finished.state);
                    return Some(recorded);
                }
                Err(error) => error,
            };
            // The attempt's row exists: an earlier try was committed but its answer was lost, or
            // the same attempt was made elsewhere. Either way it is recorded.
            if matches!(error, Error::Exists) {
                return None;
            }
            // While the database is unavailable, this is logged only once.
            if !error.is_transient() || !self.cannot_record.swap(true, Ordering::Relaxed) {
                tracing::error!(delivery.id = %outgoing.open.id, error = chain(&error),
                    "failed to record an attempt");
            }
            match finished.attempt.bare() {
                // A passing error: keep the outcome until the database is available again.
                _ if error.is_transient() => tokio::time::sleep(RECORD_AGAIN).await,
                // The database refuses the response text: record the outcome without it.
                Some(without_text) if matches!(error, Error::Violated(_)) => {
                    finished.attempt = Arc::new(without_text);
                }
                // The delivery was deleted, or the server is shutting down: recording cannot
                // succeed any more.
                _ if matches!(error, Error::Missing | Error::Closed) => return None,
                // Giving up would resend the delivery again and again. Keeping the permit limits
                // that, and makes the fault visible.
                _ => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(MAX_RECORD_WAIT);
                }
            }
        }
    }

    fn finished(
        &self,
        outgoing: &Outgoing,
        report: Report,
        verdict: Verdict,
        load_signal: LoadSignal,
        fence: Option<Fence>,
    ) -> Finished {
        let state = match verdict {
            Verdict::Delivered => State::Delivered,
            Verdict::RetryIn(_) | Verdict::Postpone(_) => State::Waiting,
            Verdict::Failed | Verdict::Gone => State::Failed,
        };
        Finished {
            delivery: outgoing.open.id,
            hook: outgoing.open.hook,
            attempt: Arc::new(report.attempt),
            purpose: outgoing.purpose,
            state,
            retry_in: verdict.wait(),
            is_extra: matches!(verdict, Verdict::Postpone(_)),
            retry_after: load_signal.retry_after(),
            was_healthy: outgoing.was_healthy,
            is_gone: verdict == Verdict::Gone,
            fence,
            policy: self.breaker,
            clock: self.clock.clone(),
        }
    }
}
