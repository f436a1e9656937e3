//! Bulk redelivery: it covers everything that was missed, once, at its rate, and can be controlled
//! while it runs.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use super::scene::{EVENT, Hook, Scene, fields};
use crate::support::{
    db::TestDb,
    eventually, on_both,
    receiver::{Receiver, Reply},
};

on_both!(
    recover_sends_skipped_and_failed_deliveries,
    redeliver_counts_and_sends_matching_deliveries,
    a_job_keeps_its_rate_and_can_be_paused_resumed_changed_and_cancelled,
    a_restart_sends_nothing_twice_and_skips_nothing,
    a_job_of_a_failing_hook_does_not_delay_others,
    deliveries_settled_otherwise_count_as_skipped,
    an_unreadable_job_is_paused_and_the_others_continue,
    bad_input_and_foreign_senders_are_rejected,
    jobs_are_listed_newest_first,
);

/// More deliveries than a job redelivers within a test's timeout.
const MANY: usize = 4000;

/// A hook that was off while this many events were accepted.
async fn missed(scene: &Scene, receiver: &Receiver, count: usize) -> (Hook, Vec<String>) {
    let hook = scene.hook(receiver, json!({"enabled": false})).await;
    let events = scene.emit_some(count).await;
    scene.change(&hook, json!({"enabled": true})).await;
    (hook, events)
}

async fn begin(scene: &Scene, path: &str, body: Value) -> Value {
    let (status, job) = scene.ask("POST", path, body).await;
    assert_eq!(status, 202, "{job}");
    job
}

fn path(job: &Value) -> String {
    format!("/jobs/{}", job["id"].as_str().unwrap())
}

async fn done(scene: &Scene, job: &Value) -> Value {
    eventually("the job is done", async || {
        let job = scene.get(&path(job)).await;
        (job["state"] == "done").then_some(job)
    })
    .await
}

fn counts(job: &Value) -> (i64, i64, i64) {
    let count = |name: &str| job[name].as_i64().unwrap();
    (count("total"), count("done"), count("skipped"))
}

fn arrived(receiver: &Receiver) -> HashSet<String> {
    receiver.came().iter().map(|came| came.header("webhook-id").to_owned()).collect()
}

async fn recover_sends_skipped_and_failed_deliveries(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.retry_schedule.clear()).await;
    let receiver = Receiver::start().await;
    let hook = scene.hook(&receiver, json!({})).await;
    let recover = format!("{}/recover", hook.path);
    let early = scene.emit_one().await;
    scene.delivery_in(&early, "delivered").await;
    receiver.reply([Reply::status(500)]);
    let before = scene.emit_one().await;
    scene.delivery_in(&before, "failed").await;
    eventually("a later moment", async || {
        (scene.app.running.portal.clock().now().rfc3339() > created_at(&scene, &before).await)
            .then_some(())
    })
    .await;
    let since = scene.app.running.portal.clock().now().rfc3339();
    receiver.reply([Reply::status(500)]);
    let failed = scene.emit_one().await;
    scene.delivery_in(&failed, "failed").await;
    scene.change(&hook, json!({"enabled": false})).await;
    let skipped = scene.emit_some(30).await;
    // A failed test is not a missed event.
    receiver.reply([Reply::status(500)]);
    scene.ask("POST", &format!("{}/test", hook.path), json!({})).await;
    scene.change(&hook, json!({"enabled": true})).await;
    let dry = scene.ask("POST", &recover, json!({"since": since, "dry_run": true})).await;
    assert_eq!(dry, (200, json!({"total": 31, "by_state": {"failed": 1, "skipped": 30}})));
    assert_eq!(scene.get("/jobs").await["items"], json!([]), "a dry run starts no job");
    let job = begin(&scene, &recover, json!({"since": since, "per_second": 1000})).await;
    assert_eq!(
        (job["kind"].as_str(), job["hook"].as_str(), counts(&job).0),
        (Some("recover"), Some(&*hook.id), 31)
    );
    assert_eq!(counts(&done(&scene, &job).await), (31, 31, 0));
    for event in skipped.iter().chain([&failed]) {
        scene.delivery_in(event, "delivered").await;
    }
    scene.delivery_in(&before, "failed").await;
    assert_eq!(receiver.came().len(), 35, "delivered events are not sent again");
    // The log names the user who started it.
    let audit = scene.app.audit(job["id"].as_str().unwrap()).await;
    assert_eq!(audit.iter().map(|(_, action)| action.as_str()).collect::<Vec<_>>(), ["job.begun"]);
    assert_eq!(job["created_by"], audit[0].0);
    scene.app.assert_balanced().await;
}

