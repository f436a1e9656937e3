//! A job: many deliveries sent again, a few at a time. It is kept in the database, so a restart goes on where it was.

use serde::{Deserialize, Serialize};

use super::{
    delivery::State,
    event::EventType,
    id::{EventId, HookId, JobId},
    log::AnswerGroup,
    time::Timestamp,
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
    pub fn key(self) -> &'static str {
        match self {
            Self::Redeliver => "redeliver",
            Self::Recover => "recover",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Redeliver, Self::Recover].into_iter().find(|kind| kind.key() == key)
    }
}

impl JobState {
    pub fn key(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Done, Self::Cancelled].into_iter().find(|state| state.key() == key)
    }

    /// May a person move a job from this state to that one?
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Running, Self::Paused | Self::Cancelled) | (Self::Paused, Self::Running | Self::Cancelled)
        )
    }
}

/// Which settled deliveries a job is for. Only what was accepted before the job began, so that it ends.
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

/// How many deliveries a scope covers, by the state they are in and what was answered last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub parts: Vec<(State, AnswerGroup, i64)>,
}

impl Count {
    pub fn total(&self) -> i64 {
        self.parts.iter().map(|(_, _, count)| count).sum()
    }

    pub fn of_state(&self, state: State) -> i64 {
        self.parts.iter().filter(|(of, _, _)| *of == state).map(|(_, _, count)| count).sum()
    }
}

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
}
