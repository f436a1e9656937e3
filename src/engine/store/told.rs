//! Hints for lanes, jobs and other nodes about what a commit changed. Store functions note them on
//! their connection ([`Conn::tell`](super::db::Conn)), and the writer passes them on after the
//! commit. So no caller can forget a hint, and a caller that goes away does not lose it.

use std::sync::{Arc, OnceLock};

use crate::{domain::id::HookId, engine::store::open::Open};

/// One thing to hear. Only a hint: all of it is in the database and is found there without it, a
/// little later.
#[derive(Clone, Debug)]
pub enum Told {
    /// A delivery is due, with everything an attempt needs.
    Offer(Open),
    /// A delivery of this hook was committed as held.
    Held(HookId),
    /// Deliveries of this hook became open that are not offered.
    More(HookId),
    /// The hook's row changed, was made or deleted; or the portal switched it off.
    Changed(HookId),
    /// What the portal decided about a hook by itself, and why: for the log of the server.
    Turned(HookId, Turned, String),
    /// A job was begun, changed its state or its pace.
    Job,
}

/// A decision of the portal about a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    Paused,
    Recovered,
    SwitchedOff,
}

impl Turned {
    pub const ALL: &[Self] = &[Self::Paused, Self::Recovered, Self::SwitchedOff];

    pub fn key(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Recovered => "recovered",
            Self::SwitchedOff => "switched_off",
        }
    }
}

impl Told {
    /// The hint that is safe when the commit may have failed: where to look. A delivery that may
    /// not be stored must not be sent.
    pub(super) fn into_hint(self) -> Self {
        match self {
            Self::Offer(open) => Self::More(open.hook),
            told => told,
        }
    }

    /// Would hearing both say no more than hearing one?
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

type Hear = dyn Fn(Vec<Told>) + Send + Sync;

/// The engine's callback for hints; a store without an engine has none. Cheap to clone; clones
/// share it.
#[derive(Clone, Default)]
pub(in crate::engine) struct Audience(Arc<OnceLock<Box<Hear>>>);

impl Audience {
    /// Sets the callback. Only the first call counts.
    pub(in crate::engine) fn set(&self, hear: impl Fn(Vec<Told>) + Send + Sync + 'static) {
        let _set_before = self.0.set(Box::new(hear));
    }

    pub(super) fn tell(&self, told: Vec<Told>) {
        if let Some(hear) = self.0.get().filter(|_| !told.is_empty()) {
            hear(told);
        }
    }
}
