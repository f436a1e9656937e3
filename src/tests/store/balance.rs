//! *accepted = sum of states + pruned*: counted in parts; an error in any part is detected.

use service_hooks::{
    domain::{delivery::State, event::EventType, id::HookId, permission::right},
    engine::{
        pressure::Backlog,
        store::{backlog, balance},
    },
};

use super::{grant, insert_hook};
use crate::support::{
    db::TestDb,
    on_both,
    rare::below_many,
    rows::{self, Delivered},
    sql,
};

on_both!(
    a_lost_or_duplicate_row_is_detected_in_every_part,
    the_backlog_of_each_hook_is_counted_at_any_size,
);

const BEGAN: u64 = 1_700_000_000_000;

async fn a_lost_or_duplicate_row_is_detected_in_every_part(db: TestDb) {
    let store = db.store().await;
    let hook = insert_hook(&store, EventType::WorkItemClosed, true).await.id.0;
    // Three parts: the newest, and two older ones.
    let made = below_many(hook, BEGAN, 25_001);
    let url = db.settings().database_url();
    rows::insert(&url, &made).await.unwrap();
    let mut conn = store.read().await.unwrap();
    let books = balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap();
    assert_eq!((books.accepted, books.of(State::Delivered), books.holds()), (25_001, 25_001, true));
    assert_eq!((books.max_over, books.max_under), (0, 0), "the rows did not change");
    for (lost, place) in [(0, "the oldest"), (12_345, "in the middle"), (25_000, "the newest")] {
        let id = sql::literal(&url, made[lost].id);
        let delete = format!("DELETE FROM deliveries WHERE id = {id}");
        sql::execute(&url, &delete).await.unwrap();
        assert!(
            !balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap().holds(),
            "a row of {place} is missing"
        );
        sql::execute(&url, "UPDATE counters SET value = value - 1 WHERE name = 'accepted'")
            .await
            .unwrap();
        assert!(balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap().holds());
    }
    sql::execute(&url, "UPDATE counters SET value = value - 1 WHERE name = 'accepted'")
        .await
        .unwrap();
    assert!(
        !balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap().holds(),
        "one too many"
    );
}

async fn the_backlog_of_each_hook_is_counted_at_any_size(db: TestDb) {
    let store = db.store().await;
    let few = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    let many = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    let idle = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    let states = ["pending", "waiting", "held", "delivered"];
    let row = |(at, mut row): (usize, Delivered)| {
        row.state = states[at % 4];
        row.hook = if at < 40 { few.0 } else { many.0 };
        row
    };
    // More rows in one state than one part counts.
    let mut made: Vec<Delivered> =
        below_many(few.0, BEGAN, 4_000).into_iter().enumerate().map(row).collect();
    let held = below_many(many.0, BEGAN + 100_000, 20_500)
        .into_iter()
        .map(|row| Delivered { state: "held", ..row });
    made.extend(held);
    rows::insert(&db.settings().database_url(), &made).await.unwrap();
    let mut conn = store.read().await.unwrap();
    let (hooks, next) = backlog::page(&mut conn, HookId(uuid::Uuid::nil())).await.unwrap();
    let of = |hook| hooks.iter().find(|found| found.hook == hook).unwrap();
    let due = Some(service_hooks::domain::time::Timestamp(i64::MAX / 2));
    let expected = |deliveries| Backlog { deliveries, bytes: deliveries * 2, oldest: due };
    assert_eq!((of(few).backlog, of(few).is_more), (expected(30), false));
    assert_eq!((of(idle).backlog, of(idle).is_more), (Backlog::default(), false));
    assert!(of(many).is_more && next.is_none());
    assert_eq!(backlog::total(&mut conn, few).await.unwrap(), expected(30));
    assert_eq!(backlog::total(&mut conn, many).await.unwrap(), expected(3 * 990 + 20_500));
    assert_eq!(backlog::total(&mut conn, idle).await.unwrap(), Backlog::default());
}
