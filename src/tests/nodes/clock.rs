//! Servers with wrong clocks: nothing is delayed by them, neither on the server itself nor on
//! others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use service_hooks::{
    engine::{clock::Clock, config::Settings, dispatcher::Config, store::Error},
    portal::{ctx::OpCtx, ops::doctor},
};
use sqlx::Connection;
use tokio::sync::oneshot;

use crate::{
    engine::scene::Scene,
    support::{
        app::TestApp,
        db::{self, TestDb},
        on_both,
        receiver::{Receiver, Reply},
        within,
    },
};

on_both!(
    retries_scheduled_by_a_clock_an_hour_ahead_are_on_time_after_correction,
    a_probe_scheduled_by_a_clock_an_hour_ahead_is_on_time_after_correction,
    a_clock_set_back_while_stopped_delays_nothing,
    a_retry_recorded_during_a_clock_change_is_on_time,
);

const HOUR: i64 = 3_600_000;
const AHEAD: i64 = 30_000;
/// Far less than a wrong clock would add, and far more than a busy machine needs.
const SOON: u64 = 25;

async fn rows<T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin>(
    db: &TestDb,
    question: &'static str,
) -> Vec<T> {
    let mut conn = sqlx::PgConnection::connect(&db.settings().database_url).await.unwrap();
    sqlx::query_as(question).fetch_all(&mut conn).await.unwrap()
}

