//! The metrics of the engine, named by the conventions of Prometheus: base units, and `_total` for
//! counters. No label names a hook or an event: their number is unbounded, and readers of the
//! metrics need not be allowed to know them. Every counter exists with 0 from the first scrape,
//! because an alert on its growth would otherwise miss the first failure.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::pressure::Backlog;
use crate::domain::{
    delivery::{Answer, State},
    event::EventType,
    time::Timestamp,
};

/// Labelled by event type. Readers who may not see event types get the sum.
pub const ACCEPTED: &str = "service_hooks_events_accepted_total";
const REFUSED: &str = "service_hooks_events_refused_total";
const DELIVERIES: &str = "service_hooks_deliveries_accepted_total";
const ATTEMPTS: &str = "service_hooks_attempts_total";
const ATTEMPT_SECONDS: &str = "service_hooks_attempt_duration_seconds";
const OUTCOMES: &str = "service_hooks_outcomes_total";
const LATE_RESULTS: &str = "service_hooks_late_results_refused_total";
const COMMIT_SECONDS: &str = "service_hooks_commit_duration_seconds";
const COMMIT_COMMANDS: &str = "service_hooks_commit_commands";
const COMMIT_FAILURES: &str = "service_hooks_commit_failures_total";
const LOAD_SECONDS: &str = "service_hooks_lane_load_duration_seconds";
const IN_FLIGHT: &str = "service_hooks_in_flight_attempts";
const LANE_BYTES: &str = "service_hooks_lane_memory_bytes";
const OVERDUE: &str = "service_hooks_overdue_hooks";
const OVERDUE_SECONDS: &str = "service_hooks_overdue_oldest_age_seconds";
const QUEUED: &str = "service_hooks_queued_deliveries";
const QUEUED_BYTES: &str = "service_hooks_queued_bytes";
const QUEUED_AGE: &str = "service_hooks_queued_oldest_age_seconds";
const FULL: &str = "service_hooks_full_hooks";
const PRUNED: &str = "service_hooks_pruned_rows_total";
const HOOKS: &str = "service_hooks_hooks";
const HOOK_CHANGES: &str = "service_hooks_hook_changes_total";
const COMPONENT_UP: &str = "service_hooks_component_up";
const BUILD_INFO: &str = "service_hooks_build_info";
const DATABASE_BYTES: &str = "service_hooks_database_bytes";
const DATABASE_FREE: &str = "service_hooks_database_free_bytes";
const DATABASE_LOG: &str = "service_hooks_database_log_bytes";

/// Histogram buckets for durations in seconds: from a commit on a fast disk to the longest timeout.
pub const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// Histogram buckets for counts.
pub const COUNTS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 512.0];

/// The states of [`HOOKS`].
const HOOK_STATES: &[&str] = &["healthy", "degraded", "paused", "off", "switched_off"];
/// The automatic changes of hooks: the labels of [`HOOK_CHANGES`].
const HOOK_CHANGE_KEYS: &[&str] = &["paused", "recovered", "switched_off"];

/// Describes all metrics and initialises the counters. Call it once the recorder is installed.
pub fn describe() {
    describe_counter!(ACCEPTED, "Events that were acknowledged");
    describe_counter!(REFUSED, "Requests that were turned away because too much was waiting");
    describe_counter!(
        DELIVERIES,
        "Deliveries that acknowledged events became, by the state they began in"
    );
    describe_counter!(ATTEMPTS, "Attempts, by what came of them");
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "How long attempts took");
    describe_counter!(OUTCOMES, "Recorded results, by the state they left the delivery in");
    describe_counter!(
        LATE_RESULTS,
        "Results that were refused because another node delivers for the hook by now"
    );
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "How long commits took");
    describe_histogram!(COMMIT_COMMANDS, "How many commands shared a commit");
    describe_counter!(COMMIT_FAILURES, "Commits that failed");
    describe_histogram!(
        LOAD_SECONDS,
        Unit::Seconds,
        "How long reading a lane's open deliveries took"
    );
    describe_counter!(PRUNED, "Rows that retention removed or emptied");
    describe_counter!(
        HOOK_CHANGES,
        "Hooks that the portal paused, let go on, or switched off by itself"
    );
    describe_gauges();
    init_counters();
}

fn describe_gauges() {
    describe_gauge!(IN_FLIGHT, "Attempts that are sent and not yet on record");
    describe_gauge!(
        LANE_BYTES,
        Unit::Bytes,
        "Memory that deliveries queued or in flight take, over all hooks"
    );
    describe_gauge!(
        OVERDUE,
        "Hooks that are ready and have something due, and make no attempt: never, if all is well"
    );
    describe_gauge!(
        OVERDUE_SECONDS,
        Unit::Seconds,
        "How long the oldest of their deliveries has been due"
    );
    describe_gauge!(QUEUED, "Deliveries that wait: pending, waiting or held");
    describe_gauge!(QUEUED_BYTES, Unit::Bytes, "Bytes of their bodies");
    describe_gauge!(
        QUEUED_AGE,
        Unit::Seconds,
        "How long the oldest has been due for its first attempt"
    );
    describe_gauge!(
        FULL,
        "Hooks with as much waiting as they may have: what comes for them is skipped"
    );
    describe_gauge!(HOOKS, "Hooks, by how they stand");
    describe_gauge!(COMPONENT_UP, "1 while this part of the server works, 0 while it does not");
    describe_gauge!(BUILD_INFO, "Always 1; the label says which version runs");
    describe_gauge!(DATABASE_BYTES, Unit::Bytes, "Size of the database");
    describe_gauge!(
        DATABASE_FREE,
        Unit::Bytes,
        "Bytes of a SQLite file that hold nothing and are used again first"
    );
    describe_gauge!(DATABASE_LOG, Unit::Bytes, "Size of SQLite's write-ahead log");
}

