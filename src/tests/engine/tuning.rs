//! The delivery settings of a hook are validated, stored and applied.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::{Scene, fields, names};
use crate::support::{
    db::TestDb,
    eventually, on_both,
    receiver::{Came, Receiver, Reply},
};

on_both!(
    own_settings_are_stored_shown_and_reset,
    bad_settings_are_refused_by_name,
    the_hooks_own_schedule_is_used,
    the_hooks_own_timeout_is_used,
    the_concurrency_limit_is_never_exceeded,
    the_rate_is_never_exceeded,
);

const MS: fn(u64) -> Duration = Duration::from_millis;

async fn own_settings_are_stored_shown_and_reset(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let receiver = Receiver::start().await;
    let own = json!({"retry_schedule": ["1s", "2m", "12h"], "timeout": "500ms", "in_flight": 3,
        "rate_per_second": 7,
                     "order_by": "customerIdentifier"});
    let hook = scene.hook(&receiver, own.clone()).await;
    let shown = async |path: &str| {
        let hook = scene.get(path).await;
        own.as_object()
            .unwrap()
            .keys()
            .map(|name| (name.clone(), hook[name].clone()))
            .collect::<Value>()
    };
    assert_eq!(shown(&hook.path).await, own);
    // Omitted members are unchanged; null restores the operator's setting; an empty schedule is a
    // setting too.
    scene.change(&hook, json!({"in_flight": 4})).await;
    assert_eq!(shown(&hook.path).await["retry_schedule"], own["retry_schedule"]);
    scene.change(&hook, json!({"retry_schedule": [], "timeout": null})).await;
    let now = json!({"retry_schedule": [], "timeout": null, "in_flight": 4, "rate_per_second": 7,
                     "order_by": "customerIdentifier"});
    assert_eq!(shown(&hook.path).await, now);
    let nothing: Value =
        own.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
    scene.change(&hook, nothing.clone()).await;
    assert_eq!(shown(&hook.path).await, nothing);
}

async fn bad_settings_are_refused_by_name(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let hook = scene.hook(&Receiver::start().await, json!({"in_flight": 5})).await;
    let rows = [
        ("retry_schedule", json!("5s")),
        ("retry_schedule", json!(["5"])),
        ("retry_schedule", json!([5])),
        ("retry_schedule", json!(["8days"])),
        ("retry_schedule", json!(vec!["1s"; 31])),
        ("timeout", json!("99ms")),
        ("timeout", json!("61s")),
        ("timeout", json!(15)),
        ("timeout", json!("-1s")),
        ("in_flight", json!(0)),
        ("in_flight", json!(257)),
        ("in_flight", json!(-1)),
        ("in_flight", json!(1.5)),
        ("in_flight", json!("3")),
        ("in_flight", json!(4_294_967_297_u64)),
        ("rate_per_second", json!(0)),
        ("rate_per_second", json!(10_001)),
        ("order_by", json!("agent")),
        ("order_by", json!("isOutbound")),
        ("order_by", json!("")),
        ("order_by", json!(1)),
    ];
    for (name, value) in rows {
        let (status, problem) = scene.ask("PATCH", &hook.path, json!({name: value})).await;
        assert_eq!((status, fields(&problem)), (422, vec![name]), "{name}: {value}: {problem}");
        let body = json!({"name": "n", "event_type": "work_item.closed",
            "callback_url": "https://example.org/",
                          "api_key": "k", name: value});
        let (status, problem) = scene.ask("POST", "/hooks", body).await;
        assert_eq!((status, fields(&problem)), (422, vec![name]), "{name}: {value}: {problem}");
    }
    let (_, problem) = scene.ask("PATCH", &hook.path, json!({"order_by": "nonsense"})).await;
    let said = problem["errors"][0]["message"].as_str().unwrap();
    assert!(
        said.contains("customerIdentifier")
            && said.contains("mediaType")
            && !said.contains("closedAt"),
        "{said}"
    );
    // All errors at once; nothing was stored.
    let (_, problem) =
        scene.ask("PATCH", &hook.path, json!({"timeout": "1ms", "in_flight": 0})).await;
    assert_eq!(fields(&problem), ["timeout", "in_flight"]);
    assert_eq!(scene.get(&hook.path).await["in_flight"], 5);
    // A member of one event type is unknown for another.
    let member = json!({"order_by": "customerIdentifier", "event_type": "conversation.abandoned"});
    assert_eq!(fields(&scene.ask("PATCH", &hook.path, member).await.1), ["order_by"]);
}

async fn the_hooks_own_schedule_is_used(db: TestDb) {
    let scene =
        Scene::start(db, |settings| settings.delivery.retry_schedule = vec![MS(3_600_000)]).await;
    let (own, none) = (
        Receiver::ruled(|_| Reply::status(500)).await,
        Receiver::ruled(|_| Reply::status(500)).await,
    );
    scene.hook(&own, json!({"retry_schedule": ["50ms", "150ms", "100ms"]})).await;
    scene.hook(&none, json!({"retry_schedule": []})).await;
    scene.emit_one().await;
    scene.all_in("failed", 2).await;
    let came = own.came();
    let gaps: Vec<Duration> = came.windows(2).map(|two| two[1].elapsed - two[0].elapsed).collect();
    assert!(
        gaps.len() == 3 && gaps.iter().zip([50, 150, 100]).all(|(gap, least)| *gap >= MS(least)),
        "{gaps:?}"
    );
    assert_eq!(none.came().len(), 1);
    scene.app.assert_balanced().await;
}