async fn scene(db: Arc<TestDb>, clock: &Clock, settings: Settings) -> Scene {
    let config = Config { clock: clock.clone(), ..db::config(settings.clone()) };
    let app = TestApp::start_with(db, config).await;
    let token = app.full_token().await;
    Scene { app, token, settings }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_half_a_minute_ahead_delays_nothing_and_is_reported() {
    let db = Arc::new(TestDb::postgres().await);
    let ahead = scene(db.clone(), &Clock::skewed(AHEAD), db.settings()).await;
    let right = scene(db.clone(), &Clock::System, db.settings()).await;
    let receiver = Receiver::start().await;
    let mut hooks = 0;
    within(SOON, "both have lanes", async || {
        ahead.hook(&receiver, json!({})).await;
        hooks += 1;
        let shares: Vec<(i64,)> =
            rows(&db, "SELECT COUNT(*) FROM lanes WHERE node_id IS NOT NULL GROUP BY node_id")
                .await;
        let all: i64 = shares.iter().map(|(share,)| share).sum();
        (shares.len() == 2 && all == hooks).then_some(())
    })
    .await;
    ahead.emit_some(10).await;
    right.emit_some(10).await;
    let expected = 20 * hooks as usize;
    within(SOON, "what either accepted arrives through both", async || {
        (receiver.came().len() >= expected).then_some(())
    })
    .await;
    let beyond: Vec<(i64,)> = rows(
        &db,
        "SELECT COUNT(*) FROM deliveries WHERE GREATEST(created_at, updated_at, due_at)
           > EXTRACT(EPOCH FROM clock_timestamp()) * 1000 + 1000",
    )
    .await;
    assert_eq!(beyond[0].0, 0, "a row was written with a wrong clock");

    let skews: Vec<(i64,)> = rows(&db, "SELECT skew_ms FROM nodes ORDER BY skew_ms").await;
    assert!(skews[0].0.abs() < 5000 && (skews[1].0 - AHEAD).abs() < 5000, "{skews:?}");
    let checks = doctor::examine(&OpCtx::portal_itself(ahead.app.running.portal.clone())).await;
    let checks = checks.unwrap_or_else(|_| panic!("doctor failed"));
    let words = &checks.iter().find(|check| check.name == "clock").unwrap().words;
    assert!(words.contains(" ms ahead of the database's; the clock of server "), "{words}");
    ahead.app.assert_balanced().await;
}

/// A receiver whose answer can be changed while it runs.
async fn moody() -> (Receiver, Arc<AtomicU16>) {
    let mood = Arc::new(AtomicU16::new(500));
    let seen = mood.clone();
    (Receiver::ruled(move |_| Reply::status(seen.load(Ordering::SeqCst))).await, mood)
}

fn settings(db: &TestDb, pause_after: u32) -> Settings {
    let mut settings = db.settings();
    settings.delivery.retry_schedule = vec![Duration::from_secs(2); 100];
    settings.delivery.pause_after = pause_after;
    settings.delivery.first_probe = Duration::from_secs(2);
    settings.delivery.longest_probe = Duration::from_secs(2);
    settings
}

async fn all_delivered(scene: &Scene, count: i64) {
    within(SOON, "all are delivered", async || {
        (scene.count("delivered").await == count).then_some(())
    })
    .await;
    scene.app.assert_balanced().await;
}

async fn retries_scheduled_by_a_clock_an_hour_ahead_are_on_time_after_correction(db: TestDb) {
    let clock = Clock::skewed(HOUR);
    let settings = settings(&db, 10_000);
    let scene = scene(Arc::new(db), &clock, settings).await;
    let (receiver, mood) = moody().await;
    scene.hook(&receiver, json!({})).await;
    scene.emit_some(100).await;
    scene.all_in("waiting", 100).await;
    clock.set_skew(0);
    mood.store(200, Ordering::SeqCst);
    all_delivered(&scene, 100).await;
}

async fn a_probe_scheduled_by_a_clock_an_hour_ahead_is_on_time_after_correction(db: TestDb) {
    let clock = Clock::skewed(HOUR);
    let settings = settings(&db, 3);
    let scene = scene(Arc::new(db), &clock, settings).await;
    let (receiver, mood) = moody().await;
    let hook = scene.hook(&receiver, json!({})).await;
    scene.emit_some(5).await;
    scene.health(&hook, "paused").await;
    clock.set_skew(0);
    mood.store(200, Ordering::SeqCst);
    all_delivered(&scene, 5).await;
}

async fn a_clock_set_back_while_stopped_delays_nothing(db: TestDb) {
    let (settings, db) = (settings(&db, 10_000), Arc::new(db));
    let before = scene(db.clone(), &Clock::skewed(HOUR), settings.clone()).await;
    let (receiver, mood) = moody().await;
    before.hook(&receiver, json!({})).await;
    before.emit_some(20).await;
    before.all_in("waiting", 20).await;
    before.app.running.shutdown().await;
    mood.store(200, Ordering::SeqCst);
    let after = scene(db, &Clock::System, settings).await;
    all_delivered(&after, 20).await;
}

async fn a_retry_recorded_during_a_clock_change_is_on_time(db: TestDb) {
    let clock = Clock::skewed(HOUR);
    let settings = settings(&db, 10_000);
    let scene = scene(Arc::new(db), &clock, settings).await;
    let (receiver, mood) = moody().await;
    scene.hook(&receiver, json!({})).await;
    receiver.reply([Reply { status: 500, ..Reply::held() }]);
    scene.emit_one().await;
    receiver.wait_for(1).await;
    // A slow command: commands that arrive in the meantime are written after it.
    let (begun, has_begun) = oneshot::channel();
    let (end, is_over) = oneshot::channel::<()>();
    let store = scene.app.running.portal.store().clone();
    let command = tokio::spawn(async move {
        let written: Result<(), Error> = store
            .write(move |_| {
                Box::pin(async move {
                    begun.send(()).unwrap();
                    is_over.await.unwrap();
                    Ok(())
                })
            })
            .await;
        written
    });
    has_begun.await.unwrap();
    receiver.release();
    within(SOON, "the attempt is over", async || {
        let figures =
            scene.app.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
        figures.contains("attempts_total{class=\"server_error\"} 1\n").then_some(())
    })
    .await;
    clock.set_skew(0);
    mood.store(200, Ordering::SeqCst);
    end.send(()).unwrap();
    command.await.unwrap().unwrap();
    all_delivered(&scene, 1).await;
}