async fn created_at(scene: &Scene, event: &str) -> String {
    scene.get(&format!("/events/{event}")).await["created_at"].as_str().unwrap().to_owned()
}

async fn redeliver_counts_and_sends_matching_deliveries(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.retry_schedule.clear()).await;
    let (one, two) = (Receiver::start().await, Receiver::start().await);
    one.reply([500; 6].map(Reply::status));
    two.reply([500; 2].map(Reply::status));
    let (first, second) = (
        scene.hook(&one, json!({"in_flight": 1})).await,
        scene.hook(&two, json!({"in_flight": 1})).await,
    );
    let events = scene.emit_some(8).await;
    scene.all_in("failed", 8).await;
    scene.all_in("delivered", 8).await;
    let dry = async |filter: Value| {
        let mut body = filter;
        body["dry_run"] = true.into();
        let (status, counted) = scene.ask("POST", "/deliveries/redeliver", body).await;
        assert_eq!(status, 200, "{counted}");
        counted["by_state"].clone()
    };
    assert_eq!(dry(json!({})).await, json!({"failed": 8}));
    assert_eq!(dry(json!({"hook": first.id})).await, json!({"failed": 6}));
    assert_eq!(
        dry(json!({"states": ["delivered", "failed"], "hook": second.id})).await,
        json!({"failed": 2, "delivered": 6})
    );
    assert_eq!(
        dry(json!({"event": events[0], "states": ["failed", "delivered"]})).await,
        json!({"failed": 2})
    );
    assert_eq!(dry(json!({"event": EVENT.key()})).await, json!({"failed": 8}));
    assert_eq!(dry(json!({"event": "conversation.abandoned"})).await, json!({}));
    assert_eq!(dry(json!({"to": "2020-01-01T00:00:00Z"})).await, json!({}));
    assert_eq!(
        dry(json!({"from": "2020-01-01T00:00:00Z", "states": ["cancelled"]})).await,
        json!({})
    );
    let job =
        begin(&scene, "/deliveries/redeliver", json!({"hook": first.id, "per_second": 500})).await;
    assert_eq!(counts(&done(&scene, &job).await), (6, 6, 0));
    scene.all_in("delivered", 14).await;
    assert_eq!((one.came().len(), two.came().len(), scene.count("failed").await), (14, 8, 2));
    // An empty job is done at once, and nothing is sent.
    let job = begin(&scene, "/deliveries/redeliver", json!({"hook": first.id})).await;
    assert_eq!(counts(&done(&scene, &job).await), (0, 0, 0));
    scene.app.assert_balanced().await;
}

async fn a_job_keeps_its_rate_and_can_be_paused_resumed_changed_and_cancelled(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let receiver = Receiver::start().await;
    // So many that it is cancelled before it is done, however slow the machine is.
    let (hook, _) = missed(&scene, &receiver, MANY).await;
    let began = receiver.age();
    let recover = format!("{}/recover", hook.path);
    let job =
        begin(&scene, &recover, json!({"since": "2020-01-01T00:00:00Z", "per_second": 10})).await;
    assert_eq!(job["per_second"], 10);
    receiver.wait_for(30).await;
    let patch = async |change: Value| {
        let (status, job) = scene.ask("PATCH", &path(&job), change).await;
        assert_eq!(status, 200, "{job}");
        job
    };
    let held = patch(json!({"state": "paused"})).await;
    assert_eq!(
        (held["state"].as_str(), held["total"].as_i64()),
        (Some("paused"), Some(MANY as i64))
    );
    let took = receiver.age() - began;
    let most = took.as_secs_f64() * 10.0 + 1.0;
    assert!(counts(&held).1 as f64 <= most, "{held} after {took:?}");
    receiver.wait_for(counts(&held).1 as usize).await;
    // The pause does not count as idle time: no burst follows.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.came().len() as i64, counts(&held).1, "nothing is sent while it is paused");
    let (resumed, before) = (receiver.age(), receiver.came().len());
    patch(json!({"state": "running"})).await;
    receiver.wait_for(before + 10).await;
    let most = (receiver.age() - resumed).as_secs_f64() * 10.0 + 1.0;
    assert!((receiver.came().len() - before) as f64 <= most);
    // Accelerated, then cancelled: events redelivered so far are delivered, the others are
    // unchanged.
    let hurried = patch(json!({"per_second": 30})).await;
    assert_eq!(hurried["per_second"], 30);
    receiver.wait_for(100).await;
    let cancelled = patch(json!({"state": "cancelled"})).await;
    let sent = counts(&cancelled).1;
    assert!((100..MANY as i64).contains(&sent), "{cancelled}");
    scene.all_in("delivered", sent as usize).await;
    assert_eq!(scene.count("skipped").await, MANY as i64 - sent);
    for (state, status) in [("running", 422), ("paused", 422), ("cancelled", 200)] {
        assert_eq!(
            scene.ask("PATCH", &path(&job), json!({"state": state})).await.0,
            status,
            "{state}"
        );
    }
    let actions = scene.app.audit(job["id"].as_str().unwrap()).await;
    assert_eq!(actions.len(), 4, "{actions:?}");
    scene.app.assert_balanced().await;
}

