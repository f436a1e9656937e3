//! A job: many deliveries sent again, a few at a time. It is kept in the database, so a restart
//! goes on where it was.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    delivery::State,
    event::EventType,
    id::{EventId, HookId, JobId},
    log::AnswerGroup,
    time::{Timestamp, readable_duration},
    words::{deliveries, grouped},
};

/// Deliveries a second, unless somebody asks for another pace.
pub const DEFAULT_PACE: u32 = 50;
pub const MAX_PACE: u32 = 1000;

/// What a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Everything that matches a filter of the log.
    Redeliver,
    /// What one hook missed since a time: failed, skipped and cancelled.
    Recover,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Running,
    Paused,
    Done,
    Cancelled,
}

impl Kind {
    pub const ALL: &[Self] = &[Self::Redeliver, Self::Recover];

    pub fn key(self) -> &'static str {
        match self {
            Self::Redeliver => "redeliver",
            Self::Recover => "recover",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.key() == key)
    }
}

impl JobState {
    pub const ALL: &[Self] = &[Self::Running, Self::Paused, Self::Done, Self::Cancelled];

    pub fn key(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.key() == key)
    }

    /// May a person move a job from this state to that one?
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Running, Self::Paused | Self::Cancelled)
                | (Self::Paused, Self::Running | Self::Cancelled)
        )
    }
}

/// Which settled deliveries a job is for. Only what was accepted before the job began, so that it
/// ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub hook: Option<HookId>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    /// Settled states only.
    pub states: Vec<State>,
    /// What was answered last; whatever it was without it.
    #[serde(default)]
    pub answer: Option<AnswerGroup>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl Scope {
    /// May there be a delivery that is in both? Without `from` a scope begins with the first one,
    /// without `to` it has no end.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn meets<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let begins_before_the_end_of = |one: &Self, other: &Self| match (one.from, other.to) {
            (Some(from), Some(to)) => from < to,
            _ => true,
        };
        meets(self.hook, other.hook)
            && meets(self.event, other.event)
            && meets(self.event_type, other.event_type)
            && meets(self.answer, other.answer)
            && self.states.iter().any(|state| other.states.contains(state))
            && begins_before_the_end_of(self, other)
            && begins_before_the_end_of(other, self)
    }
}

/// How many deliveries a scope covers, by the state they are in and what was answered last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub parts: Vec<(State, AnswerGroup, i64)>,
    /// There are more: counting stopped there.
    #[serde(default)]
    pub is_more: bool,
}

impl Count {
    pub fn add(&mut self, state: State, answer: AnswerGroup, count: i64) {
        match self.parts.iter_mut().find(|part| (part.0, part.1) == (state, answer)) {
            Some(part) => part.2 += count,
            None => self.parts.push((state, answer, count)),
        }
    }

    /// `12 deliveries`, `more than 1,000,000 deliveries`
    pub fn words(&self) -> String {
        let known = deliveries(self.total());
        if self.is_more { format!("more than {known}") } else { known }
    }

    pub fn total(&self) -> i64 {
        self.parts.iter().map(|(_, _, count)| count).sum()
    }

    pub fn of_state(&self, state: State) -> i64 {
        self.parts.iter().filter(|(of, _, _)| *of == state).map(|(_, _, count)| count).sum()
    }
}

/// What a job would be for, in equal slices of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Hours that a slice lasts.
    pub hours: i64,
    /// When each begins, and what is in it.
    pub slices: Vec<(Timestamp, Count)>,
    /// When the first and the last were accepted.
    pub ends: Option<(Timestamp, Timestamp)>,
}

impl Spread {
    /// All of it together.
    pub fn count(&self) -> Count {
        let mut all = Count::default();
        for (state, answer, count) in self.slices.iter().flat_map(|(_, count)| &count.parts) {
            all.add(*state, *answer, *count);
        }
        all.is_more = self.slices.iter().any(|(_, count)| count.is_more);
        all.parts.sort_by_key(|(state, answer, _)| (state.key(), answer.key()));
        all
    }

    /// The bounds of slices that cover a range: of an hour each, or of whole days where that would
    /// be too many.
    pub fn bounds(from: Timestamp, to: Timestamp) -> (i64, Vec<Timestamp>) {
        const HOUR: i64 = 3_600_000;
        // An id has room for no later moment.
        let (from, to) = (from.0.clamp(0, LATEST), to.0.clamp(0, LATEST));
        let lasts = |to: i64, from: i64, unit: i64| to.saturating_sub(from).max(0) / unit + 1;
        let hours = match lasts(to, from, HOUR) {
            ..=MOST_HOURS => 1,
            hours => 24 * lasts(hours, 0, 24 * MOST_DAYS),
        };
        let unit = hours * HOUR;
        let first = from / unit * unit;
        (
            hours,
            (0..=lasts(to, first, unit)).map(|number| Timestamp(first + number * unit)).collect(),
        )
    }
}

/// Of as many hours each is shown; of more, days; of more of those, several days at once.
const MOST_HOURS: i64 = 72;
const MOST_DAYS: i64 = 92;
const LATEST: i64 = (1 << 48) - 1;

