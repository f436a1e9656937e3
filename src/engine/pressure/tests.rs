//! The marks: each hook's own, and the one for all.

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

fn weight(bytes: i64, oldest: Option<i64>) -> Weight {
    Weight { deliveries: 1, bytes, oldest: oldest.map(Timestamp) }
}

#[test]
fn above_either_mark_for_all_nothing_is_accepted_until_it_is_below_again() {
    // Where a hook may have more than all together, only the mark for all counts.
    let limits = Limits { hook_age: Some(600 * SECOND), ..limits(100, 1000) };
    let pressure = Pressure::new(limits, Full::default());
    let weigh = |bytes, oldest: Option<i64>| {
        pressure.begin();
        pressure.weighed(hook(1), weight(bytes, oldest));
        pressure.evaluate(Timestamp(100_000));
        pressure.check().is_ok()
    };
    assert!(pressure.check().is_ok());
    assert!(weigh(100, Some(40_000)));
    assert!(!weigh(101, None));
    assert!(pressure.wants_weighing() && pressure.wants_weighing(), "it may have become less");
    assert!(!weigh(1, Some(39_999)));
    assert!(weigh(0, None));
    pressure.weighed(hook(1), Weight::default());
    pressure.evaluate(Timestamp(1));
    assert!(!pressure.wants_weighing());
    pressure.weighed(hook(1), weight(101, None));
    pressure.evaluate(Timestamp(1));
    pressure.weighed(hook(1), weight(102, None));
    pressure.evaluate(Timestamp(2));
    assert_eq!(pressure.refusing_since(), Some(Timestamp(1)), "since the first time");
}

#[test]
fn a_hook_over_its_own_limit_is_full_until_a_quarter_is_free_and_concerns_nobody_else() {
    let (full, now) = (Full::default(), Timestamp(100_000));
    let pressure = Pressure::new(limits(1000, 100), full.clone());
    let weigh = |bytes, oldest: Option<i64>| {
        pressure.weighed(hook(1), weight(bytes, oldest));
        pressure.weighed(hook(2), weight(1, Some(99_999)));
        let judged = pressure.evaluate(now);
        assert!(pressure.check().is_ok() && full.get(hook(2)).is_none());
        (full.get(hook(1)), judged.turns)
    };
    assert_eq!(weigh(100, None), (None, vec![]));
    assert_eq!(weigh(101, None), (Some(Overflow::Bytes), vec![(hook(1), Some(Overflow::Bytes))]));
    assert_eq!(weigh(76, None), (Some(Overflow::Bytes), vec![]));
    assert_eq!(weigh(75, None), (None, vec![(hook(1), None)]));
    // It is far older than the mark for all: nobody is turned away for it.
    assert_eq!(weigh(1, Some(1)).0, Some(Overflow::Age));
    assert_eq!(weigh(1, Some(84_999)).0, Some(Overflow::Age));
    assert_eq!(weigh(1, Some(85_001)).0, None);
    assert_eq!(weigh(101, None).0, Some(Overflow::Bytes));
    pressure.weighed(hook(1), Weight::default());
    assert_eq!(pressure.evaluate(now).turns, [(hook(1), None)], "nothing waits for it any more");
    assert!(full.is_empty());
}

#[test]
fn however_many_hooks_are_down_they_do_not_fill_the_mark_for_all() {
    let (full, pressure_of) = (Full::default(), limits(1000, 250));
    let pressure = Pressure::new(pressure_of, full.clone());
    let mut bytes = [0i64; 20];
    for _ in 0..500 {
        for (number, bytes) in bytes.iter_mut().enumerate() {
            if full.get(hook(number as u128)).is_none() {
                *bytes += 1;
            }
            pressure.weighed(hook(number as u128), weight(*bytes, None));
        }
        pressure.evaluate(Timestamp(0));
        assert!(pressure.check().is_ok());
    }
    let all: i64 = bytes.iter().sum();
    assert!((900..=1000).contains(&all), "{all} bytes wait for hooks that are down");
}

#[tokio::test]
async fn what_came_since_raises_a_suspicion_and_weighing_settles_it() {
    let pressure = Pressure::new(limits(1000, 100), Full::default());
    pressure.accepted([(hook(1), 60), (hook(2), 60)].into_iter());
    assert_eq!(pressure.suspects(), []);
    pressure.accepted([(hook(1), 60)].into_iter());
    pressure.suspicion().await;
    assert_eq!(pressure.suspects(), [hook(1)]);
    assert!(pressure.full().is_empty(), "perhaps most of it was delivered");
    pressure.begin();
    pressure.accepted([(hook(1), 5)].into_iter());
    pressure.weighed(hook(1), weight(10, None));
    pressure.evaluate(Timestamp(0));
    assert_eq!(pressure.suspects(), []);
    pressure.accepted([(hook(1), 86)].into_iter());
    assert_eq!(pressure.suspects(), [hook(1)], "what came while it was weighed counts");
}
