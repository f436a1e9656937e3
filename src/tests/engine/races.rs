//! Retention concurrent with other writers of the same rows, on this server or another: no empty
//! body is sent, no open delivery is lost, and no deleted delivery holds a permit forever.

use std::time::Duration;

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        id::{DeliveryId, HookId},
        permission::right,
    },
    engine::{
        clock::Clock,
        config::{Retention, Settings},
        dispatcher::Config,
        store::{Error, deliveries},
    },
};
use sqlx::Connection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::scene::{EVENT, Scene};
use crate::{
    store::grant,
    support::{
        app::TestApp,
        db::{self, TestDb},
        eventually, on_both,
        receiver::{Receiver, Reply},
        sql,
    },
};

on_both!(
    an_attempt_of_a_deleted_delivery_returns_its_permit,
    an_open_delivery_without_a_body_fails_and_is_never_sent,
    a_hook_with_an_unknown_event_type_does_not_affect_others,
);

const HOUR: Duration = Duration::from_secs(3600);

/// A portal with a clock that the test sets, and a retention of one hour.
async fn tidy_scene(db: TestDb) -> (Scene, Clock) {
    let mut settings = db.settings();
    settings.retention = Retention {
        payloads: HOUR,
        deliveries: HOUR,
        every: Duration::from_millis(50),
        ..Retention::default()
    };
    let clock = Clock::test(Clock::System.now());
    let config = Config { clock: clock.clone(), ..db::config(settings.clone()) };
    let app = TestApp::start_with(db.into(), config).await;
    let token = app.full_token().await;
    (Scene { app, token, settings }, clock)
}

