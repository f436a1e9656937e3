//! What an attempt means, and its way into the database, which may be away. Imports the store and
//! the domain's retry rules.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{RECORD_AGAIN, Worker};
use crate::{
    domain::{
        delivery::State,
        health::Purpose,
        retry::{Bearing, Tried, Verdict, classify},
    },
    engine::{
        clock::random_share,
        delivery::{attempt::Report, lane::Given},
        metrics,
        store::{
            Error,
            claim::Fence,
            error::chain,
            finished::{Finished, Recorded},
        },
    },
};

/// The longest wait between tries to record where the reason is not the database's state, and may
/// last.
const RECORD_SELDOM: Duration = Duration::from_secs(60);

impl Worker {
    pub(super) fn verdict(&self, given: &Given, report: &Report) -> Verdict {
        // Whoever sends a test waits for its answer: there is nothing to try later. And a test
        // switches nothing off.
        if given.open.is_test {
            return if report.attempt.answer.is_success() {
                Verdict::Delivered
            } else {
                Verdict::Failed
            };
        }
        let tried = Tried {
            counted: given.open.attempts.saturating_sub(given.open.tries_before),
            uncounted: given.open.tries_before,
            is_probe: given.purpose == Purpose::Probe,
            answer: report.attempt.answer,
            retry_after: report.retry_after,
        };
        let schedule =
            given.target.hook.tuning.retry_schedule.as_deref().unwrap_or(&self.policy.schedule);
        classify(schedule, self.policy.longest_wait, &tried, random_share())
    }

    /// Records an attempt; while the database is away, tries again. `None`: what the database has
    /// is not known here.
    pub(super) async fn record(
        &self,
        given: &Given,
        report: Report,
        verdict: Verdict,
        bearing: Bearing,
        fence: Option<Fence>,
    ) -> Option<Recorded> {
        let mut finished = self.finished(given, report, verdict, bearing, fence);
        let mut wait = RECORD_AGAIN;
        loop {
            let error = match self.store.finish(finished.clone()).await {
                Ok(Recorded::Refused) => {
                    metrics::came_late();
                    tracing::warn!(delivery.id = %given.open.id, "a late result was refused: the \
                        hook has another node");
                    return Some(Recorded::Refused);
                }
                Ok(recorded) => {
                    self.cannot_record.store(false, Ordering::Relaxed);
                    metrics::recorded(finished.state);
                    return Some(recorded);
                }
                Err(error) => error,
            };
            // The row is there: an earlier try was committed although its answer was lost, or
            // somebody else made the same attempt. Either way it is on record.
            if matches!(error, Error::Exists) {
                return None;
            }
            // While nothing can be written, that is said once.
            if !error.may_pass() || !self.cannot_record.swap(true, Ordering::Relaxed) {
                tracing::error!(delivery.id = %given.open.id, error = chain(&error),
                    "an attempt could not be recorded");
            }
            match finished.attempt.bare() {
                // The database was not well; the outcome is kept until it is.
                _ if error.may_pass() => tokio::time::sleep(RECORD_AGAIN).await,
                // The database refuses the response text: record the outcome without it.
                Some(bare) if matches!(error, Error::Violated(_)) => {
                    finished.attempt = Arc::new(bare);
                }
                // The delivery is not there any more, or the program is shutting down: there is
                // nothing to wait for.
                _ if matches!(error, Error::Missing | Error::Closed) => return None,
                // It would be sent again and again: rather it keeps its place, so that this is
                // seen.
                _ => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RECORD_SELDOM);
                }
            }
        }
    }

    fn finished(
        &self,
        given: &Given,
        report: Report,
        verdict: Verdict,
        bearing: Bearing,
        fence: Option<Fence>,
    ) -> Finished {
        let state = match verdict {
            Verdict::Delivered => State::Delivered,
            Verdict::RetryIn(_) | Verdict::PutOff(_) => State::Waiting,
            Verdict::Failed | Verdict::Gone => State::Failed,
        };
        Finished {
            delivery: given.open.id,
            hook: given.open.hook,
            attempt: Arc::new(report.attempt),
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
        }
    }
}