async fn the_hooks_own_timeout_is_used(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.retry_schedule.clear();
        // No attempt ends at the operator's timeout.
        settings.delivery.timeout = MS(3_600_000);
    })
    .await;
    let slow = Receiver::ruled(|_| Reply::held()).await;
    let hook = scene.hook(&slow, json!({"timeout": "200ms"})).await;
    let event = scene.emit_one().await;
    let failed = scene.delivery_in(&event, "failed").await;
    assert_eq!(failed["last_class"], "timeout");
    let took = failed["last_duration_ms"].as_i64().unwrap();
    assert!(took >= 200, "{took}");
    // A test has the same timeout; the operator's is long enough.
    let (_, test) = scene.ask("POST", &format!("{}/test", hook.path), json!({})).await;
    assert_eq!(test["last_class"], "timeout");
    scene.change(&hook, json!({"timeout": null})).await;
    let before = slow.came().len();
    let event = scene.emit_one().await;
    slow.wait_for(before + 1).await;
    // Longer than the hook's own timeout was.
    tokio::time::sleep(MS(300)).await;
    slow.release();
    scene.delivery_in(&event, "delivered").await;
    scene.app.assert_balanced().await;
}

async fn the_concurrency_limit_is_never_exceeded(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let holding = async || Receiver::ruled(|_| Reply::held()).await;
    let (one, three, usual) = (holding().await, holding().await, holding().await);
    scene.hook(&one, json!({"in_flight": 1})).await;
    let hook = scene.hook(&three, json!({"in_flight": 3})).await;
    scene.hook(&usual, json!({})).await;
    scene.emit_some(40).await;
    let limits = (1, 3, scene.settings.delivery.in_flight_per_hook);
    let busiest = || (one.busiest(), three.busiest(), usual.busiest());
    eventually("each has its maximum", async || (busiest() == limits).then_some(())).await;
    for receiver in [&one, &three, &usual] {
        receiver.release();
    }
    scene.all_in("delivered", 120).await;
    assert_eq!(busiest(), limits, "and never more");
    // A change applies at once, in both directions.
    let eight = holding().await;
    scene
        .change(
            &hook,
            json!({"in_flight": 8, "callback_url": eight.url("/in"), "api_key": "the-key"}),
        )
        .await;
    scene.emit_some(40).await;
    eventually("it has more", async || (eight.busiest() == 8).then_some(())).await;
    eight.release();
    scene.all_in("delivered", 240).await;
    assert_eq!(eight.busiest(), 8);
    scene.app.assert_balanced().await;
}

/// At most the rate since `began`, and in every second. While idle, the token bucket gathers a
/// tenth of a second's worth, at least one token; requests that were in flight may arrive together
/// with it.
fn assert_rate(came: &[Came], began: Duration, rate: f64, on_the_way: usize) {
    let burst = (rate / 10.0).max(1.0);
    for (before, came) in came.iter().enumerate() {
        let most = rate * (came.elapsed - began).as_secs_f64() + burst;
        assert!(
            before as f64 + 1.0 <= most + 0.5,
            "request {before}, limited to {rate} per second, arrived after {:?}",
            came.elapsed - began
        );
    }
    let within = |first: &Came| {
        came.iter()
            .filter(|came| came.elapsed >= first.elapsed && came.elapsed < first.elapsed + MS(1000))
            .count()
    };
    let busiest = came.iter().map(within).max().unwrap_or(0);
    assert!(busiest as f64 <= rate + burst + on_the_way as f64, "{busiest} in a second at {rate}");
}

async fn the_rate_is_never_exceeded(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let (slow, quick, free) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let refusing = Receiver::ruled(|_| Reply::status(500)).await;
    scene.hook(&slow, json!({"rate_per_second": 5, "in_flight": 1})).await;
    scene.hook(&quick, json!({"rate_per_second": 60, "in_flight": 2})).await;
    scene
        .hook(
            &refusing,
            json!({"rate_per_second": 10, "in_flight": 1, "retry_schedule": ["1ms", "1ms"]}),
        )
        .await;
    scene.hook(&free, json!({})).await;
    let began = [slow.age(), quick.age(), refusing.age()];
    scene.emit(&names(12)).await;
    scene.emit_some(100).await;
    free.wait_for(112).await;
    quick.wait_for(112).await;
    slow.wait_for(8).await;
    assert_rate(&slow.came(), began[0], 5.0, 1);
    assert_rate(&quick.came(), began[1], 60.0, 2);
    // Retries count.
    assert_rate(&refusing.came(), began[2], 10.0, 1);
    scene.app.assert_balanced().await;
}
