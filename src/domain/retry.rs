//! When to retry: [`classify`] decides from the result of an attempt, [`load_signal`] what it
//! tells about the receiver's load. Pure: time and jitter are passed in.

use std::time::Duration;

use super::{delivery::Answer, time::readable_duration};

/// The retry schedule and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first, second, ... failed attempt. After the last one, the delivery has
    /// failed.
    pub schedule: Vec<Duration>,
    /// The upper limit for `Retry-After`.
    pub longest_wait: Duration,
}

/// See [`RetryPolicy::longest_wait`].
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

impl Default for RetryPolicy {
    fn default() -> Self {
        let seconds = [5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600];
        Self {
            schedule: seconds.into_iter().map(Duration::from_secs).collect(),
            longest_wait: LONGEST_WAIT,
        }
    }
}

/// What happens to a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    RetryIn(Duration),
    /// It is sent again after this wait, and the attempt does not use up the retry schedule: the
    /// receiver requested the wait, the attempt was a probe, or this machine had a problem.
    Postpone(Duration),
    Failed,
    /// 410 Gone: failed, and the hook must be turned off.
    Gone,
}

impl Verdict {
    /// The wait before the next attempt, if there is one.
    pub const fn wait(self) -> Option<Duration> {
        match self {
            Self::RetryIn(wait) | Self::Postpone(wait) => Some(wait),
            Self::Delivered | Self::Failed | Self::Gone => None,
        }
    }
}

/// What a result tells about the receiver's load. Input of the rate control (AIMD).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadSignal {
    /// It accepted the event: the rate may grow.
    Accepted,
    /// It is overloaded or called too often: the rate must shrink. `retry_after` is the wait that
    /// its `Retry-After` asks for.
    Overloaded { retry_after: Option<Duration> },
    /// Nothing about its load.
    Neutral,
    /// Nothing was sent, because this machine had a problem. Other attempts would fail the same way
    /// now.
    NotSent,
}

impl LoadSignal {
    /// The wait that the receiver requested.
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } => retry_after,
            Self::Accepted | Self::Neutral | Self::NotSent => None,
        }
    }
}

/// The facts of an attempt that [`classify`] needs.
#[derive(Clone, Copy, Debug)]
pub struct AttemptFacts {
    /// Earlier attempts of this delivery: those that used up its retry schedule, and those that did
    /// not.
    pub counted: u32,
    pub uncounted: u32,
    /// The attempt was the probe of a paused hook.
    pub is_probe: bool,
    pub answer: Answer,
    /// The receiver's `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Jitter adds at most this share of a wait. It never shortens one, so a requested wait is kept.
const JITTER: f64 = 0.1;
/// Lower limit for `Retry-After`, so that `Retry-After: 0` causes no busy loop.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The wait after a failed probe of a delivery whose retry schedule is empty.
const PROBE_WAIT: Duration = Duration::from_secs(5);
/// A delivery can be postponed this often without using up its schedule. Later attempts count, so
/// that a receiver that always answers with `Retry-After` can't postpone it for ever.
pub const MAX_UNCOUNTED: u32 = 100;

/// The requested wait, within limits. `Retry-After` counts only with 429 and 503.
fn requested_wait(
    answer: Answer,
    retry_after: Option<Duration>,
    longest_wait: Duration,
) -> Option<Duration> {
    match answer {
        Answer::Status(429 | 503) => {
            retry_after.map(|wait| wait.max(MIN_RETRY_AFTER).min(longest_wait))
        }
        _ => None,
    }
}

/// What a result tells about the receiver's load. It concerns the whole hook, not one delivery.
pub fn load_signal(
    answer: Answer,
    retry_after: Option<Duration>,
    longest_wait: Duration,
) -> LoadSignal {
    match answer {
        Answer::Status(200..300) => LoadSignal::Accepted,
        Answer::Status(429) => LoadSignal::Overloaded {
            retry_after: requested_wait(answer, retry_after, longest_wait),
        },
        // A 503 without the header often comes from a proxy whose backend is down: a failure that
        // tells nothing about the rate.
        Answer::Status(503) if retry_after.is_some() => LoadSignal::Overloaded {
            retry_after: requested_wait(answer, retry_after, longest_wait),
        },
        answer if answer.is_ours() => LoadSignal::NotSent,
        _ => LoadSignal::Neutral,
    }
}

/// Decides what happens after an attempt. `schedule` and `longest_wait` are the server's
/// [`RetryPolicy`] or the hook's own; `jitter` is in `0.0..1.0`.
pub fn classify(
    schedule: &[Duration],
    longest_wait: Duration,
    facts: &AttemptFacts,
    jitter: f64,
) -> Verdict {
    match facts.answer {
        Answer::Status(200..300) => return Verdict::Delivered,
        Answer::Status(410) => return Verdict::Gone,
        answer if answer.is_ours() => {
            return Verdict::Postpone(add_jitter(AFTER_OWN_TROUBLE, jitter));
        }
        _ => {}
    }
    let with_jitter = |wait: Duration| add_jitter(wait, jitter);
    let requested = requested_wait(facts.answer, facts.retry_after, longest_wait);
    let position = facts.counted as usize;
    match requested {
        Some(wait) if facts.is_probe || facts.uncounted < MAX_UNCOUNTED => {
            return Verdict::Postpone(with_jitter(wait));
        }
        None if facts.is_probe => {
            let wait = schedule.get(position).or(schedule.last()).copied().unwrap_or(PROBE_WAIT);
            return Verdict::Postpone(with_jitter(wait));
        }
        _ => {}
    }
    match schedule.get(position) {
        Some(&scheduled) => {
            Verdict::RetryIn(with_jitter(scheduled.max(requested.unwrap_or_default())))
        }
        None => Verdict::Failed,
    }
}

/// The wait after a problem of this machine. Short, so that deliveries resume soon; lanes also
/// pause briefly, so that a long problem doesn't make every delivery fail repeatedly.
const AFTER_OWN_TROUBLE: Duration = Duration::from_secs(2);

fn add_jitter(wait: Duration, jitter: f64) -> Duration {
    // `max` and `min` turn NaN into a number; `clamp` does not.
    #[expect(clippy::manual_clamp, reason = "clamp lets a NaN through")]
    let share = jitter.max(0.0).min(1.0);
    wait + wait.mul_f64(JITTER * share)
}

/// The retry schedule for people: each delay and their sum.
pub fn plan_in_words(waits: &[Duration]) -> String {
    if waits.is_empty() {
        return "No retries: a delivery fails after one attempt.".to_owned();
    }
    let total = readable_duration(waits.iter().sum::<Duration>());
    let delays = waits.iter().copied().map(readable_duration).collect::<Vec<_>>().join(", ");
    format!("Retries: {delays} (about {total} in total).")
}

#[cfg(test)]
mod tests;
