//! What the engine counts and times, under the names that Prometheus' conventions give such things:
//! base units, `_total` for what only grows. No label names a hook or an event: there can be any
//! number of those, and who may read the figures need not be allowed to know them. Every counter is
//! there from the first scrape, with 0: an alert on its growth would miss a first failure
//! otherwise.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::pressure::Weight;
use crate::domain::{
    delivery::{Answer, State},
    event::EventType,
    time::Timestamp,
};

/// By their types; who may not know those is shown the sum.
pub const ACCEPTED: &str = "service_hooks_events_accepted_total";
const REFUSED: &str = "service_hooks_events_refused_total";
const DELIVERIES: &str = "service_hooks_deliveries_accepted_total";
const ATTEMPTS: &str = "service_hooks_attempts_total";
const ATTEMPT_SECONDS: &str = "service_hooks_attempt_duration_seconds";
const OUTCOMES: &str = "service_hooks_outcomes_total";
const LATE: &str = "service_hooks_late_results_refused_total";
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
const TURNS: &str = "service_hooks_hook_changes_total";
const UP: &str = "service_hooks_component_up";
const BUILD: &str = "service_hooks_build_info";
const DATABASE_BYTES: &str = "service_hooks_database_bytes";
const DATABASE_FREE: &str = "service_hooks_database_free_bytes";
const DATABASE_LOG: &str = "service_hooks_database_log_bytes";

/// Bounds of the buckets of everything that is timed, in seconds: from a commit on a fast disk to
/// the longest time-out.
pub const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// Bounds of the buckets of everything that is counted.
pub const COUNTS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 512.0];

/// The states of [`HOOKS`].
const HOOK_STATES: &[&str] = &["healthy", "degraded", "paused", "off", "switched_off"];
/// What the portal decides about a hook by itself.
const TURN_KEYS: &[&str] = &["paused", "recovered", "switched_off"];

/// Says what each figure means, and begins every counter at 0. To be called once a recorder is in
/// place.
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
        LATE,
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
    describe_counter!(TURNS, "Hooks that the portal paused, let go on, or switched off by itself");
    describe_gauges();
    begin();
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
    describe_gauge!(UP, "1 while this part of the server works, 0 while it does not");
    describe_gauge!(BUILD, "Always 1; the label says which version runs");
    describe_gauge!(DATABASE_BYTES, Unit::Bytes, "Size of the database");
    describe_gauge!(
        DATABASE_FREE,
        Unit::Bytes,
        "Bytes of a SQLite file that hold nothing and are used again first"
    );
    describe_gauge!(DATABASE_LOG, Unit::Bytes, "Size of SQLite's write-ahead log");
}

fn begin() {
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
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
    TURN_KEYS.iter().for_each(|change| counter!(TURNS, "change" => *change).increment(0));
    for name in [REFUSED, LATE, COMMIT_FAILURES, PRUNED] {
        counter!(name).increment(0);
    }
    for name in [IN_FLIGHT, QUEUED, QUEUED_BYTES, QUEUED_AGE] {
        gauge!(name).increment(0.0);
    }
}

pub(super) fn accepted(events: impl Iterator<Item = EventType>) {
    for event in events {
        counter!(ACCEPTED, "event_type" => event.key()).increment(1);
    }
}

pub(super) fn planned(state: State) {
    counter!(DELIVERIES, "state" => state.key()).increment(1);
}

pub(super) fn refused() {
    counter!(REFUSED).increment(1);
}

pub(super) fn attempted(answer: Answer, took: Duration) {
    counter!(ATTEMPTS, "class" => answer.class()).increment(1);
    histogram!(ATTEMPT_SECONDS).record(took.as_secs_f64());
}

pub(super) fn recorded(state: State) {
    counter!(OUTCOMES, "state" => state.key()).increment(1);
}

pub(super) fn came_late() {
    counter!(LATE).increment(1);
}

pub(super) fn committed(commands: usize, took: Duration) {
    histogram!(COMMIT_SECONDS).record(took.as_secs_f64());
    histogram!(COMMIT_COMMANDS).record(commands as f64);
}

pub(super) fn commit_failed() {
    counter!(COMMIT_FAILURES).increment(1);
}

pub(super) fn loaded(took: Duration) {
    histogram!(LOAD_SECONDS).record(took.as_secs_f64());
}

pub(super) fn in_flight(attempts: usize) {
    gauge!(IN_FLIGHT).set(attempts as f64);
}

pub(super) fn overdue(hooks: usize, oldest: Duration) {
    gauge!(OVERDUE).set(hooks as f64);
    gauge!(OVERDUE_SECONDS).set(oldest.as_secs_f64());
}

pub(super) fn lane_memory(bytes: usize) {
    gauge!(LANE_BYTES).set(bytes as f64);
}

pub(super) fn pruned(rows: u64) {
    counter!(PRUNED).increment(rows);
}

/// The portal changed how a hook stands; `change` is one of [`TURN_KEYS`].
pub(super) fn turned(change: &'static str) {
    counter!(TURNS, "change" => change).increment(1);
}

/// How many hooks there are in each state. Of the states that are not named there is none.
pub(super) fn hooks(counts: &[(String, i64)]) {
    for state in HOOK_STATES {
        let count = counts.iter().find(|(known, _)| known == state).map_or(0, |(_, count)| *count);
        gauge!(HOOKS, "state" => *state).set(count as f64);
    }
}

/// Bytes of the database; of a SQLite file also how many are free, and how long its log is.
pub(super) fn database(bytes: i64, files: Option<(i64, u64)>) {
    gauge!(DATABASE_BYTES).set(bytes as f64);
    if let Some((free, log)) = files {
        gauge!(DATABASE_FREE).set(free as f64);
        gauge!(DATABASE_LOG).set(log as f64);
    }
}

/// Does this part of the server work?
pub fn component(name: &'static str, is_up: bool) {
    gauge!(UP, "component" => name).set(f64::from(u8::from(is_up)));
}

pub(super) fn full(hooks: usize) {
    gauge!(FULL).set(hooks as f64);
}

pub(super) fn weighed(weight: &Weight, now: Timestamp) {
    gauge!(QUEUED).set(weight.deliveries as f64);
    gauge!(QUEUED_BYTES).set(weight.bytes as f64);
    gauge!(QUEUED_AGE).set(weight.oldest.map_or(0.0, |oldest| oldest.until(now).as_secs_f64()));
}
