//! Reuse of connections: when, for which hook, and what must not happen. And the handling of
//! responses that violate the HTTP specification.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use service_hooks::{domain::event::EventType, engine::dispatcher::Config};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    app::TestApp,
    db::TestDb,
    eventually,
    names::Names,
    receiver::{Receiver, Reply},
    within,
};

const EVENT: EventType = EventType::WorkItemClosed;
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The reaction of a receiver to a request.
#[derive(Clone, Debug)]
enum Act {
    Say(String),
    /// The same, and unrequested bytes a moment later.
    SayMore(String, &'static str),
    /// The same text again and again.
    Drip(String),
    Close,
}

fn ok() -> Act {
    Act::Say(OK.into())
}

/// A request: the number of its connection, its position on it, and its path.
type Came = (usize, usize, String);

/// A receiver that keeps connections open and reacts as a test defines.
#[derive(Clone)]
struct Keeper {
    address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
    /// Requests with a complete response.
    said: Arc<AtomicUsize>,
}

impl Keeper {
    async fn start(conduct: impl Fn(&Came) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keeper = Self {
            address: listener.local_addr().unwrap(),
            came: Arc::default(),
            said: Arc::default(),
        };
        let (came, said, conduct) = (keeper.came.clone(), keeper.said.clone(), Arc::new(conduct));
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (came, said, conduct) = (came.clone(), said.clone(), conduct.clone());
                tokio::spawn(
                    async move { converse(stream, number, (&came, &said), &*conduct).await },
                );
            }
        });
        keeper
    }

    fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// Waits until it has sent everything for the requests so far.
    async fn falls_silent(&self) {
        eventually("everything is sent", async || {
            (self.said.load(Ordering::SeqCst) == self.came().len()).then_some(())
        })
        .await;
    }
}

async fn converse(
    mut stream: TcpStream,
    number: usize,
    (came, all_said): (&Mutex<Vec<Came>>, &AtomicUsize),
    conduct: &(dyn Fn(&Came) -> Act + Send + Sync),
) -> Option<()> {
    for nth in 0.. {
        let request = (number, nth, request(&mut stream).await?);
        came.lock().unwrap().push(request.clone());
        let mut more = "";
        let said = match conduct(&request) {
            Act::Say(text) => text,
            Act::SayMore(text, later) => {
                more = later;
                text
            }
            Act::Drip(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                loop {
                    stream.write_all(b"x").await.ok()?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            Act::Close => return None,
        };
        let mut written = stream.write_all(said.as_bytes()).await;
        if !more.is_empty() && written.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            written = stream.write_all(more.as_bytes()).await;
        }
        all_said.fetch_add(1, Ordering::SeqCst);
        written.ok()?;
    }
    None
}

/// Reads one request and returns its path.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut buffer) = (String::new(), [0; 8192]);
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            if body.len() >= length.parse().ok()? {
                return Some(head.split(' ').nth(1)?.to_owned());
            }
        }
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            read => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
        }
    }
}

async fn scene() -> (TestApp, String) {
    let app = TestApp::start(TestDb::sqlite()).await;
    let token = app.full_token().await;
    (app, token)
}

/// Creates a hook that is on and returns its id.
async fn hook(app: &TestApp, token: &str, url: &str) -> String {
    let body = json!({"name": "n", "event_type": EVENT.key(), "callback_url": url, "api_key": "k",
        "enabled": true});
    let (status, hook) = app.api(token, "POST", "/hooks", Some(body)).await;
    assert_eq!(status, 201, "{hook}");
    hook["id"].as_str().unwrap().to_owned()
}