async fn a_restart_sends_nothing_twice_and_skips_nothing(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let receiver = Receiver::start().await;
    let (hook, events) = missed(&scene, &receiver, 300).await;
    let recover = format!("{}/recover", hook.path);
    let job =
        begin(&scene, &recover, json!({"since": "2020-01-01T00:00:00Z", "per_second": 150})).await;
    receiver.wait_for(50).await;
    let scene = scene.restart().await;
    assert_eq!(scene.get(&path(&job)).await["state"], "running");
    assert_eq!(counts(&done(&scene, &job).await), (300, 300, 0));
    scene.all_in("delivered", 300).await;
    assert_eq!((receiver.came().len(), arrived(&receiver)), (300, events.into_iter().collect()));
    scene.app.assert_balanced().await;
}

async fn a_job_of_a_failing_hook_does_not_delay_others(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.retry_schedule.clear()).await;
    let (bad, good) = (Receiver::ruled(|_| Reply::status(500)).await, Receiver::start().await);
    good.reply([500; 5].map(Reply::status));
    let (failing, _) = (scene.hook(&bad, json!({})).await, scene.hook(&good, json!({})).await);
    scene.emit_some(5).await;
    scene.all_in("failed", 10).await;
    let job =
        begin(&scene, "/deliveries/redeliver", json!({"event": EVENT.key(), "per_second": 1000}))
            .await;
    assert_eq!(counts(&done(&scene, &job).await), (10, 10, 0));
    scene.all_in("delivered", 5).await;
    scene.all_in("failed", 5).await;
    assert_eq!(
        (bad.came().len(), good.came().len()),
        (10, 10),
        "each hook got its own deliveries once"
    );
    let failed = scene.get(&format!("/deliveries?hook={}&state=failed", failing.id)).await;
    assert!(
        failed["items"].as_array().unwrap().iter().all(|delivery| delivery["attempt_count"] == 2),
        "{failed}"
    );
    scene.app.assert_balanced().await;
}

async fn deliveries_settled_otherwise_count_as_skipped(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let receiver = Receiver::start().await;
    let (hook, events) = missed(&scene, &receiver, 12).await;
    let recover = format!("{}/recover", hook.path);
    let job =
        begin(&scene, &recover, json!({"since": "2020-01-01T00:00:00Z", "per_second": 1})).await;
    // A user redelivers two of them before the job reaches them.
    for event in &events[10..] {
        let skipped = scene.delivery_in(event, "skipped").await;
        let again = format!("/deliveries/{}/redeliver", skipped["id"].as_str().unwrap());
        assert_eq!(scene.ask("POST", &again, Value::Null).await.0, 202);
        scene.delivery_in(event, "delivered").await;
    }
    scene.ask("PATCH", &path(&job), json!({"per_second": 1000})).await;
    assert_eq!(counts(&done(&scene, &job).await), (12, 10, 2));
    scene.all_in("delivered", 12).await;
    assert_eq!(receiver.came().len(), 12);
    scene.app.assert_balanced().await;
}

