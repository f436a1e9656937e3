//! Events, deliveries, attempts, idempotency and the balance, through the engine's public
//! interface.

use std::time::Duration;

use service_hooks::{
    domain::{delivery::State, event::EventType, permission::right, time::Timestamp},
    engine::{
        Dispatcher,
        catalogue::sample,
        clock::Clock,
        dispatcher::{Accepted, Config, Emit, EmitError, IdempotencyKey},
        store::{
            Error, attempts, balance,
            deliveries::{self, Filter},
            events,
        },
    },
};

use super::{grant, insert_hook};
use crate::support::{
    db::{self, TestDb},
    on_both,
};

on_both!(
    an_event_becomes_a_delivery_for_each_hook_that_listens,
    a_batch_is_all_or_nothing,
    an_idempotency_key_repeats_the_first_response,
    concurrent_requests_with_one_key_create_one_event,
    filters_and_pages_show_each_delivery_once,
    an_expired_key_creates_a_new_event,
);

/// An engine that delivers nothing: its hooks were inserted without a notice.
async fn engine(db: &TestDb) -> Dispatcher {
    let mut settings = db.settings();
    settings.delivery.retry_schedule = vec![std::time::Duration::from_secs(3600)];
    settings.egress.allow_cidrs.clear();
    Dispatcher::open_beside(db::config(settings)).await.unwrap()
}

fn emit(event_type: EventType) -> Emit {
    Emit { event_type, body: sample(event_type).into() }
}

async fn an_event_becomes_a_delivery_for_each_hook_that_listens(db: TestDb) {
    let engine = engine(&db).await;
    let store = engine.store();
    let on = insert_hook(store, EventType::WorkItemClosed, true).await;
    let off = insert_hook(store, EventType::WorkItemClosed, false).await;
    insert_hook(store, EventType::OutboundCallInitiated, true).await;
    let accepted = engine.emit(emit(EventType::WorkItemClosed), "test").await.unwrap();
    assert_eq!(accepted.deliveries, 2);
    let mut conn = store.read().await.unwrap();
    let stored =
        events::find(&mut conn, &grant(right::DeliveriesRead), accepted.id).await.unwrap().unwrap();
    assert_eq!(stored.body, sample(EventType::WorkItemClosed).as_bytes());
    assert_eq!((stored.source.as_str(), stored.is_test), ("test", false));
    let filter = Filter { event: Some(accepted.id), ..Filter::default() };
    let found = deliveries::page(&mut conn, &grant(right::DeliveriesRead), &filter, None, 10)
        .await
        .unwrap();
    let state_of = |hook| found.iter().find(|delivery| delivery.hook_id == hook).unwrap().state;
    assert_eq!(state_of(off.id), State::Skipped);
    assert!(!state_of(on.id).is_final() || state_of(on.id) == State::Failed);
    assert!(balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap().holds());
    drop(conn);
    engine.shutdown().await;
}

async fn a_batch_is_all_or_nothing(db: TestDb) {
    let engine = engine(&db).await;
    insert_hook(engine.store(), EventType::WorkItemClosed, true).await;
    let broken = Emit { event_type: EventType::WorkItemClosed, body: "{}".into() };
    let batch = vec![emit(EventType::WorkItemClosed), broken, emit(EventType::WorkItemClosed)];
    let Err(EmitError::Invalid(faults)) = engine.emit_all(batch, "test", None).await else {
        panic!("accepted")
    };
    assert_eq!(faults.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1]);
    let mut conn = engine.store().read().await.unwrap();
    assert_eq!(balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap().accepted, 0);
    let accepted =
        engine.emit_all(vec![emit(EventType::WorkItemClosed); 30], "test", None).await.unwrap();
    assert_eq!(accepted.len(), 30);
    let balance = balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap();
    assert!(balance.accepted == 30 && balance.holds(), "{balance:?}");
    drop(conn);
    engine.shutdown().await;
}

fn key(body: &[u8]) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { key_hash: b"key".to_vec(), body_hash: body.to_vec() })
}

/// The same responses as if each were the first.
fn without_marks(mut answers: Vec<Accepted>) -> Vec<Accepted> {
    for answer in &mut answers {
        answer.was_repeated = false;
    }
    answers
}

async fn an_idempotency_key_repeats_the_first_response(db: TestDb) {
    let engine = engine(&db).await;
    insert_hook(engine.store(), EventType::WorkItemClosed, true).await;
    let one = || vec![emit(EventType::WorkItemClosed)];
    let first = engine.emit_all(one(), "test", key(b"same")).await.unwrap();
    let again = engine.emit_all(one(), "test", key(b"same")).await.unwrap();
    assert!(again[0].was_repeated && !first[0].was_repeated);
    assert_eq!(without_marks(again), first);
    assert!(matches!(
        engine.emit_all(one(), "test", key(b"other")).await,
        Err(EmitError::Store(Error::KeyReused))
    ));
    let mut conn = engine.store().read().await.unwrap();
    assert_eq!(balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap().accepted, 1);
    drop(conn);
    engine.shutdown().await;
}

