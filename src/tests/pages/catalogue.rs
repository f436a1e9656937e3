//! The event catalogue in a browser without scripts, and its downloads.

use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use serde_json::Value;
use service_hooks::{
    domain::{event::EventType, permission::Role, wire::HEADERS},
    engine::catalogue::{Draft, sample, schema_text},
    portal::ops::snippets::LANGUAGES,
};

use crate::support::{
    app::{Browser, TestApp},
    db::TestDb,
    on_both,
    receiver::Receiver,
};

on_both!(
    an_event_types_page_is_complete,
    schemas_are_downloaded_as_they_are_registered,
    the_archive_of_schemas_is_reproducible,
    snippets_are_made_for_the_event_and_the_hook,
    the_documented_headers_are_sent,
);

async fn text(browser: &Browser, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

async fn an_event_types_page_is_complete(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let developer = app.browser(Role::Developer).await;
    let list = text(&developer, "/integration/events").await;
    assert!(
        list.contains("schemas.zip")
            && list.contains("/api/v1/openapi.json")
            && list.contains("1 (on)")
    );
    for event in EventType::ALL {
        let page = text(&developer, &format!("/integration/events/{event}")).await;
        for part in
            ["fields", "sample", "schema", "versions", "receive", "headers", "retries", "hooks"]
        {
            assert!(
                page.contains(&format!("id=\"{part}\""))
                    && page.contains(&format!("href=\"#{part}\"")),
                "{part}"
            );
        }
        assert!(page.contains(event.when()) && page.contains(event.when_not()), "{event}");
        assert!(page.contains("Version ") && page.contains("One version so far."));
        assert!(
            page.contains("schema.json?v=1") && !page.contains("Create hook for this event"),
            "{event}"
        );
    }
    let page = text(&developer, "/integration/events/work_item.closed").await;
    assert!(
        page.contains("id=\"field-agent.email\"") && page.contains("href=\"#field-agent.email\"")
    );
    assert!(page.contains("Retries: 30 ms, 30 ms, 30 ms"), "the server's retry schedule: {page}");
    let administrator = app.browser(Role::Administrator).await;
    let page = text(&administrator, "/integration/events/work_item.closed").await;
    assert!(page.contains("/integration/hooks/new?event=work_item.closed"));
    assert_eq!(administrator.get("/integration/events/no.such").await.status(), 404);
}

async fn schemas_are_downloaded_as_they_are_registered(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Developer).await;
    let token = app.full_token().await;
    for event in EventType::ALL {
        let path = format!("/integration/events/{event}/schema.json");
        for (query, draft, name) in [
            ("", Draft::Draft2020, format!("{event}.schema.json")),
            ("?draft=07", Draft::Draft07, format!("{event}.schema.json")),
            ("?v=1", Draft::Draft2020, format!("{event}.v1.schema.json")),
            ("?v=1&draft=07", Draft::Draft07, format!("{event}.v1.schema.json")),
        ] {
            let answer = browser.get(&format!("{path}{query}")).await;
            let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header(CONTENT_DISPOSITION), format!("attachment; filename=\"{name}\""));
            assert_eq!(header(CONTENT_TYPE), "application/schema+json");
            let tag = header(ETAG);
            assert_eq!(answer.text().await.unwrap(), schema_text(*event, draft), "{path}{query}");
            let api = format!("/api/v1/event-types/{event}/schema{query}");
            let again = app
                .request("GET", &api)
                .bearer_auth(&token)
                .header("if-none-match", &tag)
                .send()
                .await
                .unwrap();
            assert_eq!(
                (again.status().as_u16(), again.text().await.unwrap().as_str()),
                (304, ""),
                "{api}"
            );
            let other = app
                .request("GET", &api)
                .bearer_auth(&token)
                .header("if-none-match", "\"x\"")
                .send()
                .await
                .unwrap();
            assert_eq!(other.text().await.unwrap(), schema_text(*event, draft));
        }
        for wrong in ["?v=2", "?v=0", "?v=x", "?draft=04"] {
            assert_eq!(browser.get(&format!("{path}{wrong}")).await.status(), 422, "{wrong}");
            let (status, problem) =
                app.api(&token, "GET", &format!("/event-types/{event}/schema{wrong}"), None).await;
            assert_eq!(status, 422, "{problem}");
        }
        let body = text(&browser, &format!("/integration/events/{event}/sample.json")).await;
        assert_eq!(body.trim_end(), sample(*event));
    }
}

