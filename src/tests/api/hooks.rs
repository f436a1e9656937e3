//! Hooks over HTTP.

use serde_json::{Value, json};
use service_hooks::domain::event::EventType;

use crate::support::{
    app::TestApp,
    db::TestDb,
    on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    a_hook_is_created_changed_and_deleted,
    a_stale_version_is_a_conflict,
    a_stale_entity_tag_fails_the_precondition,
    another_host_requires_the_key_again,
    a_test_is_sent_whether_the_hook_is_on_or_off,
    tests_of_a_hook_are_rate_limited,
    schemas_of_every_event,
);

async fn a_hook_is_created_changed_and_deleted(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let body = json!({"name": " CRM ", "event_type": "work_item.closed",
        "callback_url": "https://Example.com./a?b=c",
                      "api_key": "0123456789abcdefa91f"});
    let (status, made) = app.api(&token, "POST", "/hooks", Some(body)).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["signing_secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(
        (made["name"].as_str(), made["callback_url"].as_str()),
        (Some("CRM"), Some("https://example.com/a?b=c"))
    );
    assert_eq!(
        (&made["enabled"], &made["version"], made["api_key_hint"].as_str()),
        (&json!(false), &json!(1), Some("••••a91f"))
    );
    let path = format!("/hooks/{}", made["id"].as_str().unwrap());
    let (_, read) = app.api(&token, "GET", &path, None).await;
    assert!(read.get("signing_secret").is_none() && read.get("api_key").is_none(), "{read}");
    let (status, changed) =
        app.api(&token, "PATCH", &path, Some(json!({"enabled": true, "name": "New"}))).await;
    assert_eq!((status, &changed["enabled"], &changed["version"]), (200, &json!(true), &json!(2)));
    assert_eq!(changed["callback_url"], made["callback_url"]);
    assert_eq!(app.api(&token, "PATCH", &path, Some(json!({"nam": "x"}))).await.0, 422);
    let (_, list) = app.api(&token, "GET", "/hooks?limit=1", None).await;
    assert_eq!((list["items"].as_array().unwrap().len(), &list["next_cursor"]), (1, &json!(null)));
    assert_eq!(app.api(&token, "DELETE", &path, None).await.0, 204);
    for (method, body) in
        [("GET", None), ("DELETE", None), ("PATCH", Some(json!({"enabled": true})))]
    {
        assert_eq!(app.api(&token, method, &path, body).await.0, 404, "{method}");
    }
}

async fn a_stale_version_is_a_conflict(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let patch = |name: &str| Some(json!({"name": name, "version": 1}));
    assert_eq!(app.api(&token, "PATCH", &path, patch("first")).await.0, 200);
    let (status, problem) = app.api(&token, "PATCH", &path, patch("second")).await;
    assert_eq!((status, problem["errors"][0]["field"].as_str()), (409, Some("version")));
    assert_eq!(app.api(&token, "GET", &path, None).await.1["name"], "first");
    // Ten concurrent changes of one version: one succeeds.
    let race = (0..10).map(|number| {
        app.api(&token, "PATCH", &path, Some(json!({"name": number.to_string(), "version": 2})))
    });
    let won = futures::future::join_all(race)
        .await
        .into_iter()
        .filter(|(status, _)| *status == 200)
        .count();
    assert_eq!(won, 1);
}

/// What HTTP has for the same: `ETag` and `If-Match`.
async fn a_stale_entity_tag_fails_the_precondition(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    let body = json!({"name": "a", "event_type": "work_item.closed",
        "callback_url": "https://example.com/", "api_key": "k"});
    let send = async |method: &str, path: &str, tag: Option<&str>, body: &Value| {
        let mut request = app.request(method, &format!("/api/v1{path}")).bearer_auth(&token);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let answer = request.body(body.to_string()).send().await.unwrap();
        let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, tag, serde_json::from_str::<Value>(&text).unwrap_or_default())
    };
    let (status, tag, made) = send("POST", "/hooks", None, &body).await;
    assert_eq!((status, tag.as_deref()), (201, Some("\"1\"")));
    let path = format!("/hooks/{}", made["id"].as_str().unwrap());
    let rename = |name: &str| json!({"name": name});
    let (status, tag, _) = send("PATCH", &path, Some("\"7\", \"1\""), &rename("b")).await;
    assert_eq!((status, tag.as_deref()), (200, Some("\"2\"")));
    for stale in ["\"1\"", "W/\"2\"", "2", "\"x\", \"3\""] {
        let (status, _, problem) = send("PATCH", &path, Some(stale), &rename("c")).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (412, &json!("If-Match")), "{stale}");
        assert_eq!(send("DELETE", &path, Some(stale), &json!({})).await.0, 412, "{stale}");
    }
    let (status, tag, hook) = send("GET", &path, None, &json!({})).await;
    assert_eq!((status, tag.as_deref(), &hook["name"]), (200, Some("\"2\""), &json!("b")));
    // Both conditions count.
    let both = json!({"name": "c", "version": 1});
    assert_eq!(send("PATCH", &path, Some("\"2\""), &both).await.0, 409);
    assert_eq!(send("PATCH", &path, Some("*"), &rename("c")).await.0, 200);
    // Ten concurrent changes of one version: one succeeds, the others are told so.
    let tag = "\"3\"";
    let race = (0..10).map(|number| {
        let body = rename(&number.to_string());
        let send = &send;
        let path = &path;
        async move { send("PATCH", path, Some(tag), &body).await.0 }
    });
    let mut statuses = futures::future::join_all(race).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![412; 9]].concat());
    assert_eq!(send("DELETE", &path, Some("\"4\""), &json!({})).await.0, 204);
    assert_eq!(send("DELETE", &path, Some("\"4\""), &json!({})).await.0, 404);
}

