//! The lifetime of a session: while it is used, at most a week, and never beyond signing out.

use reqwest::StatusCode;
use service_hooks::{
    domain::{event::EventType, permission::Role},
    engine::clock::Clock,
};

use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    on_both,
    receiver::Receiver,
    sql,
};

on_both!(
    a_session_ends_after_12_idle_hours_and_after_a_week,
    a_stream_ends_when_its_user_signs_out,
    signing_out_deletes_the_cookie_of_an_https_portal,
);

const SIGN_OUT: &str = "/rpc/service_hooks/rpc/session/sign_out";
const HOUR: i64 = 3_600_000;

async fn a_session_ends_after_12_idle_hours_and_after_a_week(db: TestDb) {
    let url = db.settings().database_url();
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Administrator).await;
    assert_eq!(browser.get("/integration/hooks").await.status(), StatusCode::OK);
    let ends = sql::number(&url, "SELECT MAX(expires_at) FROM sessions").await.unwrap();
    let left = ends - Clock::System.now().0;
    assert!((11 * HOUR..=12 * HOUR).contains(&left), "{left}");
    // As if the user signed in that long ago and used the session since then.
    for (days, status) in [(6, StatusCode::OK), (7, StatusCode::SEE_OTHER)] {
        let signed_in = Clock::System.now().0 - days * 24 * HOUR;
        let text = sql::text(&url, "SELECT MAX(data) FROM sessions").await.unwrap();
        let mut data: serde_json::Value = serde_json::from_str(&text).unwrap();
        data["signed_in"] = signed_in.into();
        sql::execute(&url, &format!("UPDATE sessions SET data = '{data}'")).await.unwrap();
        assert_eq!(browser.get("/integration/hooks").await.status(), status, "after {days} days");
    }
}

async fn a_stream_ends_when_its_user_signs_out(db: TestDb) {
    let app = TestApp::start(db).await;
    let (receiver, token) = (Receiver::start().await, app.full_token().await);
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let browser = app.browser(Role::Administrator).await;
    let mut stream = browser.get("/live").await;
    assert_eq!(stream.status(), StatusCode::OK);
    browser.post(SIGN_OUT, &[]).await;
    while stream.chunk().await.unwrap().is_some() {}
}

async fn signing_out_deletes_the_cookie_of_an_https_portal(db: TestDb) {
    let mut settings = db.settings();
    settings.public_url = "https://hooks.example.org".into();
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let browser = app.browser(Role::Administrator).await;
    let answer = browser.post(SIGN_OUT, &[]).await;
    let cookies =
        answer.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let removal = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-sid=")).unwrap();
    for part in ["Max-Age=0", "Path=/", "Secure"] {
        assert!(removal.contains(part), "{removal}");
    }
}