async fn delivered(scene: &Scene) -> (String, DeliveryId, HookId) {
    let event = scene.emit_one().await;
    let delivery = scene.delivery_in(&event, "delivered").await;
    let id = |name: &str| delivery[name].as_str().unwrap().parse::<Uuid>().unwrap();
    let hook = scene.get("/hooks").await["items"][0]["id"].as_str().unwrap().parse().unwrap();
    (event, DeliveryId(id("id")), hook)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_another_node_redelivers_is_not_deleted() {
    let (scene, clock) = tidy_scene(TestDb::postgres().await).await;
    let other = scene.app.db.store().await;
    let receiver = Receiver::start().await;
    scene.hook(&receiver, json!({})).await;
    let (_, delivery, hook) = delivered(&scene).await;
    delivered(&scene).await;
    // Another node has redelivered it, and its commit is slow.
    let ((is_begun, begun), (go_on, mut may_go_on)) =
        (oneshot::channel(), oneshot::channel::<()>());
    let again = clock.clone();
    let sending = tokio::spawn(async move {
        let sent: Result<(), Error> = other
            .write_alone(move |conn| {
                Box::pin(async move {
                    deliveries::redeliver(
                        conn,
                        &grant(right::DeliveriesReplay),
                        delivery,
                        hook,
                        None,
                        again.now(),
                    )
                    .await?;
                    is_begun.send(()).unwrap();
                    // The database ends a transaction that is idle for long.
                    while may_go_on.try_recv().is_err() {
                        deliveries::find(conn, &grant(right::DeliveriesRead), delivery).await?;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Ok(())
                })
            })
            .await;
        sent.unwrap();
    });
    begun.await.unwrap();
    clock.advance(2 * HOUR);
    eventually("bodies that are not redelivered are deleted", async || {
        (scene.app.balance().await.pruned == 1).then_some(())
    })
    .await;
    go_on.send(()).unwrap();
    sending.await.unwrap();
    let came = receiver.wait_for(3).await;
    assert_eq!(
        (came[2].body.clone(), came[2].header("webhook-id")),
        (came[0].body.clone(), came[0].header("webhook-id"))
    );
    eventually("the settled delivery is deleted too", async || {
        (scene.app.balance().await.pruned == 2).then_some(())
    })
    .await;
    scene.app.assert_balanced().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_another_node_is_deleting_is_not_redelivered() {
    let (scene, _) = tidy_scene(TestDb::postgres().await).await;
    let receiver = Receiver::start().await;
    scene.hook(&receiver, json!({})).await;
    let (event, delivery, _) = delivered(&scene).await;
    // A step of the retention on another node, with a slow commit.
    let mut other = sqlx::PgConnection::connect(&scene.settings.database_url()).await.unwrap();
    sqlx::raw_sql("BEGIN").execute(&mut other).await.unwrap();
    let event: Uuid = event.parse().unwrap();
    for statement in [
        "SELECT id FROM events WHERE id = $1 FOR UPDATE",
        "UPDATE events SET body = '', pruned_at = 1 WHERE id = $1",
    ] {
        sqlx::query(statement).bind(event).execute(&mut other).await.unwrap();
    }
    let path = format!("/deliveries/{delivery}/redeliver");
    let asked = scene.ask("POST", &path, json!({}));
    tokio::pin!(asked);
    let is_blocked = async {
        eventually("it waits for the other node", async || {
            let (waiting,): (i64,) = sqlx::query_as(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                 wait_event_type = 'Lock'",
            )
            .fetch_one(&mut other)
            .await
            .unwrap();
            (waiting > 0).then_some(())
        })
        .await
    };
    tokio::select! {
        (status, answer) = &mut asked => panic!("it did not wait: {status} {answer}"),
        () = is_blocked => {}
    }
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    let (status, problem) = asked.await;
    assert_eq!(status, 422, "{problem}");
    let another = delivered(&scene).await;
    assert_eq!(receiver.came().len(), 2, "{another:?}");
    assert!(receiver.came().iter().all(|came| !came.body.is_empty()));
}

async fn an_attempt_of_a_deleted_delivery_returns_its_permit(db: TestDb) {
    // There is only one permit.
    let scene = Scene::start(db, |settings: &mut Settings| settings.delivery.in_flight = 1).await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    receiver.reply([Reply::held()]);
    scene.hook(&receiver, json!({})).await;
    scene.emit_one().await;
    receiver.wait_for(1).await;
    let url = scene.settings.database_url();
    sql::execute(&url, "DELETE FROM deliveries").await.unwrap();
    receiver.release();
    scene.hook(&other, json!({"event_type": "outbound_call.initiated"})).await;
    scene
        .app
        .emit_sample(&scene.token, service_hooks::domain::event::EventType::OutboundCallInitiated)
        .await;
    other.wait_for(1).await;
    assert_eq!(
        sql::number(&url, "SELECT COUNT(*) FROM attempts WHERE class <> 'success'").await.unwrap(),
        0
    );
}

async fn an_open_delivery_without_a_body_fails_and_is_never_sent(db: TestDb) {
    let scene = Scene::start(db, |_| {}).await;
    let receiver = Receiver::start().await;
    let hook = scene.hook(&receiver, json!({})).await;
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(delivered(&scene).await.0);
    }
    // As an older version could leave them: open, without a body.
    let url = scene.settings.database_url();
    let mut damage = format!("UPDATE events SET pruned_at = 1, body = {};", sql::no_body(&url));
    for (event, state) in events.iter().zip([
        "state = 'pending', due_at = 0",
        "state = 'waiting', due_at = 0",
        "state = 'held'",
    ]) {
        let id = sql::literal(&url, event.parse().unwrap());
        damage.push_str(&format!("UPDATE deliveries SET {state} WHERE event_id = {id};"));
    }
    sql::execute(&url, &damage).await.unwrap();
    // Any change makes the lane look at its deliveries.
    scene.change(&hook, json!({"name": "looked at"})).await;
    for event in &events {
        let delivery = scene.delivery_in(event, "failed").await;
        let reason = delivery["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("removed by retention"), "{delivery}");
    }
    assert_eq!(receiver.came().len(), 3, "nothing was sent a second time");
    scene.app.assert_balanced().await;
    // A paused hook is not probed with it either.
    let story: Value = scene.get(&format!("/events/{}", delivered(&scene).await.0)).await;
    assert_eq!(
        (story["deliveries"][0]["state"].as_str(), EVENT.key()),
        (Some("delivered"), "work_item.closed")
    );
}

/// As after a downgrade, or during a rolling upgrade to a version with more event types.
async fn a_hook_with_an_unknown_event_type_does_not_affect_others(db: TestDb) {
    let scene = Scene::start(db, |_| {}).await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    scene.hook(&receiver, json!({})).await;
    let newer = scene.hook(&other, json!({})).await;
    let url = scene.settings.database_url();
    let id = sql::literal(&url, newer.id.parse().unwrap());
    let change = format!(
        "UPDATE counters SET value = value + 1 WHERE name = 'hooks_version' AND shard = 0;
         UPDATE hooks SET event_type = 'made.later',
           changed = (SELECT value FROM counters WHERE name = 'hooks_version' AND shard = 0) WHERE \
           id = {id};"
    );
    sql::execute(&url, &change).await.unwrap();
    // A change to any hook makes the server read the changes.
    let third = scene.hook(&other, json!({"event_type": "outbound_call.initiated"})).await;
    scene.change(&third, json!({"name": "looked at"})).await;
    scene.emit_some(20).await;
    scene.all_in("delivered", 20).await;
    assert_eq!((receiver.came().len(), other.came().len()), (20, 0));
    scene.app.assert_balanced().await;
}
