//! Dismissals in steps: one that is undone between two steps dismisses nothing more.

use service_hooks::{
    domain::{
        delivery::State, dismissal::Dismissal, event::EventType, id::DismissalId,
        permission::right, time::Timestamp,
    },
    engine::{
        clock::Clock,
        store::dismissals::{self, STEP, Stepped},
    },
};

use super::{grant, insert_hook, write};
use crate::support::{
    db::TestDb,
    on_both,
    rows::{self, Delivered, id_at},
};

on_both!(a_dismissal_that_is_undone_between_two_steps_ends);

const BEGAN: u64 = 1_700_000_000_000;
const NOW: Timestamp = Timestamp(1_800_000_000_000);

async fn a_dismissal_that_is_undone_between_two_steps_ends(db: TestDb) {
    let store = db.store().await;
    let hook = insert_hook(&store, EventType::WorkItemClosed, true).await.id;
    let row = |number: u64| Delivered {
        id: id_at(BEGAN + number, 1),
        event: id_at(BEGAN + number, 0),
        hook: hook.0,
        event_type: "work_item.closed",
        state: "failed",
        class: Some("server_error"),
        status: Some(503),
        is_test: false,
        body: "{}".to_owned(),
    };
    let failed: Vec<Delivered> = (0..u64::try_from(STEP).unwrap() + 10).map(row).collect();
    rows::insert(&db.settings().database_url(), &failed).await.unwrap();
    let dismissal = Dismissal {
        id: DismissalId(Clock::System.id()),
        hook,
        state: State::Failed,
        answer: None,
        reason: "Called back".to_owned(),
        number: 0,
        created_by: "user:a".to_owned(),
        created_at: NOW,
        undone_by: None,
        undone_at: None,
    };
    let by = || grant(right::DeliveriesReplay);
    let begun = dismissal.clone();
    let first: Stepped = write!(store, |conn| {
        dismissals::insert(conn, &by(), &begun).await?;
        dismissals::step(conn, &by(), &begun, NOW, None, NOW).await
    })
    .unwrap();
    assert_eq!(first.number, STEP);
    let cursor = first.cursor.expect("there are more");

    let undone = dismissal.clone();
    let (found, is_left): (i64, bool) = write!(store, |conn| {
        let found = dismissals::undo_step(conn, &by(), &undone, NOW).await?;
        assert!(dismissals::lock_open(conn, &by(), undone.id).await?);
        let is_left = dismissals::has_restorable(conn, &by(), &undone).await?;
        dismissals::undo(conn, &by(), undone.id, NOW).await?;
        Ok((found, is_left))
    })
    .unwrap();
    assert_eq!((found, is_left), (STEP, false));

    let second: Stepped = write!(store, |conn| {
        assert!(!dismissals::lock_open(conn, &by(), dismissal.id).await?);
        dismissals::step(conn, &by(), &dismissal, NOW, Some(cursor), NOW).await
    })
    .unwrap();
    assert_eq!((second.number, second.cursor), (0, None), "it was undone");
}
