//! Sign-in while others guess passwords: nothing is written for clients without a session, the
//! account's owner can still sign in, and the audit log has the attempts with their origin.

use futures::future::join_all;
use reqwest::StatusCode;
use service_hooks::domain::permission::Role;

use crate::support::{
    app::{Browser, PASSWORD, TestApp, location},
    db::{self, TestDb},
    eventually, on_both, sql,
};

on_both!(
    nothing_is_written_without_a_session,
    password_guesses_do_not_lock_out_others,
    sign_ins_and_refusals_are_in_the_audit_log,
    only_a_trusted_proxy_sets_the_client_address,
);

const SIGN_IN: &str = "/rpc/service_hooks/rpc/session/sign_in";
const EMAIL: &str = "administrator@example.org";

async fn try_in(browser: &mut Browser, email: &str, password: &str) -> String {
    let answer = browser
        .post(SIGN_IN, &[("email", email), ("password", password), ("next", "/account")])
        .await;
    browser.keep_cookie(&answer);
    location(&answer).to_owned()
}

async fn nothing_is_written_without_a_session(db: TestDb) {
    let url = db.settings().database_url();
    let app = TestApp::start(db).await;
    let flood = app.stranger().post(SIGN_IN, &[("email", &"x".repeat(20_000))]).await;
    assert_eq!(flood.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let long = format!("{}@example.org", "x".repeat(15_000));
    for email in [long.as_str(), "", "nobody@example.org"] {
        for password in ["", "wrong password"] {
            let mut browser = app.stranger();
            let to = try_in(&mut browser, email, password).await;
            assert!(to.starts_with("/sign-in?draft="), "{to}");
            assert!(!browser.cookie.contains("sid="), "{}", browser.cookie);
            let page = browser.get(&to).await.text().await.unwrap();
            assert!(page.contains("Error: Sign in") && page.len() < 50_000, "{page}");
            assert!(
                email != "nobody@example.org" || page.contains("value=\"nobody@example.org\""),
                "{page}"
            );
            // In no other browser, and not without the token in its URL.
            assert!(
                !app.stranger().get(&to).await.text().await.unwrap().contains("Error: Sign in")
            );
            assert!(
                !browser.get("/sign-in").await.text().await.unwrap().contains("Error: Sign in")
            );
        }
    }
    for table in ["sessions", "drafts"] {
        let rows = sql::number(&url, &format!("SELECT COUNT(*) FROM {table}")).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

/// 150 clients guess concurrently, from two addresses. Meanwhile the owner signs in with a known
/// browser, and with a new one from another address; so does another user.
async fn password_guesses_do_not_lock_out_others(db: TestDb) {
    let app = TestApp::start(db).await;
    let known = app.browser(Role::Administrator).await;
    app.browser(Role::Agent).await;
    let crowd: Vec<Browser> = (0..150).map(|number| app.stranger_at(10 + number % 2)).collect();
    let guesses = join_all(crowd.into_iter().map(async |mut browser| {
        let to = try_in(&mut browser, EMAIL, "a wrong password").await;
        let page = browser.get(&to).await.text().await.unwrap();
        page.contains("Too many wrong passwords")
    }));
    let owner = async {
        for _ in 0..10 {
            assert_eq!(try_in(&mut known.clone(), EMAIL, PASSWORD).await, "/account");
        }
        assert_eq!(try_in(&mut app.stranger_at(20), EMAIL, PASSWORD).await, "/account");
        assert_eq!(
            try_in(&mut app.stranger_at(20), "agent@example.org", PASSWORD).await,
            "/account"
        );
    };
    let (slowed, ()) = tokio::join!(guesses, owner);
    let looked_at = slowed.iter().filter(|slowed| !**slowed).count();
    assert_eq!(looked_at, 20, "ten passwords were checked per address, regardless of concurrency");
    // From that address even the right password is not checked; a known browser is not limited
    // there.
    assert!(try_in(&mut app.stranger_at(10), EMAIL, PASSWORD).await.starts_with("/sign-in"));
    let mut moved = app.stranger_at(10);
    moved.cookie.clone_from(&known.cookie);
    assert_eq!(try_in(&mut moved, EMAIL, PASSWORD).await, "/account");
    // The browser is known for one account only.
    assert!(
        try_in(&mut moved, "agent@example.org", "a wrong password").await.starts_with("/sign-in")
    );
}

async fn sign_ins_and_refusals_are_in_the_audit_log(db: TestDb) {
    let url = db.settings().database_url();
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Administrator).await;
    let lines = async |action: &str| {
        let question = format!(
            "SELECT COUNT(*) FROM audit WHERE action = '{action}' AND detail LIKE 'from 127.0.0.%'"
        );
        sql::number(&url, &question).await.unwrap()
    };
    assert_eq!(lines("session.began").await, 1);
    for _ in 0..12 {
        try_in(&mut app.stranger_at(9), EMAIL, "a wrong password").await;
    }
    let elsewhere = [("origin", "https://evil.example"), ("accept", "text/html")];
    for _ in 0..5 {
        let answer =
            browser.post_with("/rpc/service_hooks/rpc/session/sign_out", &[], &elsewhere).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let answer =
            app.request("GET", "/api/v1/hooks").bearer_auth("shk_nothing").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    for action in
        ["sign_in.refused", "sign_in.slowed", "request.other_site", "request.unknown_token"]
    {
        eventually(action, async || (lines(action).await == 1).then_some(())).await;
    }
    assert_eq!(
        location(&browser.post("/rpc/service_hooks/rpc/session/sign_out", &[]).await),
        "/sign-in"
    );
    assert_eq!(lines("session.ended").await, 1);
    // Refusals counted after the first are logged at shutdown at the latest.
    app.running.shutdown().await;
    let question = "SELECT COUNT(*) FROM audit WHERE action = 'sign_in.refused' AND detail LIKE '9 \
                    more in a minute: 9 from 127.0.0.9'";
    assert_eq!(sql::number(&url, question).await.unwrap(), 1);
}

async fn only_a_trusted_proxy_sets_the_client_address(db: TestDb) {
    let mut settings = db.settings();
    settings.trusted_proxies = vec!["127.0.0.8/32".parse().unwrap()];
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    app.browser(Role::Administrator).await;
    let guess = async |last: u8, client: &str| {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("accept", "text/html"),
            ("x-forwarded-for", client),
        ];
        let mut browser = app.stranger_at(last);
        let answer = browser
            .post_with(SIGN_IN, &[("email", EMAIL), ("password", "a wrong password")], &headers)
            .await;
        browser.keep_cookie(&answer);
        browser
            .get(location(&answer))
            .await
            .text()
            .await
            .unwrap()
            .contains("Too many wrong passwords")
    };
    for _ in 0..10 {
        assert!(!guess(8, "203.0.113.1").await && !guess(9, "203.0.113.3").await);
    }
    assert!(guess(8, "203.0.113.1").await, "one client behind the proxy");
    assert!(!guess(8, "203.0.113.2").await, "another");
    assert!(guess(9, "203.0.113.4").await, "a client without a session may send any address");
}
