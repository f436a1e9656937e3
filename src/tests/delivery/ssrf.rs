//! The corpus of callback URLs, when a hook is saved and when it is sent to. Names are resolved by
//! a lookup of the test; sentinels on loopback detect connections that must not happen.

use std::sync::Arc;

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        event::EventType,
        hook::HookForm,
        id::HookId,
        permission::{Actor, right},
        time::Timestamp,
    },
    engine::{
        dispatcher::Config,
        store::hooks::{self, Change},
    },
};

use crate::support::{
    app::TestApp,
    db::TestDb,
    names::Names,
    receiver::{Receiver, Reply},
};

const CORPUS: &str = include_str!("callback-urls.tsv");

struct Row {
    id: &'static str,
    url: String,
    expected: &'static str,
}

fn corpus() -> Vec<Row> {
    let rows: Vec<Row> = CORPUS.lines().skip(1).map(row).collect();
    assert!(rows.len() > 100);
    rows
}

fn row(line: &'static str) -> Row {
    let mut columns = line.split('\t');
    let (id, url, expected) =
        (columns.next().unwrap(), columns.next().unwrap(), columns.next().unwrap());
    let url: String = serde_json::from_str(url).unwrap();
    let url = url.replace("{A64}", &"a".repeat(64)).replace("{A60}", &"a".repeat(60));
    Row { id, url, expected }
}

/// A portal that may use plain HTTP and no private range, with its own names.
async fn strict_app(table: Arc<Names>, allow: &[&str]) -> (TestApp, String) {
    let db = TestDb::sqlite();
    let mut settings = db.settings();
    settings.egress.allow_cidrs = allow.iter().map(|range| range.parse().unwrap()).collect();
    settings.delivery.retry_schedule.clear();
    settings.delivery.timeout = std::time::Duration::from_millis(300);
    let config = Config { lookup: Some(table), ..Config::new(settings) };
    let app = TestApp::start_with(db.into(), config).await;
    let token = app.full_token().await;
    (app, token)
}