/// A job and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub kind: Kind,
    pub state: JobState,
    pub scope: Scope,
    /// Deliveries a second.
    pub per_second: u32,
    /// Counted when it began.
    pub total: i64,
    pub done: i64,
    /// Settled otherwise in the meantime, or without a body to send.
    pub skipped: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Why the portal paused it: it could not go on.
    pub problem: Option<String>,
}

/// How long so many take at a pace.
pub fn time_needed(number: i64, per_second: u32) -> String {
    let seconds = u64::try_from(number).unwrap_or(0).div_ceil(u64::from(per_second.max(1)));
    readable_duration(Duration::from_secs(seconds.max(1)))
}

impl Job {
    /// What it has got behind it, of what was counted when it began (or found since, if that is
    /// more).
    pub fn progress(&self) -> (i64, i64) {
        let behind = self.done + self.skipped;
        (behind, self.total.max(behind))
    }

    /// How far it is, in a sentence or two.
    pub fn words(&self) -> String {
        let (behind, all) = self.progress();
        let mut words = match self.state {
            JobState::Done => format!("{} sent again.", deliveries(self.done)),
            _ => format!("{} of {} sent again.", grouped(self.done), grouped(all)),
        };
        if self.skipped > 0 {
            words = format!(
                "{words} {} left out: settled otherwise in the meantime, or without a body.",
                grouped(self.skipped)
            );
        }
        if self.state == JobState::Running && all > behind {
            words = format!("{words} About {} to go.", time_needed(all - behind, self.per_second));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_a_range_by_the_hour_or_by_days_and_are_never_many() {
        const HOUR: i64 = 3_600_000;
        let bounds = |from: i64, to: i64| {
            let (hours, bounds) = Spread::bounds(Timestamp(from), Timestamp(to));
            assert!(bounds[0].0 <= from && from < bounds[1].0, "{bounds:?}");
            assert!(
                bounds[bounds.len() - 1].0 > to && bounds[bounds.len() - 2].0 <= to,
                "{bounds:?}"
            );
            (hours, bounds.len() - 1)
        };
        assert_eq!(bounds(HOUR / 2, HOUR / 2 + 10), (1, 1));
        assert_eq!(bounds(HOUR - 1, HOUR), (1, 2));
        assert_eq!(bounds(5, 24 * HOUR), (1, 25));
        assert_eq!(bounds(0, 7 * 24 * HOUR - 1), (24, 7));
        assert_eq!(bounds(0, 400 * 24 * HOUR), (24 * 5, 81));
        assert!(bounds(0, 100_000 * 24 * HOUR).1 <= 94);
        // A range that ends before it begins has nothing in it, and that is one slice.
        assert_eq!(Spread::bounds(Timestamp(10 * HOUR), Timestamp(0)).1.len(), 2);
        assert!(Spread::bounds(Timestamp(i64::MIN), Timestamp(i64::MAX)).1.len() <= 95);
    }

    #[test]
    fn scopes_overlap_unless_something_keeps_them_apart() {
        let hook = |number| Some(HookId(uuid::Uuid::from_u128(number)));
        let one = Scope {
            hook: hook(1),
            states: vec![State::Failed, State::Skipped],
            from: Some(Timestamp(100)),
            to: Some(Timestamp(200)),
            ..Scope::default()
        };
        let (failed, delivered) = (vec![State::Failed], vec![State::Delivered]);
        let at = |from: Option<i64>, to: Option<i64>| Scope {
            from: from.map(Timestamp),
            to: to.map(Timestamp),
            ..one.clone()
        };
        let rows = [
            (one.clone(), true),
            (Scope { hook: None, ..one.clone() }, true),
            (Scope { hook: hook(2), ..one.clone() }, false),
            (Scope { states: failed, ..one.clone() }, true),
            (Scope { states: delivered, ..one.clone() }, false),
            (Scope { event_type: Some(EventType::WorkItemClosed), ..one.clone() }, true),
            (at(None, None), true),
            (at(Some(199), None), true),
            (at(Some(200), None), false),
            (at(None, Some(101)), true),
            (at(None, Some(100)), false),
        ];
        for (other, wanted) in rows {
            assert_eq!((one.overlaps(&other), other.overlaps(&one)), (wanted, wanted), "{other:?}");
        }
        let (closed, abandoned) = (EventType::WorkItemClosed, EventType::ConversationAbandoned);
        let of = |event_type| Scope { event_type: Some(event_type), ..one.clone() };
        assert!(of(closed).overlaps(&of(closed)) && !of(closed).overlaps(&of(abandoned)));
    }

    #[test]
    fn a_job_says_how_far_it_is() {
        let mut job = Job {
            id: JobId(uuid::Uuid::nil()),
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
            job.words(),
            "1,000 of 1,204 sent again. 4 left out: settled otherwise in the meantime, or without \
             a body. About 20 s to go."
        );
        (job.state, job.skipped, job.done) = (JobState::Done, 0, 2000);
        assert_eq!(
            (job.words().as_str(), job.progress()),
            ("2,000 deliveries sent again.", (2000, 2000))
        );
        assert_eq!(time_needed(0, 0), "1 s");
    }
}