async fn the_archive_of_schemas_is_reproducible(db: TestDb) {
    let app = TestApp::start(db).await;
    let browser = app.browser(Role::Auditor).await;
    let path = "/integration/events/schemas.zip";
    let packed = browser.get(path).await.bytes().await.unwrap();
    assert_eq!(browser.get(path).await.bytes().await.unwrap(), packed, "the same bytes again");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(packed)).unwrap();
    let mut names = Vec::new();
    for position in 0..archive.len() {
        let mut file = archive.by_index(position).unwrap();
        let name = file.name().unwrap().into_owned();
        let text = std::io::read_to_string(&mut file).unwrap();
        let event = EventType::ALL.iter().find(|event| name.contains(event.key())).unwrap();
        let wanted = match name.split('/').next().unwrap() {
            "draft-2020-12" => schema_text(*event, Draft::Draft2020),
            "draft-07" => schema_text(*event, Draft::Draft07),
            "samples" => format!("{}\n", sample(*event)),
            other => panic!("{other}"),
        };
        assert_eq!(text, wanted, "{name}");
        names.push(name);
    }
    assert_eq!(names.len(), 9, "{names:?}");
}

async fn snippets_are_made_for_the_event_and_the_hook(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let id = app.hook(&token, EventType::OutboundCallInitiated, &receiver).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let browser = app.browser(Role::Developer).await;
    let snippet = async |query: &str| {
        let page =
            text(&browser, &format!("/integration/events/outbound_call.initiated?{query}")).await;
        page.split("<pre id=\"snippet\"").nth(1).unwrap().split("</pre>").next().unwrap().to_owned()
    };
    for language in LANGUAGES {
        let key = language.key;
        let general = snippet(&format!("lang={key}")).await;
        assert!(
            general.contains("/service-hooks") && general.contains("webhook-signature"),
            "{key}: {general}"
        );
        let own = snippet(&format!("lang={key}&hook={id}")).await;
        // The hook leads to /in.
        assert!(own.contains("/in") && !own.contains("/service-hooks"), "{key}: {own}");
        assert!(
            own.contains("outbound_call.initiated") && !own.contains("work_item.closed"),
            "{key}: {own}"
        );
    }
    let other = browser.get(&format!("/integration/events/work_item.closed?hook={id}")).await;
    assert_eq!(other.status(), 404, "a hook of another event");
    assert_eq!(browser.get("/integration/events/work_item.closed?hook=x").await.status(), 404);
}

async fn the_documented_headers_are_sent(db: TestDb) {
    let app = TestApp::start(db).await;
    let receiver = Receiver::start().await;
    let token = app.full_token().await;
    let hook = app.hook(&token, EventType::WorkItemClosed, &receiver).await;
    let (status, _) = app
        .api(&token, "POST", &format!("/hooks/{}/test", hook["id"].as_str().unwrap()), None)
        .await;
    assert_eq!(status, 200);
    app.emit_sample(&token, EventType::WorkItemClosed).await;
    for came in receiver.wait_for(2).await {
        let is_test = came.header("x-service-hook-test") == "true";
        // Headers of every HTTP request are not documented.
        let plumbing = ["host", "accept", "content-length"];
        let mut sent: Vec<_> = came
            .headers
            .keys()
            .map(|name| name.as_str())
            .filter(|name| !plumbing.contains(name))
            .collect();
        let mut named: Vec<_> = HEADERS
            .iter()
            .filter(|header| is_test || !header.only_tests)
            .map(|header| header.name)
            .collect();
        sent.sort_unstable();
        named.sort_unstable();
        assert_eq!(sent, named);
    }
    let (_, description) = app.api("", "GET", "/openapi.json", None).await;
    let webhooks = description["webhooks"].as_object().unwrap();
    assert_eq!(webhooks.len(), EventType::ALL.len());
    let operation = &webhooks["work_item.closed"]["post"];
    let schema: Value =
        serde_json::from_str(&schema_text(EventType::WorkItemClosed, Draft::Draft2020)).unwrap();
    assert_eq!(operation["requestBody"]["content"]["application/json"]["schema"], schema);
    assert_eq!(operation["parameters"].as_array().unwrap().len(), HEADERS.len() - 1);
}
