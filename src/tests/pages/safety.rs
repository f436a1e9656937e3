//! Sessions, cross-site requests and headers: the protection of the user's browser.

use reqwest::StatusCode;
use service_hooks::{
    domain::{event::EventType, permission::Role},
    http::pages::paths,
    portal::ops::{self, users::NewUser},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    PATIENCE,
    app::{PASSWORD, TestApp, location},
    db::TestDb,
    on_both,
    receiver::Receiver,
};

on_both!(
    sign_in_changes_the_session_id_and_sign_out_ends_the_session,
    a_password_with_an_accent_works_in_every_normalization,
    sign_in_reveals_no_accounts_and_is_rate_limited,
    requests_from_other_sites_are_refused,
);

const SIGN_IN: &str = "/rpc/service_hooks/rpc/session/sign_in";

async fn sign_in_changes_the_session_id_and_sign_out_ends_the_session(db: TestDb) {
    let app = TestApp::start(db).await;
    let signed_in = app.browser(Role::Administrator).await;
    // Signing in replaces a cookie that an attacker may have planted.
    let mut victim = app.stranger();
    let wrong = victim
        .post(SIGN_IN, &[("email", "administrator@example.org"), ("password", "wrong")])
        .await;
    victim.keep_cookie(&wrong);
    let planted = victim.clone();
    let right = victim
        .post(
            SIGN_IN,
            &[
                ("email", "Administrator@Example.org"),
                ("password", PASSWORD),
                ("next", "/integration/events"),
            ],
        )
        .await;
    assert_eq!(location(&right), "/integration/events");
    victim.keep_cookie(&right);
    assert_ne!(planted.cookie, victim.cookie);
    assert_eq!(planted.get("/integration/hooks").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(victim.get("/integration/hooks").await.status(), StatusCode::OK);
    // Signing out ends this session, also on the server, and no other.
    assert_eq!(
        location(&victim.post("/rpc/service_hooks/rpc/session/sign_out", &[]).await),
        "/sign-in"
    );
    assert_eq!(victim.get("/integration/hooks").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(signed_in.get("/integration/hooks").await.status(), StatusCode::OK);
    let cookies =
        right.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("sid=")).unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

/// A keyboard may send an accented letter as one character or as two.
async fn a_password_with_an_accent_works_in_every_normalization(db: TestDb) {
    let app = TestApp::start(db).await;
    let (email, password) = ("zoe@example.org", "Z\u{fc}rich f\u{e4}hrt elf");
    let new = NewUser {
        email: email.into(),
        role: "agent".into(),
        password: password.into(),
        ..NewUser::default()
    };
    ops::users::create(&app.ctx(), new).await.unwrap();
    for typed in [password, "Zu\u{308}rich fa\u{308}hrt elf", "Zu\u{308}rich f\u{e4}hrt elf"] {
        let answer = app.stranger().post(SIGN_IN, &[("email", email), ("password", typed)]).await;
        assert!(!location(&answer).starts_with("/sign-in"), "{typed}");
    }
    let answer =
        app.stranger().post(SIGN_IN, &[("email", email), ("password", "Zurich fahrt elf")]).await;
    assert!(location(&answer).starts_with("/sign-in"));
}

async fn sign_in_reveals_no_accounts_and_is_rate_limited(db: TestDb) {
    let app = TestApp::start(db).await;
    app.browser(Role::Agent).await;
    let try_it = async |email: &str, password: &str| {
        let mut browser = app.stranger();
        let answer = browser
            .post(
                SIGN_IN,
                &[("email", email), ("password", password), ("next", "https://evil.example/")],
            )
            .await;
        browser.keep_cookie(&answer);
        let to = location(&answer).to_owned();
        assert!(
            to.starts_with("/sign-in?draft=") && !to.contains("evil") && !to.contains("password"),
            "{to}"
        );
        browser.get(&to).await.text().await.unwrap()
    };
    let known = try_it("agent@example.org", "wrong password").await;
    let unknown = try_it("nobody@example.org", "wrong password").await;
    for page in [&known, &unknown] {
        assert!(
            page.contains("Wrong email address or password.") && !page.contains("wrong password")
        );
    }
    for _ in 0..9 {
        try_it("agent@example.org", "wrong password").await;
    }
    assert!(try_it("agent@example.org", PASSWORD).await.contains("Too many wrong passwords"));
}

async fn requests_from_other_sites_are_refused(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let id = app.hook(&token, EventType::WorkItemClosed, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let browser = app.browser(Role::Administrator).await;
    let own = app.url("");
    let rows: &[(&[(&str, &str)], bool)] = &[
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], false),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("origin", "http://127.0.0.1:1")], false),
        (&[("origin", &own)], true),
        (&[("sec-fetch-site", "same-origin"), ("origin", &own)], true),
        (&[("sec-fetch-site", "none")], true),
    ];
    for path in [
        "/rpc/service_hooks/rpc/hooks/set_enabled",
        SIGN_IN,
        "/rpc/service_hooks/rpc/session/sign_out",
    ] {
        for (headers, may) in rows.iter().filter(|(_, may)| !may || path.ends_with("set_enabled")) {
            let answer =
                browser.post_with(path, &[("id", &id), ("enabled", "true")], headers).await;
            assert_eq!(
                answer.status() != StatusCode::FORBIDDEN,
                *may,
                "{path} {headers:?}: {}",
                answer.status()
            );
        }
    }
    assert_eq!(browser.get("/integration/hooks").await.status(), StatusCode::OK, "still signed in");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_the_security_headers() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let browser = app.browser(Role::Administrator).await;
    let mut paths = paths();
    paths.extend(
        [
            "/",
            "/healthz",
            "/readyz",
            "/robots.txt",
            "/pkg/nothing",
            "/nothing",
            "/api/v1/hooks",
            "/api/v1/openapi.json",
        ]
        .map(String::from),
    );
    for path in paths {
        let answer = browser.get(&path.replace(['{', '}'], "x")).await;
        let header = |name: &str| {
            answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
        };
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!header("content-security-policy").contains("unsafe-inline"), "{path}");
        assert!(
            header("cache-control") == "no-store"
                || path.starts_with("/pkg")
                || path == "/robots.txt",
            "{path}"
        );
        let policy = header("content-security-policy").to_owned();
        let page = answer.text().await.unwrap();
        if let Some(nonce) = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next())
        {
            assert_eq!(
                page.matches(nonce).count(),
                page.matches(&format!("nonce=\"{nonce}\"")).count(),
                "{path}: the nonce leaks"
            );
        }
        assert!(
            page.matches("<script").count()
                == page.matches("nonce=\"").count()
                    + page.matches("<script type=\"module\" src=").count()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_and_malformed_forms_are_rejected() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let browser = app.browser(Role::Administrator).await;
    let large = "x".repeat(300_000);
    let answer = browser.post("/rpc/service_hooks/rpc/hooks/create", &[("name", &large)]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let twice =
        browser.post("/rpc/service_hooks/rpc/hooks/create", &[("name", "a"), ("name", "b")]).await;
    assert_eq!(twice.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        browser.post("/rpc/service_hooks/rpc/hooks/nothing", &[]).await.status(),
        StatusCode::NOT_FOUND
    );
    // An e-mail address that is too long is not stored, and no character in it causes a server
    // error.
    for email in ["a\0b@example.org", &"x".repeat(10_000)] {
        let answer = app.stranger().post(SIGN_IN, &[("email", email), ("password", "x")]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    }
    let odd = browser.post("/rpc/service_hooks/rpc/hooks/delete", &[("id", "\0../../x")]).await;
    assert_eq!(odd.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_request_head_times_out() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let mut slow = TcpStream::connect(app.running.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut silent = TcpStream::connect(app.running.address).await.unwrap();
    let closed = async |stream: &mut TcpStream| {
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.is_ok()
    };
    let (slow, silent) = tokio::join!(closed(&mut slow), closed(&mut silent));
    assert!(slow && silent, "an idle connection is kept open forever");
}
