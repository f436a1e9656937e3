//! When to try again: one pure decision from what came back. It knows no clock and no randomness; both come in.

use std::time::Duration;

use super::{delivery::Answer, time::readable_duration};

/// How long, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first, second, ... failed attempt. When it is used up the delivery has failed.
    pub schedule: Vec<Duration>,
    /// The longest a receiver may make us wait with `Retry-After`.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let seconds = [5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600];
        Self {
            schedule: seconds.into_iter().map(Duration::from_secs).collect(),
            longest_wait: Duration::from_secs(24 * 3600),
        }
    }
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    RetryIn(Duration),
    Failed,
    /// 410 Gone: failed, and the hook is to be switched off.
    Gone,
}

/// After our own trouble: soon, then less often, and never so rarely that a receiver waits long once it is over.
const SOON: Duration = Duration::from_secs(5);
const SOON_AT_MOST: Duration = Duration::from_secs(60);

/// The wait after an attempt that this machine could not make. `attempt` counts all there were; `jitter` is in `0.0..1.0`.
pub fn after_own_trouble(attempt: u32, jitter: f64) -> Duration {
    let doubled = SOON.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1).min(10)));
    spread(doubled.min(SOON_AT_MOST), jitter)
}

/// Jitter adds at most this share of the wait, and never takes any away: a receiver that asked for time gets it.
const JITTER: f64 = 0.1;

/// `schedule` and `longest_wait` are of a [`RetryPolicy`] or the hook's own. `attempt` counts from 1; `retry_after` is what the receiver asked for; `jitter` is in `0.0..1.0`.
pub fn judge(
    schedule: &[Duration],
    longest_wait: Duration,
    attempt: u32,
    answer: Answer,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Verdict {
    match answer {
        Answer::Status(200..300) => return Verdict::Delivered,
        Answer::Status(410) => return Verdict::Gone,
        _ if answer.is_ours() => return Verdict::RetryIn(after_own_trouble(attempt, jitter)),
        _ => {}
    }
    let position = attempt.saturating_sub(1) as usize;
    let Some(&scheduled) = schedule.get(position) else {
        return Verdict::Failed;
    };
    let asked = match answer {
        Answer::Status(429 | 503) => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    Verdict::RetryIn(spread(scheduled.max(asked.min(longest_wait)), jitter))
}

fn spread(wait: Duration, jitter: f64) -> Duration {
    // `max` before `min`, and not `clamp`: they turn a NaN into a number.
    #[expect(clippy::manual_clamp, reason = "clamp lets a NaN through")]
    let share = jitter.max(0.0).min(1.0);
    wait + wait.mul_f64(JITTER * share)
}

/// A schedule for people: when it is tried again, and when it is over.
pub fn plan_in_words(waits: &[Duration]) -> String {
    if waits.is_empty() {
        return "It is tried once; when that fails, the delivery has failed.".to_owned();
    }
    let total = waits.iter().sum::<Duration>();
    let times = waits.len();
    let waits = waits.iter().copied().map(readable_duration).collect::<Vec<_>>();
    let waits = match waits.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => waits.concat(),
    };
    let plural = if times == 1 { "once more" } else { "again" };
    let count = if times == 1 { String::new() } else { format!(" {times} times") };
    format!(
        "After a failed attempt it is tried {plural}{count}: after {waits}. When the last one fails too, about {} after the first, the delivery has failed.",
        readable_duration(total)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_in_words() {
        let told =
            |seconds: &[u64]| plan_in_words(&seconds.iter().copied().map(Duration::from_secs).collect::<Vec<_>>());
        assert_eq!(told(&[]), "It is tried once; when that fails, the delivery has failed.");
        assert!(told(&[5]).contains("tried once more: after 5 s."), "{}", told(&[5]));
        let plan = told(&[5, 30, 120]);
        assert!(plan.contains("again 3 times: after 5 s, 30 s and 2 min.") && plan.contains("about 2 min"), "{plan}");
    }

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_table() {
        let policy = RetryPolicy::default();
        let rows = [
            (1, Answer::Status(200), None, Verdict::Delivered),
            (10, Answer::Status(204), None, Verdict::Delivered),
            (1, Answer::Status(410), None, Verdict::Gone),
            (1, Answer::Status(302), None, Verdict::RetryIn(S(5))),
            (1, Answer::Status(400), None, Verdict::RetryIn(S(5))),
            (2, Answer::Status(500), None, Verdict::RetryIn(S(30))),
            (3, Answer::Timeout, None, Verdict::RetryIn(S(120))),
            (4, Answer::ConnectFailed, None, Verdict::RetryIn(S(600))),
            (5, Answer::TlsFailed, None, Verdict::RetryIn(S(1800))),
            (6, Answer::DnsFailed, None, Verdict::RetryIn(S(3600))),
            (7, Answer::AddressRefused, None, Verdict::RetryIn(S(10_800))),
            (8, Answer::BrokenAnswer, None, Verdict::RetryIn(S(21_600))),
            (9, Answer::Status(503), None, Verdict::RetryIn(S(43_200))),
            (10, Answer::Status(503), None, Verdict::Failed),
            (10, Answer::Status(503), Some(S(60)), Verdict::Failed),
            (1, Answer::Status(429), Some(S(60)), Verdict::RetryIn(S(60))),
            (1, Answer::Status(503), Some(S(1)), Verdict::RetryIn(S(5))),
            (1, Answer::Status(429), Some(Duration::MAX), Verdict::RetryIn(S(86_400))),
            (1, Answer::Status(500), Some(S(60)), Verdict::RetryIn(S(5))),
        ];
        for (attempt, answer, asked, verdict) in rows {
            assert_eq!(
                judge(&policy.schedule, policy.longest_wait, attempt, answer, asked, 0.0),
                verdict,
                "attempt {attempt}, {answer:?}, {asked:?}"
            );
        }
    }

    #[test]
    fn jitter_only_adds_and_at_most_a_tenth() {
        let policy = RetryPolicy::default();
        for jitter in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN] {
            let Verdict::RetryIn(wait) = judge(&policy.schedule, policy.longest_wait, 3, Answer::Timeout, None, jitter)
            else {
                panic!("retried")
            };
            assert!(wait >= S(120) && wait <= S(132), "{jitter}: {wait:?}");
        }
    }

    #[test]
    fn our_own_trouble_is_retried_soon_and_for_as_long_as_it_takes() {
        let waits =
            [1, 2, 3, 4, 5, 100, u32::MAX].map(|attempt| judge(&[], S(1), attempt, Answer::OwnTrouble, None, 0.0));
        assert_eq!(waits, [5, 10, 20, 40, 60, 60, 60].map(|seconds| Verdict::RetryIn(S(seconds))));
    }

    #[test]
    fn an_empty_schedule_fails_at_once() {
        let policy = RetryPolicy { schedule: Vec::new(), ..RetryPolicy::default() };
        assert_eq!(judge(&policy.schedule, policy.longest_wait, 1, Answer::Timeout, None, 0.0), Verdict::Failed);
    }
}