async fn concurrent_requests_with_one_key_create_one_event(db: TestDb) {
    let engine = engine(&db).await;
    insert_hook(engine.store(), EventType::WorkItemClosed, true).await;
    let race = (0..20)
        .map(|_| engine.emit_all(vec![emit(EventType::WorkItemClosed)], "test", key(b"same")));
    let answers: Vec<_> =
        futures::future::join_all(race).await.into_iter().map(Result::unwrap).collect();
    let fresh = answers.iter().filter(|answer| !answer[0].was_repeated).count();
    assert_eq!(fresh, 1, "one created the event: {answers:?}");
    let answers: Vec<_> = answers.into_iter().map(without_marks).collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    let mut conn = engine.store().read().await.unwrap();
    assert_eq!(balance::read(&mut conn, &grant(right::SystemRead)).await.unwrap().accepted, 1);
    drop(conn);
    engine.shutdown().await;
}

async fn filters_and_pages_show_each_delivery_once(db: TestDb) {
    let engine = engine(&db).await;
    let store = engine.store();
    let off = insert_hook(store, EventType::WorkItemClosed, false).await;
    engine.emit_all(vec![emit(EventType::WorkItemClosed); 7], "test", None).await.unwrap();
    let mut conn = store.read().await.unwrap();
    let filter = Filter { hook: Some(off.id), state: Some(State::Skipped), ..Filter::default() };
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = deliveries::page(&mut conn, &grant(right::DeliveriesRead), &filter, cursor, 3)
            .await
            .unwrap();
        let more = page.len() > 3;
        seen.extend(page.iter().take(3).map(|delivery| delivery.id));
        cursor = seen.last().copied();
        if !more {
            break;
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, no duplicates");
    let count = async |conn: &mut _, filter: Filter| {
        deliveries::page(conn, &grant(right::DeliveriesRead), &filter, None, 50)
            .await
            .unwrap()
            .len()
    };
    let none = Filter { state: Some(State::Delivered), ..Filter::default() };
    assert_eq!(count(&mut conn, none).await, 0);
    let future = Filter { from: Some(Timestamp(i64::MAX)), ..Filter::default() };
    assert_eq!(count(&mut conn, future).await, 0);
    let past = Filter {
        to: Some(Timestamp(i64::MAX)),
        event_type: Some(EventType::WorkItemClosed),
        ..Filter::default()
    };
    assert_eq!(count(&mut conn, past).await, 7);
    let newest =
        deliveries::newest_per_hook(&mut conn, &grant(right::DeliveriesRead), None).await.unwrap();
    assert_eq!(newest.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [seen[0]]);
    let one =
        deliveries::find(&mut conn, &grant(right::DeliveriesRead), seen[0]).await.unwrap().unwrap();
    assert_eq!(
        (one.state, one.reason.as_deref(), one.due_at),
        (State::Skipped, Some("the hook was off"), None)
    );
    assert!(
        attempts::of(&mut conn, &grant(right::DeliveriesRead), seen[0]).await.unwrap().is_empty()
    );
    assert_eq!(
        deliveries::count_open(&mut conn, &grant(right::HooksWrite), off.id).await.unwrap(),
        0
    );
    drop(conn);
    engine.shutdown().await;
}

/// An expired key can be reused, also by several commands in one commit.
async fn an_expired_key_creates_a_new_event(db: TestDb) {
    let clock = Clock::test(Timestamp(1_700_000_000_000));
    let engine = Dispatcher::start(Config { clock: clock.clone(), ..db::config(db.settings()) })
        .await
        .unwrap();
    let first =
        engine.emit_all(vec![emit(EventType::WorkItemClosed)], "test", key(b"same")).await.unwrap();
    clock.advance(Duration::from_secs(49 * 3600));
    let second = engine
        .emit_all(vec![emit(EventType::WorkItemClosed)], "test", key(b"other"))
        .await
        .unwrap();
    assert_ne!(first[0].id, second[0].id);
    let reused = engine.emit_all(vec![emit(EventType::WorkItemClosed)], "test", key(b"same")).await;
    assert!(matches!(reused, Err(EmitError::Store(Error::KeyReused))), "{reused:?}");
    let again = engine
        .emit_all(vec![emit(EventType::WorkItemClosed)], "test", key(b"other"))
        .await
        .unwrap();
    assert!(again[0].was_repeated);
    assert_eq!(without_marks(again), second);
    engine.shutdown().await;
}
