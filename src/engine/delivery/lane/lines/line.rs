//! One line: the FIFO queue of one ordering key.

use std::collections::VecDeque;

use crate::{
    domain::id::DeliveryId,
    engine::store::{lines::Next, open::Open},
};

/// The queue of one key. Invariant: `queue` is a contiguous part of the key's open deliveries, in
/// order, up to `read_up_to`.
pub(super) struct Line {
    pub(super) queue: VecDeque<Open>,
    /// The newest delivery that was queued; `None`: the line has to be read from its head.
    pub(super) read_up_to: Option<DeliveryId>,
    /// What follows in the database after the queue.
    pub(super) next: Next,
    /// The delivery whose request is in flight.
    pub(super) in_flight: Option<DeliveryId>,
    /// How many older deliveries are delivered but not recorded yet.
    pub(super) unrecorded: usize,
    /// The key is in [`Lines::ready`](super::Lines).
    pub(super) is_ready: bool,
    /// The key is in [`Lines::to_read`](super::Lines).
    pub(super) is_to_be_read: bool,
    /// The load under way reads this line.
    pub(super) is_being_read: bool,
    /// A delivery of this key was committed during the read, which may have missed it.
    pub(super) grew_during_read: bool,
    /// The generation of [`Lines`](super::Lines) at the last read from the head.
    pub(super) generation: u64,
    /// The generation of [`Lines`](super::Lines) at the last read of any part.
    pub(super) read_generation: u64,
}

impl Line {
    pub(super) fn new(next: Next, generation: u64) -> Self {
        Self {
            queue: VecDeque::new(),
            read_up_to: None,
            next,
            in_flight: None,
            unrecorded: 0,
            is_ready: false,
            is_to_be_read: false,
            is_being_read: false,
            grew_during_read: false,
            generation,
            read_generation: generation,
        }
    }

    /// No delivery of this key is queued, in flight or unrecorded.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.has_attempts()
    }

    /// A delivery of this key is in flight or unrecorded.
    pub(super) fn has_attempts(&self) -> bool {
        self.in_flight.is_some() || self.unrecorded > 0
    }
}
