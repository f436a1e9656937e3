//! PostgreSQL is unavailable, at the start or later: the real reason is reported soon, producers
//! are rejected at once, and the server recovers automatically.

use std::time::Duration;

use service_hooks::{
    domain::event::EventType,
    engine::{
        clock::{Clock, Stopwatch},
        store::Store,
    },
};

use super::own_postgres::OwnPostgres;
use crate::support::{app::TestApp, binary, db::TestDb, receiver::Receiver, within};

/// The reason is reported within two seconds on a quiet machine. (Before, it took ten and was
/// another reason.)
const SOON: Duration = Duration::from_secs(2);

async fn timed<T>(what: impl Future<Output = T>) -> T {
    let watch: Stopwatch = Clock::System.stopwatch();
    let outcome = what.await;
    if watch.elapsed() > SOON {
        eprintln!("it took {:?}", watch.elapsed());
    }
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unavailable_database_is_reported_at_once_and_the_server_recovers() {
    let postgres = OwnPostgres::start();
    let db = TestDb::on(&postgres.url()).await;
    let settings = db.settings();
    let app = TestApp::start(db).await;
    let (token, receiver) = (app.full_token().await, Receiver::start().await);
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let first = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &first, "delivered").await;

    postgres.stop_at_once();
    let address = settings.database_url.split('@').nth(1).unwrap().split('/').next().unwrap();
    let reason = format!("Can't connect to PostgreSQL at {address}: connection refused");
    let read = timed(app.running.portal.store().read()).await.map(drop);
    assert_eq!(read.unwrap_err().to_string(), reason);
    let opened = timed(Store::open(&settings)).await.map(drop);
    assert_eq!(opened.unwrap_err().to_string(), reason);
    for arguments in [["serve"], ["migrate"]] {
        let output = timed(async { binary::run(&settings, &arguments, "") }).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(&reason), "{said}");
    }
    let sample = service_hooks::engine::catalogue::sample(EventType::WorkItemClosed);
    let body = format!(r#"{{"type": "work_item.closed", "data": {sample}}}"#);
    // A request that was sent on the connection that was just cut is answered only when its result
    // is known.
    let early = tokio::spawn(
        app.request("POST", "/api/v1/events").bearer_auth(&token).body(body.clone()).send(),
    );
    for _ in 0..5 {
        let (status, answer) = timed(app.api_raw(&token, "/events", body.clone())).await;
        assert_eq!(status, 503, "{answer}");
    }

    postgres.start_again();
    let early = early.await.unwrap().unwrap().status();
    assert!([202, 503].contains(&early.as_u16()), "{early}");
    let accepted = within(30, "events are accepted again", async || {
        let (status, answer) = app.api_raw(&token, "/events", body.clone()).await;
        (status == 202).then(|| answer["id"].as_str().unwrap().to_owned())
    })
    .await;
    within(60, "and delivered", async || {
        let came = receiver.came();
        came.iter().any(|came| came.header("webhook-id") == accepted).then_some(())
    })
    .await;
    app.assert_balanced().await;
    app.running.shutdown().await;
}