async fn save(app: &TestApp, token: &str, url: &str) -> (u16, Value) {
    let body =
        json!({"name": "n", "event_type": "work_item.closed", "callback_url": url, "api_key": "k"});
    app.api(token, "POST", "/hooks", Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_has_its_outcome_at_save() {
    let (app, token) = strict_app(Arc::default(), &[]).await;
    for Row { id, url, expected } in corpus() {
        let (status, answer) = save(&app, &token, &url).await;
        match expected.strip_prefix("REJ:") {
            Some(class) => {
                assert_eq!(status, 422, "{id} {url:?}: {answer}");
                let error = &answer["errors"][0];
                assert_eq!(
                    (error["field"].as_str(), error["code"].as_str()),
                    (Some("callback_url"), Some(class)),
                    "{id} {url:?}"
                );
            }
            None => assert_eq!(status, 201, "{id} {url:?}: {answer}"),
        }
    }
}

/// URLs that were stored before the present rules existed.
#[tokio::test(flavor = "multi_thread")]
async fn every_refused_row_is_refused_again_at_send() {
    let table = Arc::new(Names::default());
    let (app, token) = strict_app(table, &[]).await;
    let (_, hook) = save(&app, &token, "https://example.com/").await;
    let id: HookId = hook["id"].as_str().unwrap().parse().unwrap();
    for Row { id: row, url, expected } in
        corpus().into_iter().filter(|row| row.expected.starts_with("REJ:"))
    {
        // PostgreSQL cannot store NUL at all; SQLite can, and the sender must still reject it.
        plant(&app, id, &url).await;
        // Its own user: the limit is thirty tests per minute.
        let token = app.full_token().await;
        let (status, delivery) = app.api(&token, "POST", &format!("/hooks/{id}/test"), None).await;
        assert_eq!(status, 200, "{row} {url:?}: {delivery}");
        assert_eq!(
            delivery["attempts"][0]["class"], "address_refused",
            "{row} {url:?} ({expected}): {delivery}"
        );
    }
}

/// Writes a URL into a hook's row, without validation.
async fn plant(app: &TestApp, id: HookId, url: &str) {
    let store = app.running.portal.store().clone();
    let url = url.to_owned();
    let vault = store.vault.clone();
    let planted: Result<(), service_hooks::engine::store::Error> = store
        .write(move |conn| {
            Box::pin(async move {
                let grant = Actor::portal().require(right::HooksWrite).unwrap();
                let version = hooks::find(conn, &grant, id).await?.unwrap().version;
                let change = Change {
                    name: "n",
                    event_type: EventType::WorkItemClosed,
                    callback_url: &url,
                    enabled: false,
                    tuning: &service_hooks::domain::hook::Tuning::default(),
                    api_key: None,
                    off_reason: None,
                    resets_health: true,
                };
                hooks::update(conn, &grant, &vault, id, version, &change, Timestamp(1)).await
            })
        })
        .await;
    planted.unwrap();
}

async fn send(app: &TestApp, token: &str, url: &str) -> Value {
    let (status, hook) = save(app, token, url).await;
    assert_eq!(status, 201, "{url}: {hook}");
    let (_, delivery) = app
        .api(token, "POST", &format!("/hooks/{}/test", hook["id"].as_str().unwrap()), None)
        .await;
    delivery["attempts"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_checked_by_their_addresses() {
    let table = Arc::new(Names::default());
    let (app, token) = strict_app(table.clone(), &[]).await;
    // Only rejected addresses here: a public address would be dialled, and no test sends anything
    // to other machines.
    let rows: &[(&str, &[&str])] = &[
        ("127.0.0.1.nip.io", &["127.0.0.1"]),
        ("localtest.me", &["127.0.0.1", "::1"]),
        ("mixed.example.net", &["192.168.0.1", "10.0.0.1"]),
        ("rebind-c.example.net", &["10.0.0.1", "::1"]),
        ("metadata.example.net", &["169.254.169.254"]),
        ("azure.example.net", &["168.63.129.16"]),
        ("mapped.example.net", &["::ffff:127.0.0.1"]),
        ("nat64.example.net", &["64:ff9b::7f00:1"]),
    ];
    for (name, answer) in rows {
        table.set(name, &[answer]);
        let attempt = send(&app, &token, &format!("http://{name}/")).await;
        assert_eq!(attempt["class"], "address_refused", "{name}: {attempt}");
        assert!(
            attempt["detail"].as_str().unwrap().contains(answer[0]),
            "the address is named: {attempt}"
        );
    }
    // NXDOMAIN when it is saved is a warning; a private address later is rejected.
    let (_, hook) = save(&app, &token, "http://nxthenlocal.example.net/").await;
    assert!(hook["warning"].as_str().unwrap().contains("does not resolve"), "{hook}");
    let test = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    assert_eq!(app.api(&token, "POST", &test, None).await.1["attempts"][0]["class"], "dns");
    table.set("nxthenlocal.example.net", &[&["127.0.0.1"]]);
    assert_eq!(
        app.api(&token, "POST", &test, None).await.1["attempts"][0]["class"],
        "address_refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vetted_address_is_dialled() {
    let table = Arc::new(Names::default());
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    // 127.0.0.0/8 stands for public addresses here; the receiver listens on 127.0.0.1.
    let (app, token) = strict_app(table.clone(), &["127.0.0.0/8"]).await;
    for name in ["example.com", "_hooks.example.com", "xn--fa-hia.de"] {
        table.set(name, &[&["127.0.0.1"]]);
    }
    for (url, host) in [
        (format!("http://example.com:{port}/hook"), "example.com"),
        (format!("http://_hooks.example.com:{port}/"), "_hooks.example.com"),
        (format!("http://example.com.:{port}/hook"), "example.com"),
        (format!("http://fa\u{df}.de:{port}/"), "xn--fa-hia.de"),
    ] {
        let attempt = send(&app, &token, &url).await;
        assert_eq!(attempt["class"], "success", "{url}: {attempt}");
        assert_eq!(receiver.came().last().unwrap().header("host"), format!("{host}:{port}"));
    }
    // The lookup changes its answer: each attempt dials the vetted address of its own lookup, and a
    // rejected one dials nothing. One answer is used by the warning when it is saved; the receiver
    // closes its connection, so that the second attempt needs a new lookup.
    table.set("rebind-a.example.net", &[&["127.0.0.1"], &["127.0.0.1"], &["10.0.0.1"]]);
    receiver.reply([Reply { headers: vec![("connection", "close".into())], ..Reply::status(200) }]);
    let (_, hook) = save(&app, &token, &format!("http://rebind-a.example.net:{port}/")).await;
    let test = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    let before = receiver.came().len();
    assert_eq!(app.api(&token, "POST", &test, None).await.1["attempts"][0]["class"], "success");
    assert_eq!(receiver.came().len(), before + 1);
    assert_eq!(
        app.api(&token, "POST", &test, None).await.1["attempts"][0]["class"],
        "address_refused"
    );
    assert_eq!(receiver.came().len(), before + 1, "the second answer was never dialled");
}

/// 127.0.0.0/8 stands for public addresses here.
#[tokio::test(flavor = "multi_thread")]
async fn forbidden_addresses_of_a_name_are_skipped() {
    let table = Arc::new(Names::default());
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let (app, token) = strict_app(table.clone(), &["127.0.0.0/8"]).await;
    let others: [&[&str]; 4] = [
        &["64:ff9b::7f00:1", "127.0.0.1"],
        &["10.0.0.1", "127.0.0.1"],
        &["127.0.0.1", "169.254.169.254"],
        &["::1", "64:ff9b::a9fe:a9fe", "127.0.0.1", "fd00::1"],
    ];
    for (number, addresses) in others.into_iter().enumerate() {
        let name = format!("mixed{number}.example.net");
        table.set(&name, &[addresses]);
        let attempt = send(&app, &token, &format!("http://{name}:{port}/")).await;
        assert_eq!(attempt["class"], "success", "{addresses:?}: {attempt}");
        assert_eq!(attempt["address"], receiver.address.to_string(), "{addresses:?}");
    }
    table.set("none.example.net", &[&["10.0.0.1", "64:ff9b::a00:1"]]);
    let attempt = send(&app, &token, &format!("http://none.example.net:{port}/")).await;
    assert_eq!(attempt["class"], "address_refused", "{attempt}");
    assert_eq!(attempt["detail"], "the name resolves to 10.0.0.1, which is not allowed: private");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_of_a_good_name_are_not_followed() {
    let table = Arc::new(Names::default());
    let (receiver, sentinel) = (Receiver::start().await, Receiver::start().await);
    let (app, token) = strict_app(table.clone(), &["127.0.0.0/8"]).await;
    for status in [302, 307] {
        let name = format!("redirect{status}.example.net");
        table.set(&name, &[&["127.0.0.1"]]);
        receiver.reply([Reply {
            headers: vec![("location", sentinel.url("/latest/meta-data/"))],
            ..Reply::status(status)
        }]);
        let attempt =
            send(&app, &token, &format!("http://{name}:{}/", receiver.address.port())).await;
        assert_eq!(
            (attempt["class"].as_str(), attempt["status"].as_u64()),
            (Some("redirect"), Some(status.into()))
        );
    }
    assert!(sentinel.came().is_empty(), "the API key was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_range_permits_its_addresses_and_names() {
    let table = Arc::new(Names::default());
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let (app, token) = strict_app(table.clone(), &["127.0.0.0/8"]).await;
    table.set("receiver", &[&["127.0.0.1"]]);
    table.set("receiver.internal", &[&["127.0.0.1"]]);
    table.set("outside", &[&["8.8.8.8"]]);
    for host in ["localhost", "127.0.0.1", "receiver", "receiver.internal"] {
        let attempt = send(&app, &token, &format!("http://{host}:{port}/")).await;
        assert_eq!(attempt["class"], "success", "{host}: {attempt}");
    }
    for (host, code) in [
        ("outside", "single-label"),
        ("unknown.local", "special-name"),
        ("10.0.0.1", "ip-range"),
        ("[::1]", "ip-range"),
    ] {
        let (status, problem) = save(&app, &token, &format!("http://{host}:{port}/")).await;
        assert_eq!((status, problem["errors"][0]["code"].as_str()), (422, Some(code)), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_and_the_api_validate_alike() {
    let (app, _) = strict_app(Arc::default(), &[]).await;
    let ctx = service_hooks::portal::ctx::OpCtx::portal_itself(app.running.portal.clone());
    for Row { id, url, expected } in corpus() {
        let form = HookForm {
            name: "n".into(),
            event_type: "work_item.closed".into(),
            callback_url: url,
            api_key: "k".into(),
            ..HookForm::default()
        };
        let made = service_hooks::portal::ops::hooks::create(&ctx, &form, None).await;
        assert_eq!(made.is_err(), expected.starts_with("REJ:"), "{id}");
    }
}
