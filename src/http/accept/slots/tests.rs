//! Tests of the eviction policy.

use super::*;
use crate::engine::clock::Clock;

fn address(number: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, number])
}

fn slot(slots: &Slots, number: u8) -> Slot {
    slots.take(address(number)).unwrap()
}

#[test]
fn the_longest_waiting_connection_is_evicted_and_answered_ones_are_not() {
    let slots = Slots::new(4, &[], Clock::System.stopwatch());
    let held: Vec<Slot> = (1..=4).map(|number| slot(&slots, number)).collect();
    held[0].progress.set_idle(false);
    held[2].progress.since.store(0, Ordering::Relaxed);
    held[1].progress.since.store(5, Ordering::Relaxed);
    held[3].progress.since.store(5, Ordering::Relaxed);
    let newcomer = slot(&slots, 5);
    assert!(held[2].evicted.is_cancelled() && !newcomer.evicted.is_cancelled());
    for one in [&held[1], &held[3], &newcomer] {
        one.progress.set_idle(false);
    }
    assert_eq!(slots.take(address(6)).err(), Some(NoSlot::Full));
    drop(held);
    slot(&slots, 6);
}

#[test]
fn an_address_with_many_connections_is_evicted_before_one_with_few() {
    let slots = Slots::new(4, &[], Clock::System.stopwatch());
    let few = slot(&slots, 1);
    let many = [slot(&slots, 2), slot(&slots, 2), slot(&slots, 3)];
    few.progress.since.store(0, Ordering::Relaxed);
    let newcomer = slot(&slots, 4);
    let evicted: Vec<bool> = many.iter().map(|one| one.evicted.is_cancelled()).collect();
    assert!(evicted[..2].contains(&true) && !evicted[2], "{evicted:?}");
    assert!(!few.evicted.is_cancelled() && !newcomer.evicted.is_cancelled());
    // The same holds when all other connections are being answered.
    for one in many.iter().chain([&newcomer]) {
        one.progress.set_idle(false);
    }
    assert!(slots.take(address(2)).is_err() && !few.evicted.is_cancelled());
}

#[test]
fn an_address_at_its_limit_evicts_its_own_connections() {
    let slots = Slots::new(10, &[], Clock::System.stopwatch());
    let other = slot(&slots, 1);
    other.progress.since.store(0, Ordering::Relaxed);
    let greedy: Vec<Slot> = (0..6).map(|_| slot(&slots, 2)).collect();
    let evicted = greedy.iter().filter(|one| one.evicted.is_cancelled()).count();
    assert_eq!((evicted, other.evicted.is_cancelled()), (1, false));
    let proxied = Slots::new(10, &[IpNet::from(address(2))], Clock::System.stopwatch());
    let all: Vec<Slot> = (0..10).map(|_| slot(&proxied, 2)).collect();
    assert!(all.iter().all(|one| !one.evicted.is_cancelled()), "a trusted proxy");
    drop((greedy, other));
    assert!(slots.lock().connections.is_empty() && slots.lock().per_address.is_empty());
}

#[test]
fn many_addresses_with_one_connection_each_do_not_evict_an_address_with_a_few() {
    let slots = Slots::new(64, &[], Clock::System.stopwatch());
    let hostile: Vec<Slot> = (1..=62).map(|number| slot(&slots, number)).collect();
    hostile.iter().for_each(|one| one.progress.since.store(0, Ordering::Relaxed));
    // A working client: four connections that became idle just now.
    let client: Vec<Slot> = (0..4).map(|_| slot(&slots, 100)).collect();
    client.iter().for_each(|one| one.progress.since.store(9, Ordering::Relaxed));
    let more: Vec<Slot> = (150..170).map(|number| slot(&slots, number)).collect();
    assert!(client.iter().all(|one| !one.evicted.is_cancelled()));
    assert!(more.iter().all(|one| !one.evicted.is_cancelled()));
    let evicted = hostile.iter().filter(|one| one.evicted.is_cancelled()).count();
    assert_eq!(evicted, 62 + 4 + 20 - 64);
}

#[test]
fn the_addresses_of_one_ipv6_network_count_as_one() {
    let slots = Slots::new(64, &[], Clock::System.stopwatch());
    let of_network = |number: u16| format!("2001:db8::{number:x}").parse().unwrap();
    let many: Vec<Slot> = (1..=40).map(|n| slots.take(of_network(n)).unwrap()).collect();
    let evicted = many.iter().filter(|one| one.evicted.is_cancelled()).count();
    assert_eq!(evicted, 40 - 32, "one network holds half of the slots at most");
}
