//! What keeps open pages true: the stream says that something has changed, on this node or another,
//! and a page's refresh in the background has no side effects.

use reqwest::{Response, StatusCode, header::COOKIE};
use serde_json::json;
use service_hooks::domain::{event::EventType, permission::Role};

use crate::support::{
    app::{Browser, TestApp},
    db::{self, TestDb},
    eventually, on_both,
    receiver::{Receiver, Reply},
    sql,
};

on_both!(
    a_commit_elsewhere_changes_the_version,
    a_refresh_takes_no_message_and_does_not_extend_the_session,
    the_stream_ends_at_shutdown,
);

const SET_ENABLED: &str = "/rpc/service_hooks/rpc/hooks/set_enabled";

/// A stream, and the versions it has sent.
struct Stream {
    answer: Response,
    text: String,
}

impl Stream {
    async fn open(browser: &Browser) -> Self {
        let answer = browser.get("/live").await;
        assert_eq!(answer.status(), StatusCode::OK);
        Self { answer, text: String::new() }
    }

    /// The next version that the stream sends.
    async fn next(&mut self) -> String {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let version = data.expect("a version").to_owned();
                self.text = rest.to_owned();
                return version;
            }
            let chunk = self.answer.chunk().await.unwrap().expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Waits for another version than this one.
    async fn changes(&mut self, what: &str, before: &mut String) {
        let after = eventually(what, async || {
            let version = self.next().await;
            (version != *before).then_some(version)
        })
        .await;
        *before = after;
    }

    /// Waits until two versions in a row are the same: what was going on is over.
    async fn settled(&mut self) -> String {
        let mut last = self.next().await;
        loop {
            let next = self.next().await;
            if next == last {
                return last;
            }
            last = next;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_tells_every_kind_of_change() {
    let db = TestDb::sqlite();
    let mut settings = db.settings();
    settings.delivery.retry_schedule.clear();
    let app = TestApp::start_with(std::sync::Arc::new(db), db::config(settings)).await;
    let url = app.db.settings().database_url();
    let (receiver, token) = (Receiver::start().await, app.full_token().await);
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let id = hook["id"].as_str().unwrap().to_owned();
    let path = format!("/hooks/{id}");
    let browser = app.browser(Role::Administrator).await;
    let mut stream = Stream::open(&browser).await;
    let mut version = stream.settled().await;

    app.api(&token, "PATCH", &path, Some(json!({"name": "edited"}))).await;
    stream.changes("a hook is edited", &mut version).await;

    version = stream.settled().await;
    let form = [("id", id.as_str()), ("enabled", "false")];
    browser.post(SET_ENABLED, &form).await;
    stream.changes("a hook is slid", &mut version).await;
    browser.post(SET_ENABLED, &[("id", id.as_str()), ("enabled", "true")]).await;

    version = stream.settled().await;
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &event, "delivered").await;
    stream.changes("an event is delivered", &mut version).await;

    version = stream.settled().await;
    let job = json!({"since": "2020-01-01T00:00:00Z", "states": ["delivered"]});
    let (status, said) = app.api(&token, "POST", &format!("{path}/recover"), Some(job)).await;
    assert_eq!(status, 202, "{said}");
    stream.changes("a job runs", &mut version).await;

    version = stream.settled().await;
    receiver.reply([Reply::status(410)]);
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    app.delivery_in(&token, &event, "failed").await;
    stream.changes("a receiver is gone", &mut version).await;

    // Another process: only the database knows.
    version = stream.settled().await;
    sql::execute(&url, "UPDATE hooks SET name = 'elsewhere'").await.unwrap();
    stream.changes("another process commits", &mut version).await;
}

/// On PostgreSQL the version counts the transactions of the whole server. Other tests run on the
/// same one, so only SQLite can show that nothing else changes it.
async fn a_commit_elsewhere_changes_the_version(db: TestDb) {
    let app = TestApp::start(db).await;
    let url = app.db.settings().database_url();
    let browser = app.browser(Role::Auditor).await;
    let mut stream = Stream::open(&browser).await;
    let mut version = stream.next().await;
    sql::execute(&url, "UPDATE users SET name = 'elsewhere'").await.unwrap();
    stream.changes("another process commits", &mut version).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_silent_while_nothing_changes() {
    let db = TestDb::sqlite();
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Auditor).await;
    let mut stream = Stream::open(&browser).await;
    // Heartbeats of the node go on meanwhile: a version is repeated only every few seconds.
    let version = stream.settled().await;
    assert_eq!(stream.next().await, version);
}

/// The version that a page carries.
fn carried(page: &str) -> String {
    let after = page.split("data-version=\"").nth(1).expect("a version");
    after.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_carries_a_version_from_before_it_was_read() {
    let db = TestDb::sqlite();
    let app = TestApp::start(db).await;
    let (receiver, token) = (Receiver::start().await, app.full_token().await);
    let browser = app.browser(Role::Administrator).await;
    let mut stream = Stream::open(&browser).await;
    let version = stream.settled().await;
    let page = async || browser.get("/integration/hooks").await.text().await.unwrap();
    assert_eq!(carried(&page().await), version, "nothing has changed since");
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let mut after = version.clone();
    stream.changes("a hook is created", &mut after).await;
    assert_ne!(carried(&page().await), version);
    let sign_in = app.stranger().get("/sign-in").await.text().await.unwrap();
    assert!(!sign_in.contains("data-version"), "a stranger follows nothing");
}

async fn a_refresh_takes_no_message_and_does_not_extend_the_session(db: TestDb) {
    let app = TestApp::start(db).await;
    let url = app.db.settings().database_url();
    let browser = app.browser(Role::Administrator).await;
    let theme = "/rpc/service_hooks/rpc/preferences/save";
    let form = [("theme", "dark"), ("time_zone", "UTC"), ("hours", "24")];
    let answer = browser.post(theme, &form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    // As if it had been used for the last time five hours ago.
    sql::execute(&url, "UPDATE sessions SET expires_at = expires_at - 18000000").await.unwrap();
    let ends = async || sql::number(&url, "SELECT MAX(expires_at) FROM sessions").await.unwrap();
    let before = ends().await;
    let refresh = app
        .request("GET", "/account")
        .header("accept", "text/html")
        .header("x-refresh", "1")
        .header(COOKIE, &browser.cookie);
    let page = refresh.send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("class=\"notice"), "{page}");
    drop(browser.get("/live").await);
    assert_eq!(ends().await, before, "no request has used the session");
    let page = browser.get("/account").await.text().await.unwrap();
    assert!(page.contains("class=\"notice"), "the message is still there: {page}");
    assert!(ends().await > before, "showing a page is use");
}

async fn the_stream_ends_at_shutdown(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Agent).await;
    let mut stream = Stream::open(&browser).await;
    stream.next().await;
    let TestApp { running, db, .. } = app;
    running.shutdown().await;
    while stream.answer.chunk().await.unwrap().is_some() {}
    drop(db);
}
