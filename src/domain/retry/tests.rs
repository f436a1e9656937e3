//! Tests of the retry decision.

use super::*;

#[test]
fn a_schedule_in_words() {
    let plan = |seconds: &[u64]| {
        plan_in_words(&seconds.iter().copied().map(Duration::from_secs).collect::<Vec<_>>())
    };
    assert_eq!(plan(&[]), "No retries: a delivery fails after one attempt.");
    assert_eq!(plan(&[5]), "Retries: 5 s (about 5 s in total).");
    assert_eq!(plan(&[5, 30, 120]), "Retries: 5 s, 30 s, 2 min (about 2 min in total).");
}

const S: fn(u64) -> Duration = Duration::from_secs;

fn tried(counted: u32, answer: Answer, retry_after: Option<Duration>) -> AttemptFacts {
    AttemptFacts { counted, uncounted: 0, is_probe: false, answer, retry_after }
}

fn verdict(tried: AttemptFacts) -> Verdict {
    let policy = RetryPolicy::default();
    classify(&policy.schedule, policy.longest_wait, &tried, 0.0)
}

#[test]
fn results_retry_postpone_or_fail() {
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
        (7, Answer::InvalidResponse, None, Verdict::RetryIn(S(21_600))),
        (8, Answer::Status(503), None, Verdict::RetryIn(S(43_200))),
        (9, Answer::Status(503), None, Verdict::Failed),
        (9, Answer::Status(429), None, Verdict::Failed),
        // A requested wait postpones the delivery and uses up no retry.
        (9, Answer::Status(503), Some(S(60)), Verdict::Postpone(S(60))),
        (0, Answer::Status(429), Some(S(60)), Verdict::Postpone(S(60))),
        (8, Answer::Status(503), Some(S(1)), Verdict::Postpone(S(1))),
        (0, Answer::Status(429), Some(Duration::ZERO), Verdict::Postpone(S(1))),
        (0, Answer::Status(429), Some(Duration::MAX), Verdict::Postpone(S(86_400))),
        // `Retry-After` is ignored with other statuses.
        (0, Answer::Status(500), Some(S(60)), Verdict::RetryIn(S(5))),
    ];
    for (counted, answer, retry_after, expected) in rows {
        assert_eq!(
            verdict(tried(counted, answer, retry_after)),
            expected,
            "after {counted}: {answer:?}, {retry_after:?}"
        );
    }
}

#[test]
fn a_probe_never_uses_up_a_schedule() {
    let probe = |counted, answer, retry_after| {
        verdict(AttemptFacts { is_probe: true, ..tried(counted, answer, retry_after) })
    };
    assert_eq!(probe(0, Answer::Status(500), None), Verdict::Postpone(S(5)));
    assert_eq!(probe(8, Answer::Timeout, None), Verdict::Postpone(S(43_200)));
    assert_eq!(
        probe(9, Answer::Timeout, None),
        Verdict::Postpone(S(43_200)),
        "no retries left, and still held"
    );
    assert_eq!(probe(9, Answer::Status(503), Some(S(7))), Verdict::Postpone(S(7)));
    let often = AttemptFacts {
        is_probe: true,
        uncounted: 10_000,
        ..tried(9, Answer::Status(503), Some(S(7)))
    };
    assert_eq!(verdict(often), Verdict::Postpone(S(7)));
    let nothing_scheduled = AttemptFacts { is_probe: true, ..tried(0, Answer::Status(500), None) };
    assert_eq!(classify(&[], S(60), &nothing_scheduled, 0.0), Verdict::Postpone(S(5)));
    // A probe can deliver its event, or end it.
    assert_eq!(probe(0, Answer::Status(200), None), Verdict::Delivered);
    assert_eq!(probe(0, Answer::Status(410), None), Verdict::Gone);
}

#[test]
fn after_a_hundred_postponements_attempts_count() {
    let later = |counted, uncounted| AttemptFacts {
        uncounted,
        ..tried(counted, Answer::Status(429), Some(S(60)))
    };
    assert_eq!(verdict(later(0, MAX_UNCOUNTED - 1)), Verdict::Postpone(S(60)));
    assert_eq!(
        verdict(later(0, MAX_UNCOUNTED)),
        Verdict::RetryIn(S(60)),
        "at least the requested wait"
    );
    assert_eq!(verdict(later(2, MAX_UNCOUNTED)), Verdict::RetryIn(S(120)));
    assert_eq!(verdict(later(9, MAX_UNCOUNTED)), Verdict::Failed);
}

#[test]
fn a_result_tells_about_the_receivers_load() {
    let rows = [
        (Answer::Status(204), Some(S(9)), LoadSignal::Accepted),
        (Answer::Status(429), None, LoadSignal::Overloaded { retry_after: None }),
        (Answer::Status(503), None, LoadSignal::Neutral),
        (Answer::Status(429), None, LoadSignal::Overloaded { retry_after: None }),
        (Answer::Status(429), Some(S(9)), LoadSignal::Overloaded { retry_after: Some(S(9)) }),
        (
            Answer::Status(503),
            Some(Duration::ZERO),
            LoadSignal::Overloaded { retry_after: Some(S(1)) },
        ),
        (
            Answer::Status(503),
            Some(Duration::MAX),
            LoadSignal::Overloaded { retry_after: Some(S(3600)) },
        ),
        (Answer::Status(500), Some(S(9)), LoadSignal::Neutral),
        (Answer::Timeout, None, LoadSignal::Neutral),
        (Answer::LocalFailure, None, LoadSignal::NotSent),
    ];
    for (answer, retry_after, expected) in rows {
        let found = load_signal(answer, retry_after, S(3600));
        assert_eq!(found, expected, "{answer:?}, {retry_after:?}");
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
        let Verdict::Postpone(wait) =
            classify(&policy.schedule, policy.longest_wait, &put_off, jitter)
        else {
            panic!("put off")
        };
        assert!(wait >= S(10) && wait <= S(11), "{jitter}: {wait:?}");
    }
}

#[test]
fn own_trouble_is_retried_soon_and_without_limit() {
    for before in [0, 1, 100, u32::MAX] {
        let verdict = classify(&[], S(1), &tried(before, Answer::LocalFailure, None), 0.0);
        assert_eq!(verdict, Verdict::Postpone(S(2)), "{before}");
    }
}

#[test]
fn an_empty_schedule_fails_after_the_first_attempt() {
    assert_eq!(classify(&[], S(60), &tried(0, Answer::Timeout, None), 0.0), Verdict::Failed);
}
