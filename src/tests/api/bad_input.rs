//! Bad input is a 4xx that names the field, stores nothing, and is never a 500.

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        event::EventType,
        permission::{Actor, right},
    },
    engine::{catalogue::sample, store::balance},
};

use crate::support::{app::TestApp, db::TestDb, on_both};

on_both!(
    events_that_cannot_be_accepted,
    hooks_that_cannot_be_accepted,
    queries_that_cannot_be_understood
);

/// Error responses quote only a limited part of the input.
#[tokio::test(flavor = "multi_thread")]
async fn the_response_to_a_large_invalid_request_is_small() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let token = app.full_token().await;
    let members: Vec<String> = (0..90_000).map(|number| format!("\"m{number}\":1")).collect();
    let many = format!("{{{}}}", members.join(","));
    let long = format!("{{\"{}\":1}}", "x".repeat(900_000));
    let each = format!("[{}]", vec![r#"{"type":"no.such","data":{}}"#; 1000].join(","));
    for (path, body, most) in [
        ("/events", many.clone(), 20_000),
        ("/events", long.clone(), 20_000),
        ("/events", each, 1_000_000),
        ("/hooks", many, 20_000),
        ("/hooks", long, 20_000),
    ] {
        let (status, problem) = app.api_raw(&token, path, body).await;
        let size = problem.to_string().len();
        assert!((status == 422 || status == 400) && size < most, "{path}: {status}, {size} bytes");
    }
}

/// Not "expected value at line 1 column 1" about bytes that are no text.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_another_encoding_is_refused_with_the_reason() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let token = app.full_token().await;
    let event =
        format!(r#"{{"type":"work_item.closed","data":{}}}"#, sample(EventType::WorkItemClosed));
    let post = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = app.request("POST", &format!("/api/v1{path}")).bearer_auth(&token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(event.clone()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };
    const KEY: (&str, &str) = ("idempotency-key", "key");
    for path in ["/events", "/hooks"] {
        for other in
            [("content-encoding", "gzip"), ("content-type", "application/json; charset=utf-16")]
        {
            for headers in [&[other][..], &[other, KEY]] {
                let (status, problem) = post(path, headers).await;
                assert_eq!(status, 415, "{path} {headers:?}: {problem}");
                assert_eq!(fields(&problem)[0].to_ascii_lowercase(), other.0);
            }
        }
    }
    let good =
        [("content-encoding", "identity"), ("content-type", "application/json;charset=\"UTF-8\"")];
    assert_eq!(post("/events", &good).await.0, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_error_is_said_in_words_and_quotes_nothing_of_the_payload() {
    let app = TestApp::start(TestDb::sqlite()).await;
    let token = app.full_token().await;
    let rows = [
        (
            "/events",
            r#"{"type" "work_item.closed"}"#,
            "a colon is missing after the name of a field (line 1, column 9)",
        ),
        ("/events", "[{\n\"type\": CANARY}]", "a value is missing or not valid (line 2, column 9)"),
        ("/hooks", r#"{"name": "CANARY" "x"}"#, "a comma or } is missing (line 1, column 19)"),
        ("/events", r#""CANARY""#, "must be an object with \"type\" and \"data\""),
        (
            "/events",
            r#"{"type":"work_item.closed","type":1,"data":{}}"#,
            "the field \"type\" appears twice",
        ),
        ("/hooks", r#"{"name":"CANARY","name":"b"}"#, "the field \"name\" appears twice"),
    ];
    for (path, body, words) in rows {
        let (_, problem) = app.api_raw(&token, path, body).await;
        let text = problem.to_string();
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
        assert!(!text.contains("CANARY") && !text.contains("expected"), "{problem}");
    }
}

fn fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

async fn assert_nothing_stored(app: &TestApp) {
    let grant = Actor::portal().require(right::SystemRead).unwrap();
    let mut conn = app.running.portal.store().read().await.unwrap();
    let balance = balance::read(&mut conn, &grant).await.unwrap();
    assert!(balance.accepted == 0 && balance.holds(), "{balance:?}");
}

async fn events_that_cannot_be_accepted(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let off = json!({"name": "n", "event_type": "work_item.closed",
        "callback_url": "https://example.com/", "api_key": "k"});
    assert_eq!(app.api(&token, "POST", "/hooks", Some(off)).await.0, 201);
    let good = sample(EventType::WorkItemClosed);
    let deep =
        format!(r#"{{"type":"work_item.closed","data":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
    let rows: Vec<(Vec<u8>, u16, &str)> = vec![
        (b"".into(), 400, "body"),
        (b"{".into(), 400, "body"),
        (b"{\"type\":\"work_item.closed\",\"data\":{}} x".into(), 400, "body"),
        (b"{\"type\":\"work_item.closed\",\"data\":\"a\0b\"}".into(), 400, "body"),
        (b"\xff\xfe".into(), 400, "body"),
        (b"{\"type\":\"work_item.closed\",\"data\":\"\xff\"}".into(), 400, "body"),
        (b"5".into(), 422, "body"),
        (b"[]".into(), 422, "body"),
        (b"{}".into(), 422, "type"),
        (b"{\"type\":7,\"data\":{}}".into(), 422, "type"),
        (b"{\"type\":\"no.such\",\"data\":{}}".into(), 422, "type"),
        (b"{\"type\":\"work_item.closed\\u0000\",\"data\":{}}".into(), 422, "type"),
        (b"{\"type\":\"work_item.closed\"}".into(), 422, "data"),
        (b"{\"type\":\"work_item.closed\",\"data\":[]}".into(), 422, "data"),
        (b"{\"type\":\"work_item.closed\",\"data\":{}}".into(), 422, "data.id"),
        (format!(r#"{{"type":"work_item.closed","data":{good},"extra":1}}"#).into(), 422, "extra"),
        // JSON parsers disagree about which of two members counts, and the signature covers both.
        (format!(r#"{{"type":"work_item.closed","data":{{}},"data":{good}}}"#).into(), 422, "body"),
        (
            format!(
                r#"{{"type":"work_item.closed","data":{}}}"#,
                good.replacen('{', "{\"id\":\"other\",", 1)
            )
            .into(),
            422,
            "data",
        ),
        (
            format!(r#"{{"type":"work_item.closed","data":{}}}"#, good.replace("true", "\"yes\""))
                .into(),
            422,
            "data.isOutbound",
        ),
        (
            format!(
                r#"{{"type":"work_item.closed","data":{}}}"#,
                good.replace("2022-03-08T07:39", "yesterday ")
            )
            .into(),
            422,
            "data.createdAt",
        ),
        (
            format!(r#"[{{"type":"work_item.closed","data":{good}}},{{"type":"x","data":1}}]"#)
                .into(),
            422,
            "[1].type",
        ),
        (
            format!(
                r#"[{{"type":"{closed}","data":{good}}},{{"type":"{closed}","data":1}}]"#,
                closed = "work_item.closed"
            )
            .into(),
            422,
            "[1].data",
        ),
        (
            format!(r#"{{"type":"work_item.closed","data":"{}"}}"#, "x".repeat(2 << 20)).into(),
            413,
            "body",
        ),
        (
            format!(r#"{{"type":"work_item.closed","data":"{}"}}"#, "x".repeat(300_000)).into(),
            422,
            "data",
        ),
        (deep.into(), 422, "data"),
        (vec![b'['; 100_000], 400, "body"),
    ];
    for (body, status, field) in rows {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let (got, problem) = app.api_raw(&token, "/events", body).await;
        assert_eq!(got, status, "{shown}: {problem}");
        assert!(fields(&problem).contains(&field), "{shown}: {problem}");
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
    // A body without `Content-Length` is limited too.
    let endless =
        futures::stream::iter((0..64).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])));
    let (status, _) = app.api_raw(&token, "/events", reqwest::Body::wrap_stream(endless)).await;
    assert_eq!(status, 413);
    assert_nothing_stored(&app).await;
}

async fn hooks_that_cannot_be_accepted(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let good = json!({"name": "n", "event_type": "work_item.closed",
        "callback_url": "https://example.com/", "api_key": "k"});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let rows = [
        (json!({}), vec!["name", "event_type", "callback_url", "api_key"]),
        (json!([]), vec!["body"]),
        (with("name", json!("")), vec!["name"]),
        (with("name", json!("a\u{0}b")), vec!["name"]),
        (with("name", json!("a\u{202e}b")), vec!["name"]),
        (with("name", json!("n".repeat(101))), vec!["name"]),
        (with("name", json!(7)), vec!["name"]),
        (with("api_key", json!("a\r\nx-evil: 1")), vec!["api_key"]),
        (with("api_key", json!("a b")), vec!["api_key"]),
        (with("api_key", json!("é")), vec!["api_key"]),
        (with("api_key", json!("\u{0}")), vec!["api_key"]),
        (with("api_key", json!("k".repeat(513))), vec!["api_key"]),
        (with("event_type", json!("nothing")), vec!["event_type"]),
        (with("enabled", json!("true")), vec!["enabled"]),
        (with("callback_url", json!("ftp://example.com/")), vec!["callback_url"]),
        (
            with("callback_url", json!(format!("https://example.com/{}", "a".repeat(2048)))),
            vec!["callback_url"],
        ),
        (with("id", json!("x")), vec!["id"]),
        (with("signing_secret", json!("whsec_x")), vec!["signing_secret"]),
    ];
    for (body, wanted) in rows {
        let (status, problem) = app.api(&token, "POST", "/hooks", Some(body.clone())).await;
        assert_eq!(status, 422, "{body}: {problem}");
        assert_eq!(fields(&problem), wanted, "{body}");
    }
    let twice =
        good.to_string().replacen('{', "{\"callback_url\":\"https://elsewhere.example.com/\",", 1);
    let (status, problem) = app.api_raw(&token, "/hooks", twice).await;
    assert!(status == 422 && problem.to_string().contains("appears twice"), "{problem}");
    let (_, hooks) = app.api(&token, "GET", "/hooks", None).await;
    assert_eq!(hooks["items"], json!([]));
}

async fn queries_that_cannot_be_understood(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let rows = [
        ("/deliveries?hook=x", 422, "hook"),
        ("/deliveries?hook=%00", 422, "hook"),
        ("/deliveries?state=lost", 422, "state"),
        ("/deliveries?event=x", 422, "event"),
        ("/deliveries?from=yesterday", 422, "from"),
        ("/deliveries?cursor=%ff", 422, "cursor"),
        ("/deliveries?limit=0", 422, "limit"),
        ("/hooks?limit=", 422, "limit"),
        ("/deliveries?limit=201", 422, "limit"),
        ("/deliveries?stat=failed", 422, "query"),
        ("/hooks?limit=x", 422, "limit"),
        ("/event-types/work_item.closed/schema?draft=04", 422, "draft"),
        ("/event-types/work_item.closed/schema?v=", 422, "v"),
    ];
    for (path, status, field) in rows {
        let (got, problem) = app.api(&token, "GET", path, None).await;
        assert_eq!(got, status, "{path}: {problem}");
        assert_eq!(fields(&problem), [field], "{path}");
    }
    for path in [
        "/hooks/x",
        "/hooks/01a2037d-0089-7320-887d-29d82f83b6d2",
        "/events/x",
        "/deliveries/%00",
        "/nothing",
        "/event-types/x/schema",
    ] {
        assert_eq!(app.api(&token, "GET", path, None).await.0, 404, "{path}");
    }
    assert_eq!(app.api(&token, "PUT", "/hooks", None).await.0, 405);
    let path = "/deliveries?event=work_item.closed&from=2026-01-01T00:00:00Z";
    let (status, page) = app.api(&token, "GET", path, None).await;
    assert_eq!((status, page["items"].as_array().unwrap().len()), (200, 0), "{page}");
    // A variable that a script forgot to set must not widen what it asks for.
    let (status, problem) = app.api(&token, "GET", "/deliveries?hook=&to=", None).await;
    assert_eq!((status, fields(&problem)), (422, vec!["hook", "to"]), "{problem}");
}
