//! What the board is told, and what it orders. Imports the lane and the store's types.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    domain::{
        health::Health,
        id::{DeliveryId, HookId},
        retry::Bearing,
        time::Timestamp,
    },
    engine::{
        delivery::lane::{Given, Page, Wanted},
        store::{Error, lines::Ask, open::Open, queue::Room},
    },
};

/// A lane under one ownership. Results of orders from an earlier ownership are ignored: another
/// node may have had the lane since, and a page that was read before that would repeat what that
/// node delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedLane {
    pub hook: HookId,
    /// `None` where nobody shares.
    pub fence: Option<i64>,
}

/// What the board is told.
pub enum News {
    /// Committed just now.
    Offer(Vec<Open>),
    /// Committed just now as held.
    Held(Vec<HookId>),
    /// These hooks have something open in the database.
    More(Vec<HookId>),
    /// These hooks changed.
    Changed(Vec<HookId>),
    /// Another node says so of hooks that may be this one's.
    Heard {
        hooks: Vec<HookId>,
        is_change: bool,
    },
    /// These hooks have an overdue delivery: what their lanes know is wrong, or nothing is sent at
    /// all.
    Overdue(Vec<HookId>),
    /// Hints from other nodes may have been lost: every lane looks into the database.
    HintsMissed,
    Loaded(OwnedLane, Result<Box<Page>, Error>),
    Stepped(OwnedLane, Result<bool, Error>),
    /// An attempt is over and is being recorded.
    Sent {
        held: OwnedLane,
        delivery: DeliveryId,
        /// What its answer says of the receiver.
        bearing: Bearing,
        /// The receiver has it.
        is_delivered: bool,
        /// From its start to its end.
        took: Duration,
    },
    Finished {
        held: OwnedLane,
        delivery: DeliveryId,
        /// It was [`News::Sent`] before.
        was_sent: bool,
        due_at: Option<Timestamp>,
        health: Option<Health>,
    },
    /// From now on this node delivers for these hooks only, under these fences.
    Lanes(HashMap<HookId, i64>),
    /// Nothing more is to be sent for these: another node is to have them.
    Part(HashSet<HookId>),
    Stop,
}

/// What is to be done.
pub enum Order {
    Load {
        held: OwnedLane,
        wanted: Wanted,
        /// How much of what it reads is in memory already.
        known: Room,
        /// How much more it may bring.
        room: Room,
        /// What to read of the lines of a hook that keeps an order.
        ask: Ask,
    },
    Step(OwnedLane),
    /// The clock was set back, or may have been before the start: what it wrote while it was ahead
    /// is to be corrected.
    Rewind,
    Attempt {
        given: Given,
        fence: Option<i64>,
    },
    /// Something was committed here for a hook that another node delivers for; or it changed.
    Tell {
        hook: HookId,
        is_change: bool,
    },
}
