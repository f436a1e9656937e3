//! Sentences about jobs: preview, progress and result of a redelivery.

use super::hooks::sentence_case;
use crate::domain::{
    job::{Count, Job, JobState, Scope, time_needed},
    job_results::JobResults,
    preferences::Clockface,
    words::{MANY, count, grouped},
};

/// The progress of a job: queued, what became of it, left out, and the time that is left. A job
/// only queues events: whether they arrived is another matter.
pub fn progress(job: &Job, results: &JobResults) -> String {
    let (processed, all) = job.progress();
    let mut words = match job.state {
        JobState::Done if job.done == 0 => "Nothing was redelivered".to_owned(),
        JobState::Done if results.delivered == job.done => {
            format!("{} redelivered and delivered", count(job.done, "event"))
        }
        JobState::Done => format!("{} queued", count(job.done, "event")),
        _ => format!("{} of {} queued", grouped(job.done), grouped(all)),
    };
    let became = became(results);
    if results.delivered < job.done && !became.is_empty() {
        words = format!("{words}: {became}");
    }
    if job.skipped > 0 {
        let left_out = grouped(job.skipped);
        words =
            format!("{words}. {left_out} left out (already sent, dismissed or payload removed)");
    }
    words.push('.');
    if job.state == JobState::Running && all > processed {
        words =
            format!("{words} About {} remaining.", time_needed(all - processed, job.per_second));
    }
    words
}

/// `60 delivered, 3 failed again, 5 held until the hook is turned on`
pub fn became(results: &JobResults) -> String {
    let parts = [
        (results.delivered, "delivered"),
        (results.failed, "failed again"),
        (results.waiting, "waiting for an attempt"),
        (results.held_off, "held until the hook is turned on"),
        (results.held_paused, "held while the hook is paused"),
        (results.cancelled, "cancelled"),
        (results.gone, "redelivered again or removed since"),
    ];
    let part = |(number, what): (i64, &str)| match results.is_more && number > MANY {
        true => format!("more than {} {what}", grouped(MANY)),
        false => format!("{} {what}", grouped(number)),
    };
    let parts = parts.into_iter().filter(|(number, _)| *number > 0).map(part);
    parts.collect::<Vec<_>>().join(", ")
}

/// The state of a job with the state of its deliveries: `Done` only when nothing is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Running,
    Paused,
    Cancelled,
    /// Its deliveries are held.
    Held,
    /// Its deliveries wait for an attempt.
    Sending,
    /// Some failed again.
    Failed,
    Done,
}

impl Standing {
    pub fn of(job: &Job, results: &JobResults) -> Self {
        match job.state {
            JobState::Running => Self::Running,
            JobState::Paused => Self::Paused,
            JobState::Cancelled => Self::Cancelled,
            JobState::Done if results.held() > 0 => Self::Held,
            JobState::Done if results.waiting > 0 => Self::Sending,
            JobState::Done if results.failed > 0 => Self::Failed,
            JobState::Done => Self::Done,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Paused => "Paused",
            Self::Cancelled => "Cancelled",
            Self::Held => "Held",
            Self::Sending => "Sending",
            Self::Failed => "Some failed again",
            Self::Done => "Done",
        }
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
    format!("Redelivery of {} started.", count(events, "event"))
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

    fn done(number: i64) -> Job {
        Job {
            id: JobId(Uuid::nil()),
            kind: Kind::Recover,
            state: JobState::Done,
            scope: Scope::default(),
            per_second: 10,
            total: number,
            done: number,
            skipped: 0,
            created_by: "a".into(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            problem: None,
        }
    }

    #[test]
    fn progress_names_what_was_queued_left_out_and_is_left() {
        let state = JobState::Running;
        let mut job = Job { state, total: 1204, done: 1000, skipped: 4, ..done(0) };
        let results = JobResults { delivered: 998, waiting: 2, ..JobResults::default() };
        assert_eq!(
            progress(&job, &results),
            "1,000 of 1,204 queued: 998 delivered, 2 waiting for an attempt. 4 left out (already \
             sent, dismissed or payload removed). About 20 s remaining."
        );
        (job.state, job.skipped, job.done) = (JobState::Done, 0, 2000);
        let results = JobResults { delivered: 2000, ..JobResults::default() };
        assert_eq!(progress(&job, &results), "2,000 events redelivered and delivered.");
        job.done = 0;
        assert_eq!(progress(&job, &JobResults::default()), "Nothing was redelivered.");
    }

    #[test]
    fn a_job_is_done_only_when_its_deliveries_are() {
        let mut job = done(68);
        let held = JobResults { held_off: 68, ..JobResults::default() };
        assert_eq!(progress(&job, &held), "68 events queued: 68 held until the hook is turned on.");
        let some = |delivered, failed, waiting, held_paused| JobResults {
            delivered,
            failed,
            waiting,
            held_paused,
            ..JobResults::default()
        };
        for (results, standing) in [
            (held, Standing::Held),
            (some(60, 3, 4, 1), Standing::Held),
            (some(60, 4, 4, 0), Standing::Sending),
            (some(60, 8, 0, 0), Standing::Failed),
            (some(68, 0, 0, 0), Standing::Done),
            (some(60, 0, 0, 0), Standing::Done),
        ] {
            assert_eq!(Standing::of(&job, &results), standing, "{results:?}");
            let said = progress(&job, &results);
            assert_eq!(said.contains("redelivered and delivered"), results.delivered == 68);
        }
        job.state = JobState::Running;
        assert_eq!(Standing::of(&job, &held), Standing::Running);
        let gone = some(60, 0, 0, 0).of(&job);
        assert_eq!(gone.gone, 8);
        assert_eq!(became(&gone), "60 delivered, 8 redelivered again or removed since");
        // Too many to count: the delivered ones are the rest.
        let many = JobResults { is_more: true, ..some(MANY + 1, 5, 0, 0) };
        let job = done(30_000);
        assert_eq!(became(&many.of(&job)), "29,995 delivered, 5 failed again");
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
