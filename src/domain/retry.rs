//! When to try again: one pure decision from what came back. It knows no clock and no randomness;
//! both come in.

use std::time::Duration;

use super::{delivery::Answer, time::readable_duration};

/// How long, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The wait after the first, second, ... failed attempt. When it is used up the delivery has
    /// failed.
    pub schedule: Vec<Duration>,
    /// The longest a receiver may make us wait with `Retry-After`.
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

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    RetryIn(Duration),
    /// It is sent again after this wait, and the attempt does not count as a try of the schedule:
    /// the receiver asked for the wait, or the attempt was the probe of a paused hook.
    PutOff(Duration),
    Failed,
    /// 410 Gone: failed, and the hook is to be switched off.
    Gone,
}

impl Verdict {
    /// How long it waits for its next attempt; `None`: there is none.
    pub const fn wait(self) -> Option<Duration> {
        match self {
            Self::RetryIn(wait) | Self::PutOff(wait) => Some(wait),
            Self::Delivered | Self::Failed | Self::Gone => None,
        }
    }
}

/// What an answer says of how much its receiver bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// It took the event.
    Bears,
    /// It was called too often, or is overloaded; and perhaps it says how long it wants to be left
    /// alone.
    TooMuch { asks: Option<Duration> },
    /// Nothing that a pace could be learned from.
    Silent,
    /// It was not asked: this machine lacked something. Others would fail alike just now.
    Unsent,
}

impl Bearing {
    /// How long the receiver wants to be left alone.
    pub const fn asks(self) -> Option<Duration> {
        match self {
            Self::TooMuch { asks } => asks,
            Self::Bears | Self::Silent | Self::Unsent => None,
        }
    }
}

/// An attempt, as far as it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// Attempts of this delivery before this one: those that count as tries of its schedule, and
    /// those that do not.
    pub counted: u32,
    pub uncounted: u32,
    /// The attempt was the probe of a paused hook.
    pub is_probe: bool,
    pub answer: Answer,
    /// What the receiver asked for with `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Jitter adds at most this share of the wait, and never takes any away: a receiver that asked for
/// time gets it.
const JITTER: f64 = 0.1;
/// The shortest wait that a receiver can ask for: `Retry-After: 0` is no invitation to ask again in
/// a loop.
const SHORTEST_ASKED: Duration = Duration::from_secs(1);
/// A probe says nothing about this delivery. Where its schedule names no wait, this one is used.
const UNSCHEDULED: Duration = Duration::from_secs(5);
/// A delivery is put off this often without a count. After that each attempt counts: otherwise an
/// event that its receiver answers with "later" for ever would never end.
pub const MOST_PUT_OFF: u32 = 100;

/// How long the receiver asks to be left alone, within limits.
fn asked(
    answer: Answer,
    retry_after: Option<Duration>,
    longest_wait: Duration,
) -> Option<Duration> {
    match answer {
        Answer::Status(429 | 503) => {
            retry_after.map(|wait| wait.max(SHORTEST_ASKED).min(longest_wait))
        }
        _ => None,
    }
}

/// What an answer says of how much its receiver bears. It holds for all that is sent there, not for
/// one delivery.
pub fn bearing(answer: Answer, retry_after: Option<Duration>, longest_wait: Duration) -> Bearing {
    match answer {
        Answer::Status(200..300) => Bearing::Bears,
        Answer::Status(429) => Bearing::TooMuch { asks: asked(answer, retry_after, longest_wait) },
        // Without the header it is what a receiver behind a proxy answers while it is down: a
        // failure, and no pace to learn.
        Answer::Status(503) if retry_after.is_some() => {
            Bearing::TooMuch { asks: asked(answer, retry_after, longest_wait) }
        }
        answer if answer.is_ours() => Bearing::Unsent,
        _ => Bearing::Silent,
    }
}