async fn bad_input_and_foreign_senders_are_rejected(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let hook = scene.hook(&Receiver::start().await, json!({})).await;
    let recover = format!("{}/recover", hook.path);
    let unknown = "00000000-0000-7000-8000-000000000000";
    let rows = [
        (recover.clone(), json!({}), "since"),
        (recover.clone(), json!({"since": "yesterday"}), "since"),
        (recover.clone(), json!({"since": "2020-01-01T00:00:00Z", "until": 5}), "until"),
        (recover.clone(), json!({"since": "2020-01-01T00:00:00Z", "per_second": 0}), "per_second"),
        (
            recover.clone(),
            json!({"since": "2020-01-01T00:00:00Z", "per_second": 1001}),
            "per_second",
        ),
        (
            recover.clone(),
            json!({"since": "2020-01-01T00:00:00Z", "states": ["pending"]}),
            "states",
        ),
        (recover.clone(), json!({"since": "2020-01-01T00:00:00Z", "states": []}), "states"),
        (recover, json!({"since": "2020-01-01T00:00:00Z", "hook": hook.id}), "hook"),
        ("/deliveries/redeliver".into(), json!({"event": "nonsense"}), "event"),
        ("/deliveries/redeliver".into(), json!({"hook": "nonsense"}), "hook"),
        ("/deliveries/redeliver".into(), json!({"states": "failed"}), "states"),
        ("/deliveries/redeliver".into(), json!({"dry_run": "yes"}), "dry_run"),
    ];
    for (path, body, field) in rows {
        let (status, problem) = scene.ask("POST", &path, body.clone()).await;
        assert_eq!((status, fields(&problem)), (422, vec![field]), "{path} {body}: {problem}");
    }
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    assert_eq!(scene.ask("POST", &format!("/hooks/{unknown}/recover"), since).await.0, 404);
    assert_eq!(scene.ask("POST", "/deliveries/redeliver", json!({"hook": unknown})).await.0, 404);
    assert_eq!(
        scene.ask("PATCH", &format!("/jobs/{unknown}"), json!({"state": "paused"})).await.0,
        404
    );
    let job = begin(&scene, "/deliveries/redeliver", json!({"states": ["failed"]})).await;
    done(&scene, &job).await;
    for change in
        [json!({"state": "done"}), json!({"state": "asleep"}), json!({"state": "running"})]
    {
        let (status, problem) = scene.ask("PATCH", &path(&job), change.clone()).await;
        assert_eq!((status, fields(&problem)), (422, vec!["state"]), "{change}");
    }
    // A reader may not send, and a user with neither permission sees nothing.
    let (reader, emitter) =
        (scene.app.token(&["deliveries:read"]).await, scene.app.token(&["events:emit"]).await);
    assert_eq!(scene.app.api(&reader, "GET", &path(&job), None).await.0, 200);
    let asked = [
        ("POST", "/deliveries/redeliver".to_owned(), json!({"dry_run": true})),
        ("POST", format!("{}/recover", hook.path), json!({"since": "2020-01-01T00:00:00Z"})),
        ("PATCH", path(&job), json!({"state": "paused"})),
    ];
    for (method, path, body) in asked {
        assert_eq!(scene.app.api(&reader, method, &path, Some(body)).await.0, 403, "{path}");
    }
    assert_eq!(scene.app.api(&emitter, "GET", "/jobs", None).await.0, 403);
}

async fn jobs_are_listed_newest_first(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let mut begun = Vec::new();
    for year in 2020..2025 {
        let range = json!({"from": format!("{year}-01-01T00:00:00Z"),
            "to": format!("{year}-02-01T00:00:00Z")});
        let job = begin(&scene, "/deliveries/redeliver", range).await;
        begun.insert(0, job["id"].clone());
    }
    let mut listed = Vec::new();
    let mut next = String::new();
    loop {
        let page = scene.get(&format!("/jobs?limit=2&cursor={next}")).await;
        listed.extend(page["items"].as_array().unwrap().iter().map(|job| job["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = cursor.to_owned(),
            None => break,
        }
    }
    assert_eq!(listed, begun);
    assert_eq!(scene.app.api(&scene.token, "GET", "/jobs?cursor=x", None).await.0, 422);
}

async fn an_unreadable_job_is_paused_and_the_others_continue(db: TestDb) {
    let scene = Scene::start(db, |_| {}).await;
    let receiver = Receiver::start().await;
    let (one, _) = missed(&scene, &receiver, 5).await;
    let (two, _) = missed(&scene, &receiver, 40).await;
    let since = json!({"since": "2020-01-01T00:00:00Z", "per_second": 1});
    let bad = begin(&scene, &format!("{}/recover", one.path), since).await;
    let skipped = json!({"hook": two.id, "states": ["skipped"], "per_second": 20});
    let good = begin(&scene, "/deliveries/redeliver", skipped).await;
    // The older job, which always has the first turn.
    scene.break_rows("UPDATE jobs SET filter = 'no scope at all' WHERE kind = 'recover'").await;
    done(&scene, &good).await;
    let paused = eventually("it is paused", async || {
        let job = scene.get(&path(&bad)).await;
        (job["state"] == "paused").then_some(job)
    })
    .await;
    assert!(paused["problem"].as_str().unwrap().contains("jobs.filter"), "{paused}");
    let audit = scene.app.audit(bad["id"].as_str().unwrap()).await;
    assert!(audit.iter().any(|(_, action)| action == "job.paused"), "{audit:?}");
    // The list shows both, and a user can cancel it.
    assert_eq!(scene.get("/jobs").await["items"].as_array().unwrap().len(), 2);
    let (status, job) = scene.ask("PATCH", &path(&bad), json!({"state": "cancelled"})).await;
    assert_eq!((status, &job["state"]), (200, &json!("cancelled")), "{job}");
    scene.app.assert_balanced().await;
}
