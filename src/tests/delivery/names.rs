//! DNS through the real resolver: each kind of failure is distinguished, negative answers are
//! cached only briefly, and problems of this machine's name server never count against a receiver.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        event::EventType,
        permission::{Actor, right},
    },
    engine::{
        delivery::resolver::{Lookup, SystemLookup},
        dispatcher::Config,
        store::health,
    },
};

use crate::support::{
    app::TestApp,
    db::TestDb,
    names::{NO_ERROR, NXDOMAIN, NameAnswer, NameServer, REFUSED, SERVFAIL},
    on_both,
    receiver::Receiver,
    within,
};

on_both!(a_failure_of_our_name_server_does_not_count_against_the_receiver);

const EVENT: EventType = EventType::WorkItemClosed;
const LOOPBACK: NameAnswer = NameAnswer::Address([127, 0, 0, 1]);

async fn scene(db: TestDb) -> (TestApp, String, NameServer) {
    let server = NameServer::start().await;
    let mut settings = db.settings();
    settings.delivery.retry_schedule = vec![Duration::from_millis(200); 100];
    settings.delivery.pause_after = 1000;
    let lookup = Arc::new(SystemLookup::with_name_server(server.address).unwrap());
    let app =
        TestApp::start_with(db.into(), Config { lookup: Some(lookup), ..Config::new(settings) })
            .await;
    let token = app.full_token().await;
    (app, token, server)
}

async fn hook(app: &TestApp, token: &str, name: &str, receiver: &Receiver) -> String {
    let url = format!("http://{name}:{}/", receiver.address.port());
    let body = json!({"name": "n", "event_type": EVENT.key(), "callback_url": url, "api_key": "k",
        "enabled": true});
    let (status, hook) = app.api(token, "POST", "/hooks", Some(body)).await;
    assert_eq!(status, 201, "{hook}");
    hook["id"].as_str().unwrap().to_owned()
}

