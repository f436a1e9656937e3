//! Requests that are rejected for their `Host`, origin or forwarding headers.

use reqwest::StatusCode;
use serde_json::json;
use service_hooks::{
    domain::{event::EventType, permission::Role},
    engine::config::Metrics,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    PATIENCE,
    app::TestApp,
    db::{self, TestDb},
};

/// Sends a request byte for byte and returns the response.
async fn say(app: &TestApp, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(app.running.address).await.unwrap();
    stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    (text[9..12].parse().unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_requests_for_an_own_host_are_answered() {
    let db = TestDb::sqlite();
    let mut settings = db.settings();
    settings.public_url = "https://hooks.example.org".into();
    settings.hosts = vec!["hooks.internal.example".into()];
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let ours = [
        "hooks.example.org",
        "hooks.internal.example:3000",
        "localhost:3000",
        "127.0.0.1",
        "service-hooks",
    ];
    for host in ours {
        assert_eq!(
            say(&app, &format!("GET /sign-in HTTP/1.1\r\nhost: {host}")).await.0,
            200,
            "{host}"
        );
    }
    let refused = [
        ("host: evil.example", 421, "SERVICE_HOOKS_HOSTS"),
        ("host: hooks.example.org\r\nhost: hooks.example.org", 400, "more than one host"),
        ("host: hooks.example.org\r\nhost: evil.example", 400, "more than one host"),
        ("accept: text/html", 400, "names no host"),
    ];
    for path in
        ["/sign-in", "/", "/nothing", "/metrics", "/pkg/nothing", "/api/v1/hooks", "/api/v1/events"]
    {
        for (header, status, words) in refused {
            let (answered, text) = say(&app, &format!("GET {path} HTTP/1.1\r\n{header}")).await;
            assert!(answered == status && text.contains(words), "{path} {header}: {text}");
            assert_eq!(
                text.contains("application/problem+json"),
                path.starts_with("/api/"),
                "{text}"
            );
        }
    }
    assert_eq!(
        say(&app, "GET http://evil.example/sign-in HTTP/1.1\r\nhost: localhost").await.0,
        421
    );
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            say(&app, &format!("GET {path} HTTP/1.0\r\naccept: */*")).await.0,
            200,
            "a load balancer"
        );
    }
}

/// However the bytes are split into packets.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_at_most_32_kib() {
    let app = TestApp::start(TestDb::sqlite()).await;
    for (bytes, wanted) in [(30_000, 200), (33_000, 431), (50_000, 431), (70_000, 431)] {
        let head = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}", "y".repeat(bytes));
        assert_eq!(say(&app, &head).await.0, wanted, "{bytes}");
    }
}

/// A hook that leads to the portal although its URL does not show it (a name, a proxy): its
/// requests are rejected, and the only result is a failed delivery.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_loops_back_is_rejected() {
    let db = TestDb::sqlite();
    let mut settings = db.settings();
    settings.public_url = "https://hooks.example.org".into();
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let token = app.full_token().await;
    let own = app.url("/api/v1/events");
    let hook = json!({"name": "loop", "event_type": "work_item.closed", "callback_url": own,
        "api_key": token,
                      "enabled": true});
    let (status, hook) = app.api(&token, "POST", "/hooks", Some(hook)).await;
    assert_eq!(status, 201, "the test's port is not the one of the settings: {hook}");
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    let delivery = app.delivery_in(&token, &event, "failed").await;
    assert_eq!(delivery["last_status"], 508, "{delivery}");
    let head =
        "POST /api/v1/events HTTP/1.1\r\nhost: localhost\r\nx-service-hook-event: work_item.closed";
    let (_, problem) = say(&app, head).await;
    assert!(
        problem.contains("\"field\":\"X-Service-Hook-Event\""),
        "the problem names the header: {problem}"
    );
    let patch = json!({"callback_url": "https://hooks.example.org/x", "api_key": "k"});
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let (status, problem) = app.api(&token, "PATCH", &path, Some(patch)).await;
    assert!(
        status == 422 && problem.to_string().contains("the address of this server"),
        "{problem}"
    );
    assert_eq!(app.balance().await.accepted, 1, "no event was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_requires_requests_with_origin_information() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let browser = app.browser(Role::Administrator).await;
    let sign_out = "/rpc/service_hooks/rpc/session/sign_out";
    for headers in [&[][..], &[("accept", "application/json")]] {
        assert_eq!(browser.post_with(sign_out, &[], headers).await.status(), StatusCode::FORBIDDEN);
    }
    // Other spellings of the session cookie, which the session layer would accept.
    let id = browser.cookie.split("; ").find_map(|pair| pair.strip_prefix("sid=")).unwrap();
    let mut spelled = browser.clone();
    for cookie in [format!("%73id={id}"), format!("sid={id}; name=\u{e9}")] {
        spelled.cookie = cookie.clone();
        let answer = spelled.post_with(sign_out, &[], &[("accept", "application/json")]).await;
        assert!(!answer.status().is_success(), "{cookie}: {}", answer.status());
    }
    assert_eq!(browser.get("/account").await.status(), StatusCode::OK, "still signed in");
    // An invalid session id counts as no session; other cookies are kept.
    let mut confused = browser.clone();
    confused.cookie = format!("sid=x; {}; theme=dark; sid=\"\"", browser.cookie);
    let page = confused.get("/account").await;
    assert_eq!(page.status(), StatusCode::OK);
    confused.cookie = "sid=x; theme=dark".into();
    let page = confused.get("/sign-in").await.text().await.unwrap();
    assert!(page.contains("data-theme=\"dark\""), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_can_have_their_own_port() {
    let db = TestDb::sqlite();
    let mut settings = db.settings();
    settings.metrics = Metrics { listen: Some("127.0.0.1:0".parse().unwrap()), event_types: false };
    let app = TestApp::start_with(db.into(), db::config(settings)).await;
    let browser = app.browser(Role::Administrator).await;
    assert_eq!(browser.get("/metrics").await.status(), StatusCode::NOT_FOUND);
    let own = app.running.metrics_address.unwrap();
    let get =
        async |path: &str| app.client.get(format!("http://{own}{path}")).send().await.unwrap();
    assert_eq!(get("/sign-in").await.status(), StatusCode::NOT_FOUND);
    let figures = get("/metrics").await.text().await.unwrap();
    assert!(
        figures.contains("\nservice_hooks_events_accepted_total ")
            && !figures.contains("work_item"),
        "{figures}"
    );
    let foreign = app
        .client
        .get(format!("http://{own}/metrics"))
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(
        foreign.status(),
        StatusCode::MISDIRECTED_REQUEST,
        "a page of another site must not read them"
    );
    app.running.shutdown().await;
}
