//! What the engine counts and times, under the names that Prometheus' conventions give such things: base units, `_total`
//! for what only grows. No label names a hook or an event: there can be any number of those, and who may read the
//! figures need not be allowed to know them.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::pressure::Weight;
use crate::domain::{
    delivery::{Answer, State},
    event::EventType,
    time::Timestamp,
};

const EVENTS: &str = "service_hooks_events_accepted_total";
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
const QUEUED: &str = "service_hooks_queued_deliveries";
const QUEUED_BYTES: &str = "service_hooks_queued_bytes";
const QUEUED_AGE: &str = "service_hooks_queued_oldest_age_seconds";
const PRUNED: &str = "service_hooks_pruned_rows_total";

/// Bounds of the buckets of everything that is timed, in seconds: from a commit on a fast disk to the longest time-out.
pub const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0];
/// Bounds of the buckets of everything that is counted.
pub const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Says what each figure means. To be called once a recorder is in place.
pub fn describe() {
    describe_counter!(EVENTS, "Events that were acknowledged");
    describe_counter!(REFUSED, "Requests that were turned away because too much was waiting");
    describe_counter!(DELIVERIES, "Deliveries that acknowledged events became, by the state they began in");
    describe_counter!(ATTEMPTS, "Attempts, by what came of them");
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "How long attempts took");
    describe_counter!(OUTCOMES, "Recorded results, by the state they left the delivery in");
    describe_counter!(LATE, "Results that were refused because another node delivers for the hook by now");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "How long commits took");
    describe_histogram!(COMMIT_COMMANDS, "How many commands shared a commit");
    describe_counter!(COMMIT_FAILURES, "Commits that failed");
    describe_histogram!(LOAD_SECONDS, Unit::Seconds, "How long reading a lane's open deliveries took");
    describe_gauge!(IN_FLIGHT, "Attempts that are sent and not yet on record");
    describe_gauge!(QUEUED, "Deliveries that wait: pending, waiting or held");
    describe_gauge!(QUEUED_BYTES, Unit::Bytes, "Bytes of their bodies");
    describe_gauge!(QUEUED_AGE, Unit::Seconds, "How long the oldest has been due for its first attempt");
    describe_counter!(PRUNED, "Rows that retention removed or emptied");
}

pub(super) fn accepted(events: impl Iterator<Item = EventType>) {
    for event in events {
        counter!(EVENTS, "event_type" => event.key()).increment(1);
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

pub(super) fn pruned(rows: u64) {
    counter!(PRUNED).increment(rows);
}

pub(super) fn weighed(weight: &Weight, now: Timestamp) {
    gauge!(QUEUED).set(weight.deliveries as f64);
    gauge!(QUEUED_BYTES).set(weight.bytes as f64);
    gauge!(QUEUED_AGE).set(weight.oldest.map_or(0.0, |oldest| oldest.until(now).as_secs_f64()));
}
