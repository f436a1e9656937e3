//! Slow reads may occupy every connection of a server's pool for a long time: the server keeps its
//! lanes and continues to deliver.

use std::sync::Arc;

use serde_json::json;
use service_hooks::engine::{catalogue::sample, dispatcher::Emit};
use sqlx::Connection;
use uuid::Uuid;

use super::cluster::EVENT;
use crate::{
    engine::scene::Scene,
    support::{
        app::TestApp,
        db::{self, TestDb},
        receiver::Receiver,
        within,
    },
};

/// Size of a server's connection pool.
const POOL: usize = 16;
/// Longer than a lease.
const LONG_MS: i64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_connection_pool_loses_no_lane() {
    let db = Arc::new(TestDb::postgres().await);
    let app = TestApp::start_with(db.clone(), db::config(db.settings())).await;
    let token = app.full_token().await;
    let scene = Scene { app, token, settings: db.settings() };
    // The server that would take over the lanes.
    let other = TestApp::start_with(db.clone(), db::config(db.settings())).await;
    let mut conn = sqlx::PgConnection::connect(&db.settings().database_url).await.unwrap();
    // Hooks are created when both servers know each other, so that no lane moves later for another
    // reason.
    let mut beats: Vec<i64> = Vec::new();
    within(20, "both nodes sent two heartbeats", async || {
        let until = "SELECT until FROM nodes ORDER BY id";
        let now: Vec<(i64,)> = sqlx::query_as(until).fetch_all(&mut conn).await.unwrap();
        if now.len() == 2 && beats.is_empty() {
            beats = now.iter().map(|(until,)| until + 2500).collect();
        }
        (now.len() == 2 && now.iter().zip(&beats).all(|((until,), enough)| until >= enough))
            .then_some(())
    })
    .await;
    let receiver = Receiver::start().await;
    for _ in 0..8 {
        scene.hook(&receiver, json!({})).await;
    }
    within(20, "every lane has an owner", async || {
        let free: (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FILTER (WHERE node_id IS NULL) + 8 - COUNT(*) FROM lanes l
                            JOIN nodes n ON n.id = l.node_id",
        )
        .fetch_one(&mut conn)
        .await
        .unwrap();
        (free.0 == 0).then_some(())
    })
    .await;
    scene.emit_one().await;
    receiver.wait_for(8).await;
    let owners = "SELECT hook_id, node_id, fence FROM lanes ORDER BY hook_id";
    let before: Vec<(Uuid, Option<Uuid>, i64)> =
        sqlx::query_as(owners).fetch_all(&mut conn).await.unwrap();

    let store = scene.app.running.portal.store().clone();
    let mut taken = Vec::new();
    for _ in 0..POOL {
        taken.push(store.read().await.unwrap());
    }
    let clock = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
    let (since,): (i64,) = sqlx::query_as(clock).fetch_one(&mut conn).await.unwrap();
    let mut sent = 8;
    within(120, "the lease time has passed", async || {
        let event = Emit { event_type: EVENT, body: sample(EVENT).into() };
        scene.app.running.portal.dispatcher.emit(event, "test").await.unwrap();
        sent += 8;
        receiver.wait_for(sent).await;
        let (now,): (i64,) = sqlx::query_as(clock).fetch_one(&mut conn).await.unwrap();
        (now > since + LONG_MS).then_some(())
    })
    .await;
    let after: Vec<(Uuid, Option<Uuid>, i64)> =
        sqlx::query_as(owners).fetch_all(&mut conn).await.unwrap();
    assert_eq!(after, before, "a lane changed its owner");
    drop(taken);
    scene.app.assert_balanced().await;
    assert_eq!(receiver.came().len(), sent);
    other.running.shutdown().await;
}
