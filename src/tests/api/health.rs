//! `/readyz`, `/healthz` and `/metrics` are correct and respond in time, even if the database
//! hangs.

use std::time::Duration;

use serde_json::{Value, json};
use service_hooks::{
    domain::permission::Role,
    engine::{clock::Clock, store::Error},
};

use crate::{
    nodes::own_postgres::OwnPostgres,
    support::{app::TestApp, db::TestDb, on_both, within},
};

on_both!(ready_lists_its_parts, a_changed_master_key_is_reported);

/// Far above the promised second, and far below the timeouts of pools and of the writer.
const IN_TIME: Duration = Duration::from_secs(5);

async fn ask(app: &TestApp, path: &str) -> (u16, String) {
    let watch = Clock::System.stopwatch();
    let answer = app.request("GET", path).send().await.unwrap();
    let answer = (answer.status().as_u16(), answer.text().await.unwrap());
    assert!(watch.elapsed() < IN_TIME, "{path} took {:?}", watch.elapsed());
    answer
}

async fn ready(app: &TestApp) -> (u16, Value) {
    let (status, text) = ask(app, "/readyz").await;
    (status, serde_json::from_str(&text).unwrap())
}

fn part<'a>(ready: &'a Value, name: &str) -> &'a Value {
    ready["components"].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap()
}

async fn ready_lists_its_parts(db: TestDb) {
    let app = TestApp::start(db).await;
    let (status, answer) = ready(&app).await;
    assert_eq!((status, &answer["status"]), (200, &json!("ready")), "{answer}");
    for name in ["database", "writer", "scheduler", "disk", "key"] {
        assert_eq!(part(&answer, name), &json!({"name": name, "up": true, "detail": ""}));
    }
    assert_eq!(ask(&app, "/healthz").await.0, 200);
    app.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_database_is_reported_in_time_and_metrics_still_work() {
    let postgres = OwnPostgres::start();
    let app = TestApp::start(TestDb::on(&postgres.url()).await).await;
    assert_eq!(ready(&app).await.0, 200);
    postgres.freeze();
    for _ in 0..3 {
        let (status, answer) = ready(&app).await;
        assert_eq!((status, &answer["status"]), (503, &json!("not ready")), "{answer}");
        assert_eq!(part(&answer, "database")["up"], json!(false), "{answer}");
        assert!(!answer.to_string().contains("127.0.0.1"), "{answer}");
        assert_eq!(ask(&app, "/healthz").await.0, 200);
        let (status, figures) = ask(&app, "/metrics").await;
        assert!(
            status == 200 && figures.contains("service_hooks_component_up{component=\"writer\"}"),
            "{figures}"
        );
    }
    postgres.thaw();
    within(60, "it is ready again", async || (ready(&app).await.0 == 200).then_some(())).await;
    app.running.shutdown().await;
}

/// For example because another node encrypted the database with a new key.
async fn a_changed_master_key_is_reported(db: TestDb) {
    let app = TestApp::start(db).await;
    let store = app.running.portal.store().clone();
    assert_eq!(ready(&app).await.0, 200);
    let broken: Result<(), Error> =
        store.write(|conn| Box::pin(async { conn.control("DELETE FROM known_value").await })).await;
    broken.unwrap();
    let (status, answer) = ready(&app).await;
    assert_eq!((status, &part(&answer, "key")["up"]), (503, &json!(false)), "{answer}");
    let (_, figures) = ask(&app, "/metrics").await;
    assert!(figures.contains("service_hooks_component_up{component=\"key\"} 0"), "{figures}");
    let browser = app.browser(Role::Developer).await;
    let page = browser.get("/integration/hooks").await.text().await.unwrap();
    assert!(page.contains("Wrong master key: ") && page.contains("so nothing is sent."), "{page}");
    app.running.shutdown().await;
}
