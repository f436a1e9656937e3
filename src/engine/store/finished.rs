//! An attempt that ended, on its way to the writer, and what the writer answers. May import domain
//! and engine::clock.

use std::{sync::Arc, time::Duration};

use super::claim;
use crate::{
    domain::{
        delivery::{Attempt, State},
        health::{BreakerPolicy, Health, Heard, Purpose},
        id::{DeliveryId, HookId},
        time::Timestamp,
    },
    engine::clock::Clock,
};

/// What came of an attempt, and what follows.
#[derive(Clone)]
pub struct Finished {
    pub delivery: DeliveryId,
    pub hook: HookId,
    pub attempt: Arc<Attempt>,
    pub purpose: Purpose,
    /// `Delivered`, `Failed`, or `Waiting` for `retry_in`, from the moment of the record on: until
    /// then the clock may be set.
    pub state: State,
    pub retry_in: Option<Duration>,
    /// The attempt counts as none of the schedule's tries.
    pub is_extra: bool,
    /// The receiver asked to be left alone for so long.
    pub asks: Option<Duration>,
    /// The hook was well when this was sent.
    pub was_well: bool,
    /// The receiver answered 410 Gone.
    pub is_gone: bool,
    /// Of the lane under which it was sent; see [`claim`].
    pub fence: Option<claim::Fence>,
    pub policy: BreakerPolicy,
    pub clock: Clock,
}

impl Finished {
    /// A success of a hook that was well leaves it as it is. (Of one that failed just now, while
    /// this was under way, the next success will say so.) That of a test or a probe brings forward
    /// what waits.
    pub(super) fn changes_nothing(&self) -> bool {
        self.was_well && self.attempt.answer.is_success() && !self.is_gone && !self.finds_it_well()
    }

    /// It was sent to see whether the receiver is back, and the receiver is.
    pub fn finds_it_well(&self) -> bool {
        self.attempt.answer.is_success() && self.purpose != Purpose::Delivery
    }

    pub(super) fn heard(&self, now: Timestamp) -> Heard {
        match self.asks {
            _ if self.attempt.answer.is_success() => Heard::Success,
            _ if self.attempt.answer.is_ours() => Heard::OwnTrouble,
            Some(wait) => Heard::Wait(now.after(wait)),
            None => Heard::Failure,
        }
    }
}

/// What became of a [`Finished`].
#[derive(Clone, Copy, Debug)]
pub enum Recorded {
    /// It is on record, and this is how its hook stands now, where that may have changed.
    Kept { health: Option<Health>, is_off: bool },
    /// Another node delivers for this hook by now: nothing was written.
    Refused,
}

impl Recorded {
    /// The portal switched the hook off.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Kept { is_off: true, .. })
    }
}
