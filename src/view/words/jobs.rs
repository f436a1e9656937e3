//! Sentences about jobs: preview, progress and result of a redelivery.

use super::hooks::sentence_case;
use crate::domain::{
    job::{Count, Job, JobState, Scope, time_needed},
    preferences::Clockface,
    words::{count, grouped},
};

/// The progress of a job: sent, left out, and the time that is left.
pub fn progress(job: &Job) -> String {
    let (processed, all) = job.progress();
    let mut words = match job.state {
        JobState::Done => format!("{} redelivered", count(job.done, "event")),
        _ => format!("{} of {} redelivered", grouped(job.done), grouped(all)),
    };
    if job.skipped > 0 {
        let left_out = grouped(job.skipped);
        words = format!("{words}, {left_out} left out (already sent or payload removed)");
    }
    words.push('.');
    if job.state == JobState::Running && all > processed {
        words =
            format!("{words} About {} remaining.", time_needed(all - processed, job.per_second));
    }
    words
}

/// The state of a job.
pub fn state(state: JobState) -> &'static str {
    match state {
        JobState::Running => "Running",
        JobState::Paused => "Paused",
        JobState::Done => "Done",
        JobState::Cancelled => "Cancelled",
    }
}

/// What a job redelivers: `Failed or skipped, accepted since 2026-11-22 14:00:00 UTC`.
pub fn scope(scope: &Scope, clock: &dyn Clockface) -> String {
    let states: Vec<String> =
        scope.states.iter().map(|state| state.word().to_lowercase()).collect();
    let mut words = sentence_case(&states.join(" or "));
    if let Some(answer) = scope.answer {
        words = format!("{words}, last response: {}", answer.word());
    }
    if let Some(event_type) = scope.event_type {
        words = format!("{words}, {}", event_type.name());
    }
    if let Some(event) = scope.event {
        words = format!("{words}, event {event}");
    }
    match (scope.from, scope.to) {
        (Some(from), Some(to)) => {
            format!("{words}, accepted from {} to {}", clock.exact(from), clock.exact(to))
        }
        (Some(from), None) => format!("{words}, accepted since {}", clock.exact(from)),
        (None, Some(to)) => format!("{words}, accepted until {}", clock.exact(to)),
        (None, None) => words,
    }
}

/// `68 events`, `more than 1,000,000 events`.
pub fn counted(number: &Count) -> String {
    let events = count(number.total(), "event");
    if number.is_more { format!("more than {events}") } else { events }
}

/// The heading of a preview.
pub fn preview_title(number: &Count) -> String {
    match number.total() {
        0 => "Nothing to redeliver".to_owned(),
        _ => format!("{} to redeliver", sentence_case(&counted(number))),
    }
}

/// The button that starts the job of a preview.
pub fn start(number: &Count) -> String {
    format!("Redeliver {}", counted(number))
}

/// How long a job will take.
pub fn duration(events: i64, per_second: u32) -> String {
    format!("At {per_second} per second this takes about {}.", time_needed(events, per_second))
}

/// A job has started.
pub fn started(events: i64) -> String {
    format!("Redelivering {}.", count(events, "event"))
}

/// Another job covers some of the same deliveries; the page shows that job.
pub const OVERLAPS: &str =
    "Nothing was started: this job is running and covers some of the same deliveries.";

/// A job was paused, resumed or cancelled.
pub fn changed(state: JobState) -> &'static str {
    match state {
        JobState::Paused => "Job paused.",
        JobState::Cancelled => "Job cancelled. Remaining events were not redelivered.",
        JobState::Running => "Job resumed.",
        JobState::Done => "Job finished.",
    }
}

/// A job's state can't change, because it ended before: `message` is the reason without a subject.
pub fn not_changed(message: &str) -> String {
    format!("The job {message}.")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        delivery::State, id::JobId, job::Kind, log::AnswerGroup, preferences::Utc, time::Timestamp,
    };

    #[test]
    fn progress_names_what_was_sent_left_out_and_is_left() {
        let mut job = Job {
            id: JobId(Uuid::nil()),
            kind: Kind::Recover,
            state: JobState::Running,
            scope: Scope::default(),
            per_second: 10,
            total: 1204,
            done: 1000,
            skipped: 4,
            created_by: "a".into(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            problem: None,
        };
        assert_eq!(
            progress(&job),
            "1,000 of 1,204 redelivered, 4 left out (already sent or payload removed). About 20 s \
             remaining."
        );
        (job.state, job.skipped, job.done) = (JobState::Done, 0, 2000);
        assert_eq!(progress(&job), "2,000 events redelivered.");
    }

    #[test]
    fn a_scope_is_one_phrase() {
        let mut of = Scope { states: vec![State::Failed, State::Skipped], ..Scope::default() };
        assert_eq!(scope(&of, &Utc), "Failed or skipped");
        (of.answer, of.from) = (Some(AnswerGroup::Timeout), Some(Timestamp(0)));
        assert_eq!(
            scope(&of, &Utc),
            format!(
                "Failed or skipped, last response: {}, accepted since {}",
                AnswerGroup::Timeout.word(),
                Utc.exact(Timestamp(0))
            )
        );
    }

    #[test]
    fn a_preview_counts_events() {
        let mut number = Count::default();
        assert_eq!(preview_title(&number), "Nothing to redeliver");
        number.add(State::Failed, AnswerGroup::Timeout, 68);
        assert_eq!(preview_title(&number), "68 events to redeliver");
        assert_eq!(start(&number), "Redeliver 68 events");
        number.is_more = true;
        assert_eq!(preview_title(&number), "More than 68 events to redeliver");
        assert_eq!(duration(68, 1), "At 1 per second this takes about 68 s.");
    }
}
