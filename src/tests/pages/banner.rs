//! The banner above every page: it appears while there is a problem, shows each user what they may
//! see, and disappears automatically.

use std::{sync::Arc, time::Duration};

use service_hooks::{
    domain::{event::EventType, permission::Role, time::Timestamp},
    engine::{clock::Clock, dispatcher::Config},
};
use sqlx::Connection;

use crate::support::{
    app::{Browser, TestApp},
    db::{self, TestDb},
    eventually, on_both,
    receiver::{Receiver, Reply},
    within,
};

on_both!(the_banner_shows_rejected_events_to_each_role, a_late_clean_up_is_reported);

/// The banner of a page, if any, without the state of the machine's own disk.
async fn above(browser: &Browser, path: &str) -> Option<String> {
    let answer = browser.get(path).await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.unwrap().replace("<!>", "");
    let header = page.find("<header").expect("a frame");
    let banner = page.find("class=\"system-banner").and_then(|at| page[..at].rfind('<'));
    let banner = banner.map(|at| page[at..header].to_owned());
    banner.filter(|banner| !banner.contains("nearly full") || banner.matches("<p>").count() > 2)
}

async fn the_banner_shows_rejected_events_to_each_role(db: TestDb) {
    let mut settings = db.settings();
    settings.limits.queued_bytes = 1;
    let app = TestApp::start_with(Arc::new(db), db::config(settings)).await;
    let (developer, agent) = (app.browser(Role::Developer).await, app.browser(Role::Agent).await);
    assert_eq!(above(&developer, "/integration/hooks").await, None);
    let receiver = Receiver::start().await;
    receiver.reply([Reply::held()]);
    let token = app.full_token().await;
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    let said =
        eventually("the banner is shown", async || above(&developer, "/integration/hooks").await)
            .await;
    assert!(said.contains("New events are rejected") && said.contains("role=\"alert\""), "{said}");
    assert!(
        said.contains("Since <time") && said.contains("Check for failing or slow receivers."),
        "{said}"
    );
    assert!(said.contains("<a href=\"/status\">"), "{said}");
    let said = above(&agent, "/account").await.expect("all users see it");
    assert!(
        said.contains("Deliveries are delayed")
            && !said.contains("/status")
            && !said.contains("<time"),
        "{said}"
    );
    receiver.release();
    eventually("it disappears automatically", async || {
        above(&developer, "/status").await.is_none().then_some(())
    })
    .await;
    assert_eq!(above(&agent, "/account").await, None);
}

async fn a_late_clean_up_is_reported(db: TestDb) {
    let clock = Clock::test(Timestamp(1_795_000_000_000));
    let config = Config { clock: clock.clone(), ..db::config(db.settings()) };
    let app = TestApp::start_with(Arc::new(db), config).await;
    let (developer, agent) = (app.browser(Role::Developer).await, app.browser(Role::Agent).await);
    clock.advance(Duration::from_secs(3599));
    assert_eq!(above(&developer, "/integration/hooks").await, None);
    clock.advance(Duration::from_secs(10));
    let said = above(&developer, "/integration/hooks").await.expect("it is late");
    assert!(
        said.contains("Data past its retention is not being deleted")
            && said.contains("role=\"status\""),
        "{said}"
    );
    assert_eq!(above(&agent, "/account").await, None, "deliveries are not affected");
}

/// As after a failover to a read-only replica. (For a full disk on SQLite see `power`.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_reported_until_it_is_writable() {
    let app = TestApp::start(TestDb::postgres().await).await;
    let developer = app.browser(Role::Developer).await;
    let token = app.full_token().await;
    let mut admin = sqlx::PgConnection::connect(&app.db.settings().database_url()).await.unwrap();
    read_only(&mut admin, "on").await;
    let body = serde_json::json!({"type": "work_item.closed",
        "data": serde_json::from_str::<serde_json::Value>(
        service_hooks::engine::catalogue::sample(EventType::WorkItemClosed)).unwrap()});
    let said = within(20, "the banner is shown", async || {
        let (status, problem) = app.api(&token, "POST", "/events", Some(body.clone())).await;
        assert_ne!(status, 202, "{problem}");
        // Connections of the pages were cut too, which a first request may notice.
        if developer.get("/integration/hooks").await.status() != 200 {
            return None;
        }
        above(&developer, "/integration/hooks").await
    })
    .await;
    assert!(
        said.contains("write to the database. New events are rejected")
            && said.contains("role=\"alert\""),
        "{said}"
    );
    read_only(&mut admin, "off").await;
    // No event is emitted: the engine retries automatically.
    eventually("pages can be read", async || {
        (developer.get("/integration/hooks").await.status() == 200).then_some(())
    })
    .await;
    within(20, "the banner disappears", async || {
        above(&developer, "/integration/hooks").await.is_none().then_some(())
    })
    .await;
}

/// Applies to new connections; existing ones are closed.
async fn read_only(admin: &mut sqlx::PgConnection, state: &str) {
    let name: String =
        sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut *admin).await.unwrap();
    let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only = {state}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(alter)).execute(&mut *admin).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::query(cut).execute(&mut *admin).await.unwrap();
}
