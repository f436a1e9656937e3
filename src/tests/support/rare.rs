//! One delivery that differs from all above it: what a page of the log does not find at its first
//! look.

use uuid::Uuid;

use super::rows::{Delivered, id_at};

/// A delivered one each millisecond from `began` on; the oldest is of another event type.
pub fn below_many(hook: Uuid, began: u64, count: u64) -> Vec<Delivered> {
    let row = |number: u64| Delivered {
        id: id_at(began + number, 1),
        event: id_at(began + number, 0),
        hook,
        event_type: if number == 0 { "outbound_call.initiated" } else { "work_item.closed" },
        state: "delivered",
        class: Some("success"),
        status: Some(200),
        is_test: false,
        body: "{}".to_owned(),
    };
    (0..count).map(row).collect()
}
