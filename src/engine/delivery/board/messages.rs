//! The board's input ([`Input`]) and output ([`Action`]). Imports the lane and the store's types.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    domain::{
        health::Health,
        id::{DeliveryId, HookId},
        retry::LoadSignal,
        time::Timestamp,
    },
    engine::{
        delivery::lane::{Outgoing, Page, Wanted},
        store::{Error, lines::ReadRequest, open::Open, queue::PageLimit},
    },
};

/// A lane under one ownership. The board ignores results of actions from an earlier ownership:
/// another node may have owned the lane since, and a page that was read before that would repeat
/// what that node delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedLane {
    pub hook: HookId,
    /// The fencing token of this ownership; `None` on a server without other nodes.
    pub fence: Option<i64>,
}

/// Input of the board.
pub enum Input {
    /// These deliveries were just committed on this node (the fast path from accept to attempt).
    Offer(Vec<Open>),
    /// For these hooks a delivery was just committed as held.
    Held(Vec<HookId>),
    /// These hooks may have open deliveries in the database that were not offered.
    More(Vec<HookId>),
    /// The rows of these hooks changed.
    Changed(Vec<HookId>),
    /// As `Changed` (`is_change`) or `More`, in a hint from another node or from this node's poll.
    /// The hooks may belong to any node; only the owner acts on it.
    FromPeer { hooks: Vec<HookId>, is_change: bool },
    /// These hooks have an overdue delivery: the state of their lanes may be wrong, so they load
    /// everything again.
    Overdue(Vec<HookId>),
    /// Hints from other nodes may have been lost: every lane checks the database.
    HintsMissed,
    /// An [`Action::Load`] ended.
    Loaded(OwnedLane, Result<Box<Page>, Error>),
    /// An [`Action::Step`] ended. `true`: there may be more rows to move.
    Stepped(OwnedLane, Result<bool, Error>),
    /// The request of an attempt ended, with or without a response. Reported at most once per
    /// attempt, before [`Input::Finished`].
    RequestEnded {
        owned: OwnedLane,
        delivery: DeliveryId,
        /// What the response says about the receiver's load.
        load_signal: LoadSignal,
        is_delivered: bool,
        /// From start to end of the attempt.
        duration: Duration,
    },
    /// An attempt is complete: its outcome is recorded, or recording was given up. Its permit is
    /// free. Reported exactly once per [`Action::Attempt`].
    Finished {
        owned: OwnedLane,
        delivery: DeliveryId,
        /// [`Input::RequestEnded`] was reported before.
        was_sent: bool,
        /// When the next attempt is due; `None`: there is none.
        due_at: Option<Timestamp>,
        /// The hook's health after the attempt; `None`: unchanged or unknown.
        health: Option<Health>,
    },
    /// From now on this node owns exactly these lanes, under these fencing tokens.
    Lanes(HashMap<HookId, i64>),
    /// Exactly these lanes are about to move to another node: stop sending for them.
    HandOver(HashSet<HookId>),
    /// Start no more attempts, loads and steps.
    Stop,
}

/// Output of the board: what its driver has to do.
pub enum Action {
    /// Read a page of the hook's open deliveries. Ends with [`Input::Loaded`].
    Load {
        owned: OwnedLane,
        wanted: Wanted,
        /// How many of the deliveries that the load will meet are already in memory.
        known: PageLimit,
        /// How many more it may bring.
        room: PageLimit,
        /// Which lines to read, for a hook with ordered deliveries.
        ask: ReadRequest,
    },
    /// Hold, release or cancel a bounded number of rows. Ends with [`Input::Stepped`].
    Step(OwnedLane),
    /// The clock was set back, or may have been while the server was down: correct the due times
    /// that were written while it was ahead.
    Rewind,
    /// Send one delivery. Ends with [`Input::Finished`].
    Attempt { outgoing: Outgoing, fence: Option<i64> },
    /// Something was committed on this node for a hook of another node, or that hook changed: send
    /// a hint to the other nodes.
    HintPeers { hook: HookId, is_change: bool },
}
