//! A job redelivers many deliveries at a limited pace. Its progress is stored in the database, so
//! that it continues after a restart.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    delivery::State,
    event::EventType,
    id::{EventId, HookId, JobId},
    log::AnswerGroup,
    time::{Timestamp, readable_duration},
    words::deliveries,
};

/// The default pace, in deliveries per second.
pub const DEFAULT_PACE: u32 = 50;
pub const MAX_PACE: u32 = 1000;

/// What a job redelivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// All deliveries that match a filter.
    Redeliver,
    /// The missed deliveries of one hook since a time: failed, skipped and cancelled.
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

    /// May a user move a job from this state to `next`?
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Running, Self::Paused | Self::Cancelled)
                | (Self::Paused, Self::Running | Self::Cancelled)
        )
    }
}

/// The deliveries of a job: final ones that were accepted before the job started, so that it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub hook: Option<HookId>,
    pub event: Option<EventId>,
    pub event_type: Option<EventType>,
    /// Final states only.
    pub states: Vec<State>,
    /// The last result. `None`: any.
    #[serde(default)]
    pub answer: Option<AnswerGroup>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

impl Scope {
    /// Can a delivery be in both scopes? Without `from` a scope has no start, without `to` no end.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn agrees<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let starts_before_end_of = |one: &Self, other: &Self| match (one.from, other.to) {
            (Some(from), Some(to)) => from < to,
            _ => true,
        };
        agrees(self.hook, other.hook)
            && agrees(self.event, other.event)
            && agrees(self.event_type, other.event_type)
            && agrees(self.answer, other.answer)
            && self.states.iter().any(|state| other.states.contains(state))
            && starts_before_end_of(self, other)
            && starts_before_end_of(other, self)
    }
}

/// The number of deliveries in a scope, by state and last result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub parts: Vec<(State, AnswerGroup, i64)>,
    /// Counting stopped at a limit; there are more.
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

/// A preview of a job: its deliveries over time, in equal slices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Hours per slice.
    pub hours: i64,
    /// The start of each slice, and its deliveries.
    pub slices: Vec<(Timestamp, Count)>,
    /// When the first and the last delivery were accepted.
    pub ends: Option<(Timestamp, Timestamp)>,
}

impl Spread {
    /// The sum of all slices.
    pub fn count(&self) -> Count {
        let mut all = Count::default();
        for (state, answer, count) in self.slices.iter().flat_map(|(_, count)| &count.parts) {
            all.add(*state, *answer, *count);
        }
        all.is_more = self.slices.iter().any(|(_, count)| count.is_more);
        all.parts.sort_by_key(|(state, answer, _)| (state.key(), answer.key()));
        all
    }

    /// The bounds of the slices that cover a range: hourly for up to 72 hours, else whole days.
    /// Returns the hours per slice, and one bound more than there are slices.
    pub fn bounds(from: Timestamp, to: Timestamp) -> (i64, Vec<Timestamp>) {
        const HOUR: i64 = 3_600_000;
        // The time range of a UUIDv7.
        let (from, to) = (from.0.clamp(0, LATEST), to.0.clamp(0, LATEST));
        let slices = |to: i64, from: i64, unit: i64| to.saturating_sub(from).max(0) / unit + 1;
        let hours = match slices(to, from, HOUR) {
            ..=MAX_HOURLY_SLICES => 1,
            hours => 24 * slices(hours, 0, 24 * MAX_DAILY_SLICES),
        };
        let unit = hours * HOUR;
        let first = from / unit * unit;
        (
            hours,
            (0..=slices(to, first, unit)).map(|number| Timestamp(first + number * unit)).collect(),
        )
    }
}

/// Up to 72 h use hourly slices, up to 92 days daily ones, longer ranges several days per slice.
const MAX_HOURLY_SLICES: i64 = 72;
const MAX_DAILY_SLICES: i64 = 92;
const LATEST: i64 = (1 << 48) - 1;

/// A job and its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub kind: Kind,
    pub state: JobState,
    pub scope: Scope,
    /// Deliveries per second.
    pub per_second: u32,
    /// Matching deliveries when it started.
    pub total: i64,
    pub done: i64,
    /// Left out: settled in the meantime, or the payload was removed.
    pub skipped: i64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The error because of which the portal paused it.
    pub problem: Option<String>,
}

/// How long a number of deliveries takes at a pace.
pub fn time_needed(number: i64, per_second: u32) -> String {
    let seconds = u64::try_from(number).unwrap_or(0).div_ceil(u64::from(per_second.max(1)));
    readable_duration(Duration::from_secs(seconds.max(1)))
}

impl Job {
    /// Processed events and their total. The total grows if more are found than were counted at the
    /// start.
    pub fn progress(&self) -> (i64, i64) {
        let processed = self.done + self.skipped;
        (processed, self.total.max(processed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_a_range_hourly_or_daily_and_are_limited() {
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
        // A range that ends before it starts is empty: one slice.
        assert_eq!(Spread::bounds(Timestamp(10 * HOUR), Timestamp(0)).1.len(), 2);
        assert!(Spread::bounds(Timestamp(i64::MIN), Timestamp(i64::MAX)).1.len() <= 95);
    }

    #[test]
    fn scopes_overlap_unless_a_filter_separates_them() {
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
        for (other, expected) in rows {
            assert_eq!(
                (one.overlaps(&other), other.overlaps(&one)),
                (expected, expected),
                "{other:?}"
            );
        }
        let (closed, abandoned) = (EventType::WorkItemClosed, EventType::ConversationAbandoned);
        let of = |event_type| Scope { event_type: Some(event_type), ..one.clone() };
        assert!(of(closed).overlaps(&of(closed)) && !of(closed).overlaps(&of(abandoned)));
    }

    #[test]
    fn progress_never_exceeds_the_total() {
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
        assert_eq!(job.progress(), (1004, 1204));
        (job.skipped, job.done) = (0, 2000);
        assert_eq!(job.progress(), (2000, 2000));
        assert_eq!(time_needed(0, 0), "1 s");
    }
}
