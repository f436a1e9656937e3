//! Overlapping jobs: no two running jobs redeliver the same delivery.

use serde_json::{Value, json};

use crate::{
    engine::scene::{Scene, fields},
    support::{
        db::TestDb,
        eventually, on_both,
        receiver::{Receiver, Reply},
    },
};

on_both!(a_job_requires_a_valid_selection, overlapping_jobs_are_refused);

const REDELIVER: &str = "/deliveries/redeliver";

async fn a_job_requires_a_valid_selection(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.retry_schedule.clear()).await;
    let receiver = Receiver::ruled(|_| Reply::status(500)).await;
    let hook = scene.hook(&receiver, json!({})).await;
    scene.emit_some(3).await;
    scene.all_in("failed", 3).await;
    for body in [json!({}), json!({"per_second": 5}), json!({"dry_run": false})] {
        let (status, problem) = scene.ask("POST", REDELIVER, body.clone()).await;
        assert_eq!((status, fields(&problem)), (422, vec!["hook"]), "{body}: {problem}");
    }
    let (status, problem) = scene.app.api_raw(&scene.token, REDELIVER, "").await;
    assert_eq!((status, fields(&problem)), (422, vec!["hook"]), "{problem}");
    let recover = format!("{}/recover", hook.path);
    let (status, problem) = scene.app.api_raw(&scene.token, &recover, "").await;
    assert_eq!((status, fields(&problem)), (422, vec!["since"]), "{problem}");
    assert_eq!(
        (receiver.came().len(), scene.get("/jobs").await["items"].as_array().unwrap().len()),
        (3, 0)
    );
    for (body, wrong) in [
        (json!({"since": "2099-01-01T00:00:00Z"}), "since"),
        (json!({"since": "2020-01-02T00:00:00Z", "until": "2020-01-01T00:00:00Z"}), "until"),
    ] {
        let (status, problem) = scene.ask("POST", &recover, body).await;
        assert_eq!((status, fields(&problem)), (422, vec![wrong]), "{problem}");
    }
    // A preview sends nothing, so it may cover everything.
    let (status, counted) = scene.ask("POST", REDELIVER, json!({"dry_run": true})).await;
    assert_eq!((status, &counted["total"]), (200, &json!(3)));
    for selection in [
        json!({"states": ["failed"]}),
        json!({"event": "work_item.closed"}),
        json!({"from": "2020-01-01T00:00:00Z"}),
        json!({"to": "2020-01-01T00:00:00Z"}),
        json!({"hook": hook.id}),
    ] {
        let (status, job) = scene.ask("POST", REDELIVER, selection.clone()).await;
        assert_eq!(status, 202, "{selection}: {job}");
        done(&scene, &job).await;
    }
}

async fn done(scene: &Scene, job: &Value) {
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    eventually("the job is done", async || {
        (scene.get(&path).await["state"] == "done").then_some(())
    })
    .await;
}

async fn overlapping_jobs_are_refused(db: TestDb) {
    let scene = Scene::start(db, |_| ()).await;
    let receiver = Receiver::start().await;
    let (one, two) = (
        scene.hook(&receiver, json!({"enabled": false})).await,
        scene.hook(&receiver, json!({"enabled": false})).await,
    );
    scene.emit_some(50).await;
    // So slow that it runs for the whole test.
    let slow = |mut selection: Value| {
        selection["per_second"] = 1.into();
        selection
    };
    let recover = |hook: &crate::engine::scene::Hook| format!("{}/recover", hook.path);
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    let (status, running) = scene.ask("POST", &recover(&one), slow(since.clone())).await;
    assert_eq!(status, 202, "{running}");
    let id = running["id"].as_str().unwrap();
    for (path, body) in [
        (recover(&one), since.clone()),
        (REDELIVER.to_owned(), json!({"hook": one.id, "states": ["skipped"]})),
        (
            REDELIVER.to_owned(),
            json!({"event": "work_item.closed", "states": ["failed", "delivered"]}),
        ),
    ] {
        let (status, problem) = scene.ask("POST", &path, slow(body.clone())).await;
        assert_eq!((status, fields(&problem)), (409, vec!["job"]), "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(id), "it names the job: {problem}");
    }
    // A job with a disjoint selection can start.
    for (path, body) in [
        (recover(&two), since.clone()),
        (REDELIVER.to_owned(), json!({"hook": one.id, "states": ["delivered"]})),
        (
            REDELIVER.to_owned(),
            json!({"hook": one.id, "states": ["failed"], "to": "2020-01-01T00:00:00Z"}),
        ),
    ] {
        let (status, job) = scene.ask("POST", &path, slow(body.clone())).await;
        assert_eq!(status, 202, "{body}: {job}");
    }
    // A paused job blocks no other, and cannot be resumed while another overlaps.
    let set = async |job: &str, state: &str| {
        scene.ask("PATCH", &format!("/jobs/{job}"), json!({"state": state})).await
    };
    assert_eq!(set(id, "paused").await.0, 200);
    let (status, second) = scene.ask("POST", &recover(&one), slow(since)).await;
    assert_eq!(status, 202, "{second}");
    let second = second["id"].as_str().unwrap();
    let (status, problem) = set(id, "running").await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(second), "{problem}");
    assert_eq!(set(second, "cancelled").await.0, 200);
    assert_eq!(set(id, "running").await.0, 200);
    scene.app.assert_balanced().await;
}
