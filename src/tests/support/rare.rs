//! Rows for searches with rare results: one delivery that differs from all newer ones, so that a
//! page of the log does not find it in its first scan.

use uuid::Uuid;

use super::rows::{Delivered, id_at};

/// One delivered row per millisecond from `began` on; the oldest has another event type.
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
