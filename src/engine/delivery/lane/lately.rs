//! The last deliveries that loads brought. A load can read a delivery that was just committed
//! before its offer arrives; by the time the offer arrives the delivery may be sent and recorded,
//! and must not be sent again.

use std::collections::{HashSet, VecDeque};

use crate::domain::id::DeliveryId;

/// As many as a window holds: an offer is later than its commit by moments only.
const REMEMBERED: usize = 1000;

/// See the module.
#[derive(Default)]
pub(super) struct Lately {
    ids: HashSet<DeliveryId>,
    order: VecDeque<DeliveryId>,
}

impl Lately {
    pub(super) fn note(&mut self, id: DeliveryId) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: DeliveryId) -> bool {
        self.ids.contains(&id)
    }
}