/// `schedule` and `longest_wait` are of a [`RetryPolicy`] or the hook's own; `jitter` is in
/// `0.0..1.0`.
pub fn classify(
    schedule: &[Duration],
    longest_wait: Duration,
    tried: &Tried,
    jitter: f64,
) -> Verdict {
    match tried.answer {
        Answer::Status(200..300) => return Verdict::Delivered,
        Answer::Status(410) => return Verdict::Gone,
        answer if answer.is_ours() => {
            return Verdict::PutOff(spread(AFTER_OWN_TROUBLE, jitter));
        }
        _ => {}
    }
    let with_jitter = |wait: Duration| spread(wait, jitter);
    let asked = asked(tried.answer, tried.retry_after, longest_wait);
    let position = tried.counted as usize;
    match asked {
        Some(wait) if tried.is_probe || tried.uncounted < MOST_PUT_OFF => {
            return Verdict::PutOff(with_jitter(wait));
        }
        None if tried.is_probe => {
            let wait = schedule.get(position).or(schedule.last()).copied().unwrap_or(UNSCHEDULED);
            return Verdict::PutOff(with_jitter(wait));
        }
        _ => {}
    }
    match schedule.get(position) {
        Some(&scheduled) => Verdict::RetryIn(with_jitter(scheduled.max(asked.unwrap_or_default()))),
        None => Verdict::Failed,
    }
}

