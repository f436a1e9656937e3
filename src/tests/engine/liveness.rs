//! No delivery is forgotten: a lost notice costs seconds, and a sleeping lane with due deliveries
//! is detected.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::json;
use service_hooks::{
    domain::{delivery::State, time::Timestamp},
    engine::{Dispatcher, clock::Clock},
    portal::{
        ctx::{OpCtx, Portal},
        ops,
    },
};
use sqlx::Connection;
use uuid::Uuid;

use super::scene::{EVENT, Hook, Scene};
use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    on_both,
    receiver::{Receiver, Reply},
    rows::{self, Delivered, id_at},
    within,
};

on_both!(deliveries_without_a_notice_are_found_within_seconds, only_sleeping_lanes_are_reported,);

const HOUR: i64 = 3_600_000;
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Inserts deliveries that became due at this time directly into the database, without a notice.
async fn write(
    scene_url: &str,
    hook: &Hook,
    count: u64,
    key: Option<&str>,
    due_at: Timestamp,
) -> Vec<Uuid> {
    let hook: Uuid = hook.id.parse().unwrap();
    let millis = u64::try_from(Clock::System.now().0).unwrap();
    // Ids of one millisecond are distinguished by their numbers.
    let first = WRITTEN.fetch_add(count, Ordering::SeqCst);
    let row = |number| Delivered {
        id: id_at(millis, number),
        event: id_at(millis, 1_000_000 + number),
        hook,
        event_type: EVENT.key(),
        state: "pending",
        class: None,
        status: None,
        is_test: false,
        body: service_hooks::engine::catalogue::sample(EVENT).to_owned(),
    };
    let written: Vec<Delivered> = (first..first + count).map(row).collect();
    rows::insert(scene_url, &written).await.unwrap();
    let statement = "UPDATE deliveries SET due_at = $1, order_key = $2 WHERE hook_id = $3 AND \
                     state = 'pending'";
    if scene_url.starts_with("sqlite:") {
        let mut conn = sqlx::SqliteConnection::connect(scene_url).await.unwrap();
        sqlx::query(statement)
            .bind(due_at.0)
            .bind(key)
            .bind(hook)
            .execute(&mut conn)
            .await
            .unwrap();
    } else {
        let mut conn = sqlx::PgConnection::connect(scene_url).await.unwrap();
        sqlx::query(statement)
            .bind(due_at.0)
            .bind(key)
            .bind(hook)
            .execute(&mut conn)
            .await
            .unwrap();
    }
    written.into_iter().map(|row| row.id).collect()
}

async fn deliveries_without_a_notice_are_found_within_seconds(db: TestDb) {
    let scene = Scene::start(db, |_| {}).await;
    let receiver = Receiver::start().await;
    let plain = scene.hook(&receiver, json!({})).await;
    let ordered = scene.hook(&receiver, json!({"order_by": "customerIdentifier"})).await;
    // The lanes have loaded their hooks and are idle.
    scene.emit_one().await;
    scene.all_in("delivered", 2).await;
    let now = Clock::System.now();
    write(&scene.settings.database_url, &plain, 3, None, now).await;
    within(30, "deliveries without a notice are delivered", async || {
        (scene.count("delivered").await == 5).then_some(())
    })
    .await;
    write(&scene.settings.database_url, &ordered, 3, Some("key"), now).await;
    within(30, "and in order too", async || (scene.count("delivered").await == 8).then_some(()))
        .await;
    scene.app.assert_balanced().await;
}

