//! What goes into a lane and what comes out of it.

use std::sync::Arc;

use super::shelf::Found;
use crate::{
    domain::{
        health::{Health, Purpose},
        id::EventId,
    },
    engine::{
        delivery::attempt::Target,
        store::{lines::Lines, open::Open, queue::Room},
    },
};

/// What a load brought.
#[derive(Default)]
pub struct Page {
    /// `None`: the hook was deleted.
    pub target: Option<Arc<Target>>,
    pub health: Health,
    /// A step has deliveries to hold, release or cancel.
    pub needs_step: bool,
    /// For each shelf that was asked for: what is due, and when what was not brought becomes due.
    pub fresh: Option<Found>,
    pub again: Option<Found>,
    /// Of a hook that keeps an order; then the shelves' parts come with another load.
    pub lines: Option<Lines>,
    pub probe: Option<Open>,
}

/// What a load is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub fresh: bool,
    pub again: bool,
    pub lines: bool,
    pub probe: bool,
}

/// A body came into memory with a delivery, or left it.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub event: EventId,
    pub bytes: usize,
    pub is_gain: bool,
}

/// What all lanes go by.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Attempts under way at once to one hook, unless the hook has its own limit.
    pub in_flight: usize,
    /// What a shelf holds.
    pub window: Room,
    /// Held deliveries that are let go in a second, once a hook is open again.
    pub drain_per_second: u32,
    /// There is memory for more, as far as all lanes together may have it.
    pub has_memory: bool,
    /// Other nodes accept events too, and this node may not know yet what they accepted. So ordered
    /// deliveries are never taken from an offer: a load reads them from the database, in their
    /// order.
    pub is_shared: bool,
}

/// A delivery to be sent now.
pub struct Given {
    pub target: Arc<Target>,
    pub open: Open,
    pub purpose: Purpose,
    /// The hook, as far as is known.
    pub was_well: bool,
}
