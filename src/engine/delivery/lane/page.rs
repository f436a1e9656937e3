//! The input and output types of a lane.

use std::sync::Arc;

use super::buffer::PagePart;
use crate::{
    domain::{
        health::{Health, Purpose},
        id::EventId,
    },
    engine::{
        delivery::attempt::Target,
        store::{lines::Lines, open::Open, queue::PageLimit},
    },
};

/// The result of a load.
#[derive(Default)]
pub struct Page {
    /// `None`: the hook was deleted.
    pub target: Option<Arc<Target>>,
    pub health: Health,
    /// There are deliveries for a step to hold, release or cancel.
    pub needs_step: bool,
    /// First attempts and retries; `None`: not read by this load.
    pub first_attempts: Option<PagePart>,
    pub retries: Option<PagePart>,
    /// Ordered deliveries; `None`: not read by this load. A load reads either these or first
    /// attempts and retries.
    pub lines: Option<Lines>,
    pub probe: Option<Open>,
}

/// What a load has to read, in addition to the hook and its health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub first_attempts: bool,
    pub retries: bool,
    pub lines: bool,
    pub probe: bool,
}

/// A delivery and its body came into memory or left it.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub event: EventId,
    pub bytes: usize,
    pub is_gain: bool,
}

/// The limits that are the same for all lanes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Concurrent attempts to one hook, unless the hook has its own limit.
    pub in_flight: usize,
    /// The capacity of a buffer, and of all lines together.
    pub window: PageLimit,
    /// Held deliveries released per second, once a hook is open again.
    pub drain_per_second: u32,
    /// The memory budget of all lanes has room for the delivery that is offered.
    pub has_memory: bool,
    /// Other nodes accept events too. This node may not yet know older deliveries that they
    /// accepted, so ordered deliveries are never taken from an offer: a load reads them from the
    /// database, in order.
    pub is_shared: bool,
}

/// A delivery that the lane hands out to be sent now.
pub struct Outgoing {
    pub target: Arc<Target>,
    pub open: Open,
    pub purpose: Purpose,
    /// The hook was healthy and not in slow start when the delivery was handed out.
    pub was_healthy: bool,
}