async fn only_sleeping_lanes_are_reported(db: TestDb) {
    let scene =
        Scene::start(db, |settings| settings.delivery.timeout = Duration::from_millis(300)).await;
    let receiver = Receiver::start().await;
    let sleeping = scene.hook(&receiver, json!({})).await;
    let off = scene.hook(&receiver, json!({"enabled": false})).await;
    let ordered = scene.hook(&receiver, json!({"order_by": "customerIdentifier"})).await;
    let settings = scene.settings.clone();
    let Scene { app, .. } = scene;
    let TestApp { running, db, .. } = app;
    running.shutdown().await;
    // No server runs: nothing is attempted.
    let long_ago = Timestamp(Clock::System.now().0 - HOUR);
    let url = &settings.database_url;
    let found = write(url, &sleeping, 2, None, long_ago).await;
    write(url, &off, 2, None, long_ago).await;
    let behind = write(url, &ordered, 2, Some("key"), long_ago).await;
    // The first of the key is retried in an hour; the other waits behind it.
    wait(url, behind[0], Timestamp(Clock::System.now().0 + HOUR)).await;
    let engine = Dispatcher::open_beside(db::config(settings.clone())).await.unwrap();
    let overdue = engine.find_overdue().await.unwrap();
    let named: Vec<String> = overdue.iter().map(|one| one.hook.to_string()).collect();
    assert_eq!(named, std::slice::from_ref(&sleeping.id));
    assert!(found.contains(&overdue[0].delivery.0) && overdue[0].since == long_ago, "{overdue:?}");
    let ctx = OpCtx::portal_itself(Portal::new(engine.clone(), settings.clone()));
    let checks = ops::doctor::examine(&ctx).await.unwrap();
    let liveness = checks.iter().find(|check| check.name == "liveness").unwrap();
    assert!(!liveness.is_well() && liveness.words.contains(&sleeping.id), "{}", liveness.words);
    engine.shutdown().await;
    // With a server all of it is delivered, and no lane sleeps.
    let app = TestApp::start_with(db, db::config(settings)).await;
    within(30, "it is delivered", async || {
        (app.balance().await.of(State::Delivered) == 2).then_some(())
    })
    .await;
    assert_eq!(app.running.portal.dispatcher.find_overdue().await.unwrap(), []);
    app.assert_live().await;
    app.running.shutdown().await;
}

async fn wait(url: &str, delivery: Uuid, until: Timestamp) {
    let statement =
        "UPDATE deliveries SET state = 'waiting', attempts = 1, due_at = $1 WHERE id = $2";
    if url.starts_with("sqlite:") {
        let mut conn = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::query(statement).bind(until.0).bind(delivery).execute(&mut conn).await.unwrap();
    } else {
        let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query(statement).bind(until.0).bind(delivery).execute(&mut conn).await.unwrap();
    }
}

/// A hook whose receiver hangs is not a sleeping lane.
#[tokio::test]
async fn an_attempt_in_flight_is_not_overdue() {
    let scene = Scene::start(TestDb::sqlite(), |settings| {
        settings.delivery.timeout = Duration::from_millis(300)
    })
    .await;
    let receiver = Receiver::ruled(|_| Reply::never()).await;
    scene.hook(&receiver, json!({})).await;
    scene.emit_one().await;
    receiver.wait_for(1).await;
    assert_eq!(scene.app.running.portal.dispatcher.find_overdue().await.unwrap(), []);
    scene.app.assert_live().await;
}

/// A hook with ordered deliveries gets no notice for a delivery without a key. Such a row should
/// not exist, but is delivered.
#[tokio::test]
async fn a_lane_with_overdue_deliveries_is_restarted() {
    let scene = Scene::start(TestDb::sqlite(), |settings| {
        settings.delivery.timeout = Duration::from_millis(300)
    })
    .await;
    let receiver = Receiver::start().await;
    let ordered = scene.hook(&receiver, json!({"order_by": "customerIdentifier"})).await;
    scene.emit_one().await;
    scene.all_in("delivered", 1).await;
    let long_ago = Timestamp(Clock::System.now().0 - HOUR);
    write(&scene.settings.database_url, &ordered, 1, None, long_ago).await;
    scene.all_in("delivered", 2).await;
    scene.app.assert_balanced().await;
}