async fn another_host_requires_the_key_again(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    let move_to = |url: &str| Some(json!({"callback_url": url}));
    for elsewhere in ["http://127.0.0.2:4000/in", "https://127.0.0.1/in", "https://example.com/in"]
    {
        let (status, problem) = app.api(&token, "PATCH", &path, move_to(elsewhere)).await;
        assert_eq!(
            (status, problem["errors"][0]["field"].as_str()),
            (422, Some("api_key")),
            "{elsewhere}"
        );
    }
    assert_eq!(
        app.api(&token, "PATCH", &path, move_to(&receiver.url("/elsewhere?on=it"))).await.0,
        200
    );
    let with_key = json!({"callback_url": "https://example.com/in", "api_key": "new-key"});
    assert_eq!(app.api(&token, "PATCH", &path, Some(with_key)).await.0, 200);
}

async fn a_test_is_sent_whether_the_hook_is_on_or_off(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::OutboundCallInitiated, &receiver).await;
    let path = format!("/hooks/{}", hook["id"].as_str().unwrap());
    for enabled in [true, false] {
        app.api(&token, "PATCH", &path, Some(json!({"enabled": enabled}))).await;
        let (status, delivery) = app.api(&token, "POST", &format!("{path}/test"), None).await;
        assert_eq!(
            (status, delivery["state"].as_str(), &delivery["test"]),
            (200, Some("delivered"), &json!(true)),
            "{delivery}"
        );
    }
    receiver.reply([Reply::status(410)]);
    let (_, delivery) = app.api(&token, "POST", &format!("{path}/test"), None).await;
    assert_eq!(
        (delivery["state"].as_str(), delivery["attempts"][0]["status"].as_u64()),
        (Some("failed"), Some(410))
    );
    let body = json!({"data": {"targetPhoneNumber": "z", "agentID": "a",
        "Timestamp": "2022-03-08T07:39:47.6052457Z"}});
    app.api(&token, "POST", &format!("{path}/test"), Some(body)).await;
    let (status, problem) =
        app.api(&token, "POST", &format!("{path}/test"), Some(json!({"data": {}}))).await;
    assert_eq!((status, problem["errors"].as_array().unwrap().len()), (422, 3));
    let came = receiver.wait_for(4).await;
    assert_eq!(came.len(), 4, "a test has one attempt");
    assert!(came.iter().all(|came| came.header("x-service-hook-test") == "true"));
    // The signed id shows it too: a test cannot be turned into a real event, or the reverse.
    assert!(came.iter().all(|came| came.header("webhook-id").starts_with("test_")), "{came:?}");
    let event = app.emit_sample(&token, EventType::WorkItemClosed).await;
    assert!(!event.starts_with("test_"));
    assert!(String::from_utf8_lossy(&came[3].body).contains("2022-03-08T07:39:47.6052457Z"));
    app.assert_balanced().await;
}

async fn tests_of_a_hook_are_rate_limited(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let mut paths = Vec::new();
    for _ in 0..2 {
        let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
        paths.push(format!("/hooks/{}/test", hook["id"].as_str().unwrap()));
    }
    let test = async |path: &str| app.api(&token, "POST", path, None).await;
    for _ in 0..30 {
        assert_eq!(test(&paths[0]).await.0, 200);
    }
    let (status, problem) = test(&paths[0]).await;
    assert_eq!(status, 429, "one more within a minute");
    assert!(problem["detail"].as_str().unwrap().contains("Test limit reached"), "{problem}");
    assert_eq!(test(&paths[1]).await.0, 200, "another hook has its own limit");
    assert_eq!(receiver.came().len(), 31);
}

async fn schemas_of_every_event(db: TestDb) {
    let app = TestApp::start(db).await;
    let token = app.full_token().await;
    for event in EventType::ALL {
        for (query, meta) in [("", "2020-12"), ("?draft=07", "draft-07")] {
            let (status, schema) =
                app.api(&token, "GET", &format!("/event-types/{event}/schema{query}"), None).await;
            assert_eq!(status, 200);
            assert!(schema["$schema"].as_str().unwrap().contains(meta), "{schema}");
        }
    }
    let (_, types) = app.api(&token, "GET", "/event-types", None).await;
    assert_eq!(types["items"].as_array().unwrap().len(), 3);
}
