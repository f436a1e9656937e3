//! The ids of recently loaded deliveries, to deduplicate late offers. A load can read a delivery
//! that was just committed before its offer arrives. By the time the offer arrives, the delivery
//! may have been sent and recorded, and must not be sent again.

use std::collections::{HashSet, VecDeque};

use crate::domain::id::DeliveryId;

/// The number of ids to keep. Small is enough, because an offer follows its commit within moments.
const REMEMBERED: usize = 1000;

/// The ids: a set with FIFO eviction.
#[derive(Default)]
pub(super) struct RecentlyLoaded {
    ids: HashSet<DeliveryId>,
    order: VecDeque<DeliveryId>,
}

impl RecentlyLoaded {
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