/// Emits an event and returns the attempts of all its deliveries, once they are delivered.
async fn deliver(app: &TestApp, token: &str) -> Vec<Value> {
    let event = app.emit_sample(token, EVENT).await;
    within(30, "all are delivered", async || {
        let (_, story) = app.api(token, "GET", &format!("/events/{event}"), None).await;
        let deliveries = story["deliveries"].as_array()?;
        let is_done = deliveries.iter().all(|delivery| delivery["state"] == "delivered");
        is_done.then(|| {
            deliveries.iter().flat_map(|it| it["attempts"].as_array().unwrap().clone()).collect()
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_hooks_share_a_connection() {
    let (app, token) = scene().await;
    let keeper = Keeper::start(|_| ok()).await;
    for path in ["a", "b", "c"] {
        hook(&app, &token, &format!("http://{}/{path}", keeper.address)).await;
    }
    for _ in 0..5 {
        assert_eq!(deliver(&app, &token).await.len(), 3);
    }
    let came = keeper.came();
    for (number, _, path) in &came {
        assert!(came.iter().all(|other| other.0 != *number || other.2 == *path), "{came:?}");
    }
    assert!(came.iter().any(|(_, nth, _)| *nth > 0), "each hook reuses its own: {came:?}");
    // A test shows the current state: it uses no existing connection and leaves none behind.
    let id = hook(&app, &token, &format!("http://{}/tested", keeper.address)).await;
    for _ in 0..2 {
        app.api(&token, "POST", &format!("/hooks/{id}/test"), None).await;
    }
    assert!(keeper.came().iter().filter(|came| came.2 == "/tested").all(|came| came.1 == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn unrequested_bytes_are_never_taken_for_a_response() {
    let late_body = "a body after no content";
    let smuggled = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";
    let rows = [
        Act::SayMore("HTTP/1.1 204 No Content\r\n\r\n".into(), late_body),
        Act::Say(format!("HTTP/1.1 204 No Content\r\n\r\n{late_body}")),
        Act::Say(format!("HTTP/1.1 204 No Content\r\ncontent-length: 23\r\n\r\n{late_body}")),
        Act::Say(format!("{OK}{smuggled}")),
        Act::SayMore(OK.into(), smuggled),
    ];
    for row in rows {
        let (app, token) = scene().await;
        let act = row.clone();
        let keeper = Keeper::start(move |_| act.clone()).await;
        hook(&app, &token, &format!("http://{}/", keeper.address)).await;
        for _ in 0..6 {
            let attempts = deliver(&app, &token).await;
            assert_eq!(attempts.len(), 1, "{row:?}: {attempts:?}");
            keeper.falls_silent().await;
        }
        app.assert_balanced().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_connection_does_not_fail_the_next_delivery() {
    let (app, token) = scene().await;
    // The second request on a connection gets no response: the receiver closes instead.
    let keeper = Keeper::start(|(_, nth, _)| if *nth == 0 { ok() } else { Act::Close }).await;
    hook(&app, &token, &format!("http://{}/", keeper.address)).await;
    for _ in 0..4 {
        let attempts = deliver(&app, &token).await;
        assert_eq!(
            (attempts.len(), attempts[0]["class"].as_str()),
            (1, Some("success")),
            "{attempts:?}"
        );
    }
    assert!(
        keeper.came().iter().any(|came| came.1 == 1),
        "connections are used again: {:?}",
        keeper.came()
    );
    // On a new connection the same is a failure, and is reported.
    let silent = Keeper::start(|_| Act::Close).await;
    let id = hook(&app, &token, &format!("http://{}/", silent.address)).await;
    let (_, test) = app.api(&token, "POST", &format!("/hooks/{id}/test"), None).await;
    assert_eq!(
        test["attempts"][0]["detail"], "the receiver closed the connection without an answer",
        "{test}"
    );
    app.assert_balanced().await;
}

/// The receivers listen on two addresses with one port; the name resolves to the first and later to
/// the second.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_address_is_used_during_steady_traffic() {
    let names = Arc::new(Names::default());
    names.last(Duration::from_secs(1));
    names.set("moving.example.net", &[&["127.0.0.1"]]);
    let db = TestDb::sqlite();
    let config = Config { lookup: Some(names.clone()), ..Config::new(db.settings()) };
    let app = TestApp::start_with(db.into(), config).await;
    let token = app.full_token().await;
    let old = Receiver::start().await;
    let listener = TcpListener::bind(("127.0.0.2", old.address.port())).await.unwrap();
    let new = Receiver::on(listener, |_| Reply::status(200));
    hook(&app, &token, &format!("http://moving.example.net:{}/", old.address.port())).await;
    for _ in 0..5 {
        deliver(&app, &token).await;
    }
    assert_eq!((old.came().len(), new.came().len()), (5, 0));
    names.set("moving.example.net", &[&["127.0.0.2"]]);
    within(30, "the new address is used", async || {
        let attempts = deliver(&app, &token).await;
        assert_eq!(attempts.len(), 1, "no request fails: {attempts:?}");
        (!new.came().is_empty()).then_some(())
    })
    .await;
    let before = old.came().len();
    deliver(&app, &token).await;
    assert_eq!(old.came().len(), before, "the old address is not used any more");
    app.assert_balanced().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_decides_and_an_endless_body_is_abandoned() {
    let (app, token) = scene().await;
    let endless = Act::Drip("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".into());
    let keeper = Keeper::start(move |_| endless.clone()).await;
    hook(&app, &token, &format!("http://{}/", keeper.address)).await;
    let attempt = deliver(&app, &token).await.remove(0);
    let body = attempt["timing"]["body_us"].as_i64().unwrap();
    let took = attempt["duration_ms"].as_i64().unwrap();
    // The body took a second, which is not part of the response time.
    assert!(body >= 900_000, "{attempt}");
    let phases = ["dns_us", "connect_us", "tls_us", "first_byte_us"];
    let answered: i64 = phases.iter().filter_map(|phase| attempt["timing"][phase].as_i64()).sum();
    assert!(took * 1000 < answered + body / 2, "the duration excludes the body: {attempt}");
    assert_eq!(
        (&attempt["response_cut"], attempt["class"].as_str()),
        (&json!(true), Some("success")),
        "{attempt}"
    );
}

/// Deviations that other clients accept.
#[tokio::test(flavor = "multi_thread")]
async fn odd_responses_are_accepted_and_invalid_ones_explained() {
    let many: String = (0..110).map(|number| format!("x-{number}: y\r\n")).collect();
    let end = "content-length: 2\r\n\r\nok";
    let rows = [
        (format!("HTTP/1.1 200 OK\r\nserver : odd\r\n{end}"), ""),
        (format!("HTTP/1.1 200 OK\r\nx-folded: one\r\n two\r\n\tthree\r\n{end}"), ""),
        (format!("HTTP/1.1 200 OK\r\nx-del: a\x7fb\r\n{end}"), ""),
        (format!("HTTP/1.1 200 OK\r\n{many}{end}"), ""),
        (format!("HTTP/1.1 200 OK\r\nno colon in this line\r\n{end}"), ""),
        (format!("HTTP/1.1 200\r\n{end}"), ""),
        (format!("HTTP/1.0 200 OK\n{}", end.replace('\r', "")), ""),
        (
            format!("HTTP/1.1 2000 OK\r\n{end}"),
            "not a proper HTTP answer: invalid HTTP status-code parsed",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n".into(), "not a proper HTTP answer: invalid HTTP version parsed"),
        (
            format!("HTTP/1.1 200 OK\r\ncontent-length: x\r\n{end}"),
            "not a proper HTTP answer: invalid content-length parsed",
        ),
    ];
    let (app, token) = scene().await;
    for (answer, detail) in rows {
        let said = answer.clone();
        let keeper = Keeper::start(move |_| Act::Say(said.clone())).await;
        let id = hook(&app, &token, &format!("http://{}/", keeper.address)).await;
        let (_, test) = app.api(&token, "POST", &format!("/hooks/{id}/test"), None).await;
        let attempt = &test["attempts"][0];
        if detail.is_empty() {
            assert_eq!(
                (attempt["class"].as_str(), &attempt["response_body"]),
                (Some("success"), &json!("ok")),
                "{test}"
            );
        } else {
            assert_eq!(
                (attempt["class"].as_str(), &attempt["detail"]),
                (Some("broken_answer"), &json!(detail))
            );
        }
    }
    app.assert_balanced().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_decoded_with_its_charset() {
    let (app, token) = scene().await;
    let receiver = Receiver::ruled(|_| Reply {
        headers: vec![("content-type", "text/plain; charset=ISO-8859-1".into())],
        body: b"r\xe9\x80u".to_vec(),
        ..Reply::status(200)
    })
    .await;
    let id = hook(&app, &token, &receiver.url("/")).await;
    let (_, test) = app.api(&token, "POST", &format!("/hooks/{id}/test"), None).await;
    assert_eq!(test["attempts"][0]["response_body"], "ré€u", "{test}");
}

/// A receiver that echoes the request, as test services do.
#[tokio::test(flavor = "multi_thread")]
async fn echoed_secrets_are_masked() {
    let (app, token) = scene().await;
    let key = "an-api-key/of+some&length";
    let receiver = Receiver::ruled(|came| {
        let (key, signature) = (came.header("x-api-key"), came.header("webhook-signature"));
        let form: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let basic = BASE64_STANDARD.encode(format!("user:{key}"));
        let body = format!("{{\"x-api-key\": \"{key}\"}} {form} {basic} {signature}").into_bytes();
        let tag = BASE64_STANDARD.decode(signature.trim_start_matches("v1,")).unwrap();
        let tag = HEXLOWER.encode(&tag);
        Reply {
            headers: vec![("x-echo", key.to_owned()), ("x-basic", basic), ("x-computed", tag)],
            body,
            ..Reply::status(200)
        }
    })
    .await;
    let body = json!({"name": "n", "event_type": EVENT.key(), "callback_url": receiver.url("/"),
        "api_key": key});
    let (_, hook) = app.api(&token, "POST", "/hooks", Some(body)).await;
    let test = format!("/hooks/{}/test", hook["id"].as_str().unwrap());
    let (_, delivery) = app.api(&token, "POST", &test, None).await;
    let came = &receiver.came()[0];
    assert_eq!(came.header("x-api-key"), key);
    let attempt = &delivery["attempts"][0];
    let shown = attempt["response_body"].as_str().unwrap();
    assert!(shown.starts_with("{\"x-api-key\": \"****\"} **** "), "{attempt}");
    let kept = attempt.to_string();
    assert!(kept.contains(r#""x-computed","****""#), "{attempt}");
    for secret in [
        key,
        "of%2Bsome",
        "YW4tYXBpLWtle",
        came.header("webhook-signature").trim_start_matches("v1,"),
    ] {
        assert!(!kept.contains(secret), "{secret}: {attempt}");
    }
}
