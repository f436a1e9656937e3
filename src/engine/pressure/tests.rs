//! Tests of the limits: of each hook, and the global one.

use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn limits(queued_bytes: u64, hook_bytes: u64) -> Limits {
    let age = Some(20 * SECOND);
    Limits {
        queued_bytes,
        queued_age: 60 * SECOND,
        hook_bytes: Some(hook_bytes),
        hook_age: age,
        reserve_bytes: 0,
    }
}

fn hook(number: u128) -> HookId {
    HookId(uuid::Uuid::from_u128(number))
}

fn backlog(bytes: i64, oldest: Option<i64>) -> Backlog {
    Backlog { deliveries: 1, bytes, oldest: oldest.map(Timestamp) }
}

#[test]
fn above_either_global_limit_nothing_is_accepted_until_it_is_below_again() {
    // If the limit of one hook exceeds the global limit, only the global limit matters.
    let limits = Limits { hook_age: Some(600 * SECOND), ..limits(100, 1000) };
    let pressure = Pressure::new(limits, Full::default());
    let count = |bytes, oldest: Option<i64>| {
        pressure.begin_count();
        pressure.set_backlog(hook(1), backlog(bytes, oldest));
        pressure.evaluate(Timestamp(100_000));
        pressure.check().is_ok()
    };
    assert!(pressure.check().is_ok());
    assert!(count(100, Some(40_000)));
    assert!(!count(101, None));
    assert!(pressure.needs_count() && pressure.needs_count(), "it may have become less");
    assert!(!count(1, Some(39_999)));
    assert!(count(0, None));
    pressure.set_backlog(hook(1), Backlog::default());
    pressure.evaluate(Timestamp(1));
    assert!(!pressure.needs_count());
    pressure.set_backlog(hook(1), backlog(101, None));
    pressure.evaluate(Timestamp(1));
    pressure.set_backlog(hook(1), backlog(102, None));
    pressure.evaluate(Timestamp(2));
    assert_eq!(pressure.refusing_since(), Some(Timestamp(1)), "since the first time");
}

#[test]
fn a_hook_over_its_own_limit_is_full_until_a_quarter_is_free_and_affects_no_other_hook() {
    let (full, now) = (Full::default(), Timestamp(100_000));
    let pressure = Pressure::new(limits(1000, 100), full.clone());
    let count = |bytes, oldest: Option<i64>| {
        pressure.set_backlog(hook(1), backlog(bytes, oldest));
        pressure.set_backlog(hook(2), backlog(1, Some(99_999)));
        let evaluated = pressure.evaluate(now);
        assert!(pressure.check().is_ok() && full.get(hook(2)).is_none());
        (full.get(hook(1)), evaluated.changes)
    };
    assert_eq!(count(100, None), (None, vec![]));
    assert_eq!(count(101, None), (Some(Overflow::Bytes), vec![(hook(1), Some(Overflow::Bytes))]));
    assert_eq!(count(76, None), (Some(Overflow::Bytes), vec![]));
    assert_eq!(count(75, None), (None, vec![(hook(1), None)]));
    // Far older than the global age limit, but a full hook does not count for that.
    assert_eq!(count(1, Some(1)).0, Some(Overflow::Age));
    assert_eq!(count(1, Some(84_999)).0, Some(Overflow::Age));
    assert_eq!(count(1, Some(85_001)).0, None);
    assert_eq!(count(101, None).0, Some(Overflow::Bytes));
    pressure.set_backlog(hook(1), Backlog::default());
    assert_eq!(pressure.evaluate(now).changes, [(hook(1), None)], "nothing waits for it any more");
    assert!(full.is_empty());
}

#[test]
fn any_number_of_failing_hooks_stays_below_the_global_limit() {
    let (full, pressure_of) = (Full::default(), limits(1000, 250));
    let pressure = Pressure::new(pressure_of, full.clone());
    let mut bytes = [0i64; 20];
    for _ in 0..500 {
        for (number, bytes) in bytes.iter_mut().enumerate() {
            if full.get(hook(number as u128)).is_none() {
                *bytes += 1;
            }
            pressure.set_backlog(hook(number as u128), backlog(*bytes, None));
        }
        pressure.evaluate(Timestamp(0));
        assert!(pressure.check().is_ok());
    }
    let all: i64 = bytes.iter().sum();
    assert!((900..=1000).contains(&all), "{all} bytes wait for hooks that are down");
}

#[tokio::test]
async fn accepts_beyond_the_limit_make_a_hook_a_suspect_until_it_is_counted() {
    let pressure = Pressure::new(limits(1000, 100), Full::default());
    pressure.accepted([(hook(1), 60), (hook(2), 60)].into_iter());
    assert_eq!(pressure.suspects(), []);
    pressure.accepted([(hook(1), 60)].into_iter());
    pressure.wait_for_suspect().await;
    assert_eq!(pressure.suspects(), [hook(1)]);
    assert!(pressure.full().is_empty(), "perhaps most of it was delivered");
    pressure.begin_count();
    pressure.accepted([(hook(1), 5)].into_iter());
    pressure.set_backlog(hook(1), backlog(10, None));
    pressure.evaluate(Timestamp(0));
    assert_eq!(pressure.suspects(), []);
    pressure.accepted([(hook(1), 86)].into_iter());
    assert_eq!(pressure.suspects(), [hook(1)], "what came while it was weighed counts");
}
