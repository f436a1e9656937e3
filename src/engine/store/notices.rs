//! Notices to lanes, jobs and other nodes about what a commit changed. Store functions record them
//! on their connection ([`Conn::add_notice`](super::db::Conn)), and the writer sends them after the
//! commit. So no caller can forget a notice, and none is lost when a caller is cancelled.

use std::sync::{Arc, OnceLock};

use crate::{domain::id::HookId, engine::store::open::Open};

/// One notice. It is only a hint for speed: polling finds the same change in the database a little
/// later.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A delivery is due; it carries everything an attempt needs, so that the lane need not read
    /// it.
    Offer(Open),
    /// A delivery of this hook was committed in state `held`.
    Held(HookId),
    /// Deliveries of this hook became open and must be read from the database.
    More(HookId),
    /// The row of the hook changed, was inserted or deleted, or the hook was switched off
    /// automatically.
    Changed(HookId),
    /// An automatic decision about a hook, and its reason, for the server log.
    Decision(HookId, HookDecision, String),
    /// A job was created, or its state or pace changed.
    Job,
}

/// An automatic change of the state of a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookDecision {
    Paused,
    Recovered,
    SwitchedOff,
}

impl HookDecision {
    pub const ALL: &[Self] = &[Self::Paused, Self::Recovered, Self::SwitchedOff];

    pub fn key(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Recovered => "recovered",
            Self::SwitchedOff => "switched_off",
        }
    }
}

impl Notice {
    /// The form that is safe when the outcome of the commit is unknown: it only says where to read.
    /// A delivery that may not be stored must not be sent.
    pub(super) fn into_hint(self) -> Self {
        match self {
            Self::Offer(open) => Self::More(open.hook),
            hint => hint,
        }
    }

    /// Is the second notice redundant after the first?
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Held(one), Self::Held(two))
            | (Self::More(one), Self::More(two))
            | (Self::Changed(one), Self::Changed(two)) => one == two,
            (Self::Job, Self::Job) => true,
            _ => false,
        }
    }
}

type Callback = dyn Fn(Vec<Notice>) + Send + Sync;

/// The callback of the engine for notices; a store without an engine has none. Cheap to clone;
/// clones share it.
#[derive(Clone, Default)]
pub(in crate::engine) struct NoticeSink(Arc<OnceLock<Box<Callback>>>);

impl NoticeSink {
    /// Sets the callback. Only the first call counts.
    pub(in crate::engine) fn set(&self, callback: impl Fn(Vec<Notice>) + Send + Sync + 'static) {
        let _already_set = self.0.set(Box::new(callback));
    }

    pub(super) fn send(&self, notices: Vec<Notice>) {
        if let Some(callback) = self.0.get().filter(|_| !notices.is_empty()) {
            callback(notices);
        }
    }
}