fn init_counters() {
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    EventType::ALL
        .iter()
        .for_each(|event| counter!(ACCEPTED, "event_type" => event.key()).increment(0));
    for state in [State::Pending, State::Held, State::Skipped] {
        counter!(DELIVERIES, "state" => state.key()).increment(0);
    }
    Answer::classes().for_each(|class| counter!(ATTEMPTS, "class" => class).increment(0));
    for state in [State::Delivered, State::Waiting, State::Failed] {
        counter!(OUTCOMES, "state" => state.key()).increment(0);
    }
    HOOK_CHANGE_KEYS
        .iter()
        .for_each(|change| counter!(HOOK_CHANGES, "change" => *change).increment(0));
    for name in [REFUSED, LATE_RESULTS, COMMIT_FAILURES, PRUNED] {
        counter!(name).increment(0);
    }
    for name in [IN_FLIGHT, QUEUED, QUEUED_BYTES, QUEUED_AGE] {
        gauge!(name).increment(0.0);
    }
}

/// Counts events of a committed accept.
pub(super) fn accepted(events: impl Iterator<Item = EventType>) {
    for event in events {
        counter!(ACCEPTED, "event_type" => event.key()).increment(1);
    }
}

/// Counts a delivery of an accepted event by its first state.
pub(super) fn planned(state: State) {
    counter!(DELIVERIES, "state" => state.key()).increment(1);
}

/// Counts a request refused by back-pressure.
pub(super) fn refused() {
    counter!(REFUSED).increment(1);
}

/// Counts an attempt and its duration, before its result is recorded.
pub(super) fn attempted(answer: Answer, took: Duration) {
    counter!(ATTEMPTS, "class" => answer.class()).increment(1);
    histogram!(ATTEMPT_SECONDS).record(took.as_secs_f64());
}

/// Counts a recorded result by the new state of its delivery.
pub(super) fn recorded(state: State) {
    counter!(OUTCOMES, "state" => state.key()).increment(1);
}

/// Counts a result that was refused because its fencing token is stale.
pub(super) fn came_late() {
    counter!(LATE_RESULTS).increment(1);
}

/// Records a commit: how many commands shared it, and how long it took.
pub(super) fn committed(commands: usize, took: Duration) {
    histogram!(COMMIT_SECONDS).record(took.as_secs_f64());
    histogram!(COMMIT_COMMANDS).record(commands as f64);
}

pub(super) fn commit_failed() {
    counter!(COMMIT_FAILURES).increment(1);
}

/// Records how long a lane took to load open deliveries.
pub(super) fn loaded(took: Duration) {
    histogram!(LOAD_SECONDS).record(took.as_secs_f64());
}

pub(super) fn in_flight(attempts: usize) {
    gauge!(IN_FLIGHT).set(attempts as f64);
}

/// Sets how many hooks are overdue, and the age of their oldest due delivery.
pub(super) fn overdue(hooks: usize, oldest: Duration) {
    gauge!(OVERDUE).set(hooks as f64);
    gauge!(OVERDUE_SECONDS).set(oldest.as_secs_f64());
}

/// Sets the memory that deliveries in all lanes take.
pub(super) fn lane_memory(bytes: usize) {
    gauge!(LANE_BYTES).set(bytes as f64);
}

/// Counts rows that retention deleted or cleared.
pub(super) fn pruned(rows: u64) {
    counter!(PRUNED).increment(rows);
}

/// Counts an automatic change of a hook; `change` is one of [`HOOK_CHANGE_KEYS`].
pub(super) fn hook_changed(change: &'static str) {
    counter!(HOOK_CHANGES, "change" => change).increment(1);
}

/// The number of hooks in each state. States that are missing in `counts` are set to 0.
pub(super) fn hooks(counts: &[(String, i64)]) {
    for state in HOOK_STATES {
        let count = counts.iter().find(|(known, _)| known == state).map_or(0, |(_, count)| *count);
        gauge!(HOOKS, "state" => *state).set(count as f64);
    }
}

/// Size of the database in bytes; with SQLite also the free bytes and the size of the write-ahead
/// log.
pub(super) fn database(bytes: i64, files: Option<(i64, u64)>) {
    gauge!(DATABASE_BYTES).set(bytes as f64);
    if let Some((free, log)) = files {
        gauge!(DATABASE_FREE).set(free as f64);
        gauge!(DATABASE_LOG).set(log as f64);
    }
}

/// Sets whether a part of the server works.
pub fn component(name: &'static str, is_up: bool) {
    gauge!(COMPONENT_UP, "component" => name).set(f64::from(u8::from(is_up)));
}

/// Sets how many hooks have a full queue.
pub(super) fn full_hooks(hooks: usize) {
    gauge!(FULL).set(hooks as f64);
}

/// Sets the backlog of all hooks.
pub(super) fn backlog(backlog: &Backlog, now: Timestamp) {
    gauge!(QUEUED).set(backlog.deliveries as f64);
    gauge!(QUEUED_BYTES).set(backlog.bytes as f64);
    gauge!(QUEUED_AGE).set(backlog.oldest.map_or(0.0, |oldest| oldest.until(now).as_secs_f64()));
}