async fn test(app: &TestApp, token: &str, hook: &str) -> Value {
    let (status, delivery) = app.api(token, "POST", &format!("/hooks/{hook}/test"), None).await;
    assert_eq!(status, 200, "{delivery}");
    delivery["attempts"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_dns_failure_is_distinguished() {
    let (app, token, server) = scene(TestDb::sqlite()).await;
    let receiver = Receiver::start().await;
    let rows = [
        ("good", LOOPBACK, "success", "", "accepted the event"),
        ("missing", NameAnswer::Code(NXDOMAIN), "dns", "NXDOMAIN", "Check the spelling"),
        (
            "empty",
            NameAnswer::Code(NO_ERROR),
            "dns",
            "no address record",
            "Add an A or AAAA record",
        ),
        (
            "broken",
            NameAnswer::Code(SERVFAIL),
            "dns",
            "SERVFAIL",
            "Ask the domain's owner to check the name servers",
        ),
        (
            "silent",
            NameAnswer::Silence,
            "dns",
            "the domain's name servers did not answer",
            "Ask the domain's owner to check",
        ),
        (
            "refused",
            NameAnswer::Code(REFUSED),
            "own_trouble",
            "REFUSED",
            "Ask an operator to check",
        ),
    ];
    for (label, answer, class, detail, advice) in rows {
        let name = format!("{label}.example.net");
        server.set(&name, answer);
        let id = hook(&app, &token, &name, &receiver).await;
        let attempt = test(&app, &token, &id).await;
        assert_eq!(attempt["class"], class, "{label}: {attempt}");
        assert!(
            attempt["detail"].as_str().unwrap_or_default().contains(detail),
            "{label}: {attempt}"
        );
        assert!(attempt["advice"].as_str().unwrap().contains(advice), "{label}: {attempt}");
    }
    // No response any more: this answer nothing about the name.
    let id = hook(&app, &token, "other.example.net", &receiver).await;
    server.answer_all(Some(NameAnswer::Silence));
    let attempt = test(&app, &token, &id).await;
    assert_eq!(attempt["class"], "own_trouble", "{attempt}");
    assert_eq!(attempt["detail"], "this machine's name server did not answer in time");
    assert!(attempt["advice"].as_str().unwrap().contains("/etc/resolv.conf"), "{attempt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_is_resolved_at_once_by_a_test_and_soon_by_deliveries() {
    let (app, token, server) = scene(TestDb::sqlite()).await;
    let receiver = Receiver::start().await;
    let id = hook(&app, &token, "new.example.net", &receiver).await;
    let event = app.emit_sample(&token, EVENT).await;
    app.delivery_in(&token, &event, "waiting").await;
    let asked = server.asked();
    within(30, "it was retried without another lookup", async || {
        let (_, story) = app.api(&token, "GET", &format!("/events/{event}"), None).await;
        (story["deliveries"][0]["attempt_count"].as_u64()? >= 4).then_some(())
    })
    .await;
    // The negative answer had a TTL of a day.
    server.set("new.example.net", LOOPBACK);
    app.delivery_in_within(60, &token, &event, "delivered").await;
    assert!(server.asked() > asked);
    // A test never uses the cache.
    server.set("later.example.net", NameAnswer::Code(NXDOMAIN));
    let later = hook(&app, &token, "later.example.net", &receiver).await;
    assert_eq!(test(&app, &token, &later).await["class"], "dns");
    server.set("later.example.net", LOOPBACK);
    assert_eq!(test(&app, &token, &later).await["class"], "success");
    server.set("new.example.net", NameAnswer::Code(NXDOMAIN));
    assert_eq!(test(&app, &token, &id).await["class"], "dns");
    app.assert_balanced().await;
}

/// Deliveries to other receivers must not wait for the name server because of a test.
#[tokio::test]
async fn a_fresh_lookup_of_one_name_keeps_the_cached_answers_for_others() {
    let server = NameServer::start().await;
    let lookup = SystemLookup::with_name_server(server.address).unwrap();
    server.set("one.example.net", LOOPBACK);
    server.set("other.example.net", LOOPBACK);
    for name in ["one.example.net", "other.example.net"] {
        lookup.lookup(name, false).await.unwrap();
    }
    server.set("one.example.net", NameAnswer::Address([127, 0, 0, 2]));
    let fresh = lookup.lookup("one.example.net", true).await.unwrap();
    let cached = lookup.lookup("one.example.net", false).await.unwrap();
    assert_eq!(cached.addresses, fresh.addresses, "the newer answer replaces the cached one");
    let asked = server.asked();
    lookup.lookup("other.example.net", false).await.unwrap();
    assert_eq!(server.asked(), asked, "the other name is still cached");
}

async fn a_failure_of_our_name_server_does_not_count_against_the_receiver(db: TestDb) {
    let (app, token, server) = scene(db).await;
    let receiver = Receiver::start().await;
    server.set("good.example.net", LOOPBACK);
    let id = hook(&app, &token, "good.example.net", &receiver).await;
    // Without retries a single counted failure would end the delivery.
    let path = format!("/hooks/{id}");
    let (status, hook) = app.api(&token, "PATCH", &path, Some(json!({"retry_schedule": []}))).await;
    assert_eq!(status, 200, "{hook}");
    server.answer_all(Some(NameAnswer::Code(REFUSED)));
    let event = app.emit_sample(&token, EVENT).await;
    let waiting = app.delivery_in(&token, &event, "waiting").await;
    assert_eq!(waiting["attempts"][0]["class"], "own_trouble", "{waiting}");
    let store = app.running.portal.store();
    let grant = Actor::portal().require(right::HooksRead).unwrap();
    let healths = health::all(&mut store.read().await.unwrap(), &grant).await.unwrap();
    assert!(
        healths.values().all(|health| health.is_healthy() && health.last_answer.is_none()),
        "{healths:?}"
    );
    server.answer_all(None);
    app.delivery_in_within(60, &token, &event, "delivered").await;
    app.assert_balanced().await;
}