/// After our own trouble: so soon that a receiver hardly waits once it is over. Lanes send nothing
/// for a moment after it, so that a long one does not make each delivery fail again and again.
const AFTER_OWN_TROUBLE: Duration = Duration::from_secs(2);

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
        "After a failed attempt it is tried {plural}{count}: after {waits}. When the last one \
         fails too, about {} after the first, the delivery has failed.",
        readable_duration(total)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_in_words() {
        let told = |seconds: &[u64]| {
            plan_in_words(&seconds.iter().copied().map(Duration::from_secs).collect::<Vec<_>>())
        };
        assert_eq!(told(&[]), "It is tried once; when that fails, the delivery has failed.");
        assert!(told(&[5]).contains("tried once more: after 5 s."), "{}", told(&[5]));
        let plan = told(&[5, 30, 120]);
        assert!(
            plan.contains("again 3 times: after 5 s, 30 s and 2 min.")
                && plan.contains("about 2 min"),
            "{plan}"
        );
    }

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn tried(counted: u32, answer: Answer, retry_after: Option<Duration>) -> Tried {
        Tried { counted, uncounted: 0, is_probe: false, answer, retry_after }
    }

    fn judged(tried: Tried) -> Verdict {
        let policy = RetryPolicy::default();
        classify(&policy.schedule, policy.longest_wait, &tried, 0.0)
    }

    #[test]
    fn the_table() {
        let rows = [
            (0, Answer::Status(200), None, Verdict::Delivered),
            (9, Answer::Status(204), None, Verdict::Delivered),
            (0, Answer::Status(410), None, Verdict::Gone),
            (0, Answer::Status(302), None, Verdict::RetryIn(S(5))),
            (0, Answer::Status(400), None, Verdict::RetryIn(S(5))),
            (1, Answer::Status(500), None, Verdict::RetryIn(S(30))),
            (2, Answer::Timeout, None, Verdict::RetryIn(S(120))),
            (3, Answer::ConnectFailed, None, Verdict::RetryIn(S(600))),
            (4, Answer::TlsFailed, None, Verdict::RetryIn(S(1800))),
            (5, Answer::DnsFailed, None, Verdict::RetryIn(S(3600))),
            (6, Answer::AddressRefused, None, Verdict::RetryIn(S(10_800))),
            (7, Answer::BrokenAnswer, None, Verdict::RetryIn(S(21_600))),
            (8, Answer::Status(503), None, Verdict::RetryIn(S(43_200))),
            (9, Answer::Status(503), None, Verdict::Failed),
            (9, Answer::Status(429), None, Verdict::Failed),
            // A receiver that says when gets that wait, and the schedule stays where it is.
            (9, Answer::Status(503), Some(S(60)), Verdict::PutOff(S(60))),
            (0, Answer::Status(429), Some(S(60)), Verdict::PutOff(S(60))),
            (8, Answer::Status(503), Some(S(1)), Verdict::PutOff(S(1))),
            (0, Answer::Status(429), Some(Duration::ZERO), Verdict::PutOff(S(1))),
            (0, Answer::Status(429), Some(Duration::MAX), Verdict::PutOff(S(86_400))),
            // Of other answers the header is not believed.
            (0, Answer::Status(500), Some(S(60)), Verdict::RetryIn(S(5))),
        ];
        for (counted, answer, asked, verdict) in rows {
            assert_eq!(
                judged(tried(counted, answer, asked)),
                verdict,
                "after {counted}: {answer:?}, {asked:?}"
            );
        }
    }

    #[test]
    fn a_probe_never_uses_up_a_schedule() {
        let probe = |counted, answer, asked| {
            judged(Tried { is_probe: true, ..tried(counted, answer, asked) })
        };
        assert_eq!(probe(0, Answer::Status(500), None), Verdict::PutOff(S(5)));
        assert_eq!(probe(8, Answer::Timeout, None), Verdict::PutOff(S(43_200)));
        assert_eq!(
            probe(9, Answer::Timeout, None),
            Verdict::PutOff(S(43_200)),
            "all tries are made, and it is held"
        );
        assert_eq!(probe(9, Answer::Status(503), Some(S(7))), Verdict::PutOff(S(7)));
        let often = Tried {
            is_probe: true,
            uncounted: 10_000,
            ..tried(9, Answer::Status(503), Some(S(7)))
        };
        assert_eq!(judged(often), Verdict::PutOff(S(7)));
        let nothing_scheduled = Tried { is_probe: true, ..tried(0, Answer::Status(500), None) };
        assert_eq!(classify(&[], S(60), &nothing_scheduled, 0.0), Verdict::PutOff(S(5)));
        // What a probe can decide, it decides.
        assert_eq!(probe(0, Answer::Status(200), None), Verdict::Delivered);
        assert_eq!(probe(0, Answer::Status(410), None), Verdict::Gone);
    }

    /// An event that its receiver puts off for ever ends all the same.
    #[test]
    fn what_was_put_off_a_hundred_times_counts_from_then_on() {
        let later = |counted, uncounted| Tried {
            uncounted,
            ..tried(counted, Answer::Status(429), Some(S(60)))
        };
        assert_eq!(judged(later(0, MOST_PUT_OFF - 1)), Verdict::PutOff(S(60)));
        assert_eq!(
            judged(later(0, MOST_PUT_OFF)),
            Verdict::RetryIn(S(60)),
            "at least as long as asked"
        );
        assert_eq!(judged(later(2, MOST_PUT_OFF)), Verdict::RetryIn(S(120)));
        assert_eq!(judged(later(9, MOST_PUT_OFF)), Verdict::Failed);
    }

    #[test]
    fn an_answer_speaks_for_its_receiver() {
        let rows = [
            (Answer::Status(204), Some(S(9)), Bearing::Bears),
            (Answer::Status(429), None, Bearing::TooMuch { asks: None }),
            (Answer::Status(503), None, Bearing::Silent),
            (Answer::Status(429), None, Bearing::TooMuch { asks: None }),
            (Answer::Status(429), Some(S(9)), Bearing::TooMuch { asks: Some(S(9)) }),
            (Answer::Status(503), Some(Duration::ZERO), Bearing::TooMuch { asks: Some(S(1)) }),
            (Answer::Status(503), Some(Duration::MAX), Bearing::TooMuch { asks: Some(S(3600)) }),
            (Answer::Status(500), Some(S(9)), Bearing::Silent),
            (Answer::Timeout, None, Bearing::Silent),
            (Answer::OwnTrouble, None, Bearing::Unsent),
        ];
        for (answer, asked, says) in rows {
            assert_eq!(bearing(answer, asked, S(3600)), says, "{answer:?}, {asked:?}");
        }
    }

    #[test]
    fn jitter_only_adds_and_at_most_a_tenth() {
        let policy = RetryPolicy::default();
        for jitter in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN] {
            let timed_out = tried(2, Answer::Timeout, None);
            let Verdict::RetryIn(wait) =
                classify(&policy.schedule, policy.longest_wait, &timed_out, jitter)
            else {
                panic!("retried")
            };
            assert!(wait >= S(120) && wait <= S(132), "{jitter}: {wait:?}");
            let put_off = tried(2, Answer::Status(429), Some(S(10)));
            let Verdict::PutOff(wait) =
                classify(&policy.schedule, policy.longest_wait, &put_off, jitter)
            else {
                panic!("put off")
            };
            assert!(wait >= S(10) && wait <= S(11), "{jitter}: {wait:?}");
        }
    }

    #[test]
    fn our_own_trouble_is_retried_soon_and_for_as_long_as_it_takes() {
        for before in [0, 1, 100, u32::MAX] {
            let verdict = classify(&[], S(1), &tried(before, Answer::OwnTrouble, None), 0.0);
            assert_eq!(verdict, Verdict::PutOff(S(2)), "{before}");
        }
    }

    #[test]
    fn an_empty_schedule_fails_at_once() {
        assert_eq!(classify(&[], S(60), &tried(0, Answer::Timeout, None), 0.0), Verdict::Failed);
    }
}
