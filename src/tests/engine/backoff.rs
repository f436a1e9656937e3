//! Pauses and waits: what responses reveal about a receiver, the cost of probes, and manual retries
//! after a receiver was repaired.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use service_hooks::{domain::time::Timestamp, engine::clock::Clock};

use super::scene::{Hook, Scene, fields};
use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    eventually, on_both,
    receiver::{Came, Receiver, Reply},
    within,
};

on_both!(
    a_probe_does_not_use_up_the_schedule,
    a_receiver_with_a_quota_is_not_overloaded,
    a_requested_wait_is_respected,
    a_manual_retry_keeps_the_schedule,
    a_held_delivery_can_become_the_probe_now,
    a_successful_test_retries_waiting_deliveries_at_once,
    infrequent_failures_do_not_turn_a_hook_off,
);

const MS: fn(u64) -> Duration = Duration::from_millis;
const HOUR: Duration = Duration::from_secs(3600);

/// A receiver whose status can be changed while it runs.
async fn moody(status: u16) -> (Receiver, Arc<AtomicU16>) {
    let mood = Arc::new(AtomicU16::new(status));
    let seen = mood.clone();
    let reply = |status| match status {
        429 => Reply { headers: vec![("retry-after", "30".to_owned())], ..Reply::status(429) },
        status => Reply::status(status),
    };
    (Receiver::ruled(move |_| reply(seen.load(Ordering::SeqCst))).await, mood)
}

fn again(delivery: &Value) -> String {
    format!("/deliveries/{}/redeliver", delivery["id"].as_str().unwrap())
}

/// The attempt numbers of a delivery.
fn numbers(delivery: &Value) -> Vec<u64> {
    delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["number"].as_u64().unwrap())
        .collect()
}

async fn actions(scene: &Scene, target: &str) -> Vec<String> {
    scene.app.audit(target).await.into_iter().map(|(_, action)| action).collect()
}

/// An outage that is longer than the schedule fails no delivery, however many probes used it.
async fn a_probe_does_not_use_up_the_schedule(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 2;
        settings.delivery.first_probe = MS(30);
        settings.delivery.longest_probe = MS(30);
        settings.delivery.retry_schedule = vec![MS(20); 2];
    })
    .await;
    let (receiver, mood) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    let events = scene.emit_some(3).await;
    scene.health(&hook, "paused").await;
    receiver.wait_for(20).await;
    assert_eq!((scene.count("failed").await, scene.count("held").await), (0, 3));
    mood.store(200, Ordering::SeqCst);
    scene.all_in("delivered", 3).await;
    let tries: Vec<Vec<u64>> = {
        let mut tries = Vec::new();
        for event in &events {
            tries.push(numbers(&scene.delivery_in(event, "delivered").await));
        }
        tries
    };
    for numbers in &tries {
        assert_eq!(
            *numbers,
            (1..=numbers.len() as u64).collect::<Vec<_>>(),
            "each attempt has its own number"
        );
    }
    assert_eq!(tries.iter().map(Vec::len).sum::<usize>(), receiver.came().len());
    scene.app.assert_balanced().await;
}

/// Accepts this many requests per second, and responds to others with `Retry-After: 1`.
async fn with_quota(per_second: usize) -> Receiver {
    let taken: Mutex<VecDeque<Duration>> = Mutex::default();
    let rule = move |came: &Came| {
        let mut taken = taken.lock().unwrap();
        while taken
            .front()
            .is_some_and(|at| came.elapsed.saturating_sub(*at) >= Duration::from_secs(1))
        {
            taken.pop_front();
        }
        if taken.len() < per_second {
            taken.push_back(came.elapsed);
            Reply::status(200)
        } else {
            Reply { headers: vec![("retry-after", "1".to_owned())], ..Reply::status(429) }
        }
    };
    Receiver::ruled(rule).await
}

/// The quota determines the minimum duration; the pacing's own tests check the maximum in virtual
/// time.
async fn a_receiver_with_a_quota_is_not_overloaded(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.retry_schedule = vec![HOUR]).await;
    let receiver = with_quota(5).await;
    let hook = scene.hook(&receiver, json!({})).await;
    let began = receiver.age();
    scene.emit_some(60).await;
    within(60, "all are delivered", async || (scene.count("delivered").await == 60).then_some(()))
        .await;
    let (took, refused) = (receiver.age() - began, receiver.came().len() - 60);
    eprintln!("60 events at 5 a second: {took:?}, {refused} refused");
    assert!(refused <= 15, "{refused} were rejected, in {took:?}");
    // Responses with 429 are not failures.
    let health = scene.health(&hook, "healthy").await;
    assert_eq!(health["failures_in_a_row"], 0, "{health}");
    assert_eq!(actions(&scene, &hook.id).await, ["hook.created"]);
    scene.app.assert_balanced().await;
}

async fn a_requested_wait_is_respected(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.retry_schedule = vec![HOUR]).await;
    let ((receiver, mood), other) = (moody(429).await, Receiver::start().await);
    let hook = scene.hook(&receiver, json!({})).await;
    scene.hook(&other, json!({})).await;
    scene.emit_some(20).await;
    let health = eventually("its requested wait is recorded", async || {
        let health = scene.get(&hook.path).await["health"].clone();
        health["waits_until"].is_string().then_some(health)
    })
    .await;
    assert_eq!(
        (&health["state"], &health["failures_in_a_row"]),
        (&json!("throttled"), &json!(0)),
        "{health}"
    );
    // New events and a restart: other hooks deliver, and this receiver gets no request.
    scene.emit_some(20).await;
    other.wait_for(40).await;
    let scene = scene.restart().await;
    scene.emit_some(20).await;
    other.wait_for(60).await;
    scene.all_in("delivered", 60).await;
    let came = receiver.came();
    assert!(came.len() <= 2, "{} requests although it asked for 30 s", came.len());
    // It has a next attempt, and the retry schedule was not used.
    let asked = scene.get(&format!("/deliveries?state=waiting&hook={}", hook.id)).await;
    let waiting = asked["items"].as_array().unwrap();
    assert_eq!(waiting.len(), came.len());
    let next = Timestamp::parse(waiting[0]["next_attempt_at"].as_str().unwrap()).unwrap();
    assert!(
        came[0].at.until(next) >= Duration::from_secs(30) && came[0].at.until(next) < HOUR,
        "{waiting:?}"
    );
    // A manual retry: waiting and pending deliveries are sent now.
    for body in [json!({"hook": "x"}), json!([])] {
        assert_eq!(scene.ask("POST", &format!("{}/try-now", hook.path), body).await.0, 422);
    }
    mood.store(200, Ordering::SeqCst);
    let (status, asked) = scene.ask("POST", &format!("{}/try-now", hook.path), json!({})).await;
    assert_eq!((status, &asked["brought_forward"]), (202, &json!(came.len())), "{asked}");
    scene.all_in("delivered", 120).await;
    assert_eq!(scene.health(&hook, "healthy").await["waits_until"], Value::Null);
    scene.app.assert_balanced().await;
}

async fn a_manual_retry_keeps_the_schedule(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.retry_schedule = vec![HOUR];
        settings.delivery.pause_after = 1000;
    })
    .await;
    let (receiver, mood) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    let events = scene.emit_some(3).await;
    scene.all_in("waiting", 3).await;
    // One of them, before the receiver is repaired: any number of manual retries does not fail it
    // permanently.
    let delivery = scene.delivery_in(&events[0], "waiting").await;
    for attempts in 2..=4 {
        let (status, sent) = scene.ask("POST", &again(&delivery), Value::Null).await;
        assert_eq!((status, sent["state"].as_str()), (202, Some("waiting")), "{sent}");
        let event = format!("/events/{}", events[0]);
        let tried = eventually("it was tried", async || {
            let tried = scene.get(&event).await["deliveries"][0].clone();
            (tried["attempt_count"] == attempts).then_some(tried)
        })
        .await;
        let due = Timestamp::parse(tried["next_attempt_at"].as_str().unwrap()).unwrap();
        assert_eq!(tried["state"], "waiting", "the schedule is unchanged: {tried}");
        assert!(Clock::System.now().until(due) > HOUR / 2, "{tried}");
    }
    mood.store(200, Ordering::SeqCst);
    assert_eq!(scene.ask("POST", &again(&delivery), Value::Null).await.0, 202);
    let delivered = scene.delivery_in(&events[0], "delivered").await;
    assert_eq!(numbers(&delivered), [1, 2, 3, 4, 5]);
    let audit = actions(&scene, delivery["id"].as_str().unwrap()).await;
    assert_eq!(audit, ["delivery.tried_now"; 4]);
    // The others wait until all deliveries of the hook are retried.
    assert_eq!(scene.count("waiting").await, 2);
    let try_now = format!("{}/try-now", hook.path);
    let (status, asked) = scene.ask("POST", &try_now, json!({})).await;
    assert_eq!(
        (status, &asked["brought_forward"], &asked["or_more"]),
        (202, &json!(2), &json!(false)),
        "{asked}"
    );
    scene.all_in("delivered", 3).await;
    assert_eq!(actions(&scene, &hook.id).await, ["hook.created", "hook.tried_now"]);
    assert_eq!(scene.ask("POST", &try_now, json!({})).await.1["brought_forward"], 0);
    refused_while_off(&scene, &hook, &mood).await;
    scene.app.assert_balanced().await;
}

async fn refused_while_off(scene: &Scene, hook: &Hook, mood: &AtomicU16) {
    mood.store(500, Ordering::SeqCst);
    let event = scene.emit_one().await;
    scene.delivery_in(&event, "waiting").await;
    scene.change(hook, json!({"enabled": false})).await;
    let held = scene.delivery_in(&event, "held").await;
    for path in [again(&held), format!("{}/try-now", hook.path)] {
        let (status, problem) = scene.ask("POST", &path, Value::Null).await;
        assert_eq!((status, fields(&problem)), (422, vec!["id"]), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("The hook is off"), "{problem}");
    }
    mood.store(200, Ordering::SeqCst);
    scene.change(hook, json!({"enabled": true})).await;
    scene.delivery_in(&event, "delivered").await;
}

async fn a_held_delivery_can_become_the_probe_now(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 2;
        settings.delivery.first_probe = HOUR;
        settings.delivery.longest_probe = HOUR;
        settings.delivery.retry_schedule = vec![MS(20); 30];
    })
    .await;
    let (receiver, mood) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    scene.emit_some(2).await;
    scene.health(&hook, "paused").await;
    let last = scene.emit_one().await;
    scene.all_in("held", 3).await;
    let before = receiver.came().len();
    // It becomes the probe, although others are older; a failed probe returns to its position.
    let held = scene.delivery_in(&last, "held").await;
    let (status, sent) = scene.ask("POST", &again(&held), Value::Null).await;
    assert_eq!((status, sent["state"].as_str()), (202, Some("held")), "{sent}");
    let came = receiver.wait_for(before + 1).await;
    assert_eq!(came[before].header("webhook-id"), last);
    eventually("it is recorded", async || {
        (scene.get(&format!("/events/{last}")).await["deliveries"][0]["attempt_count"] == 1)
            .then_some(())
    })
    .await;
    scene.all_in("held", 3).await;
    // After the repair, one success releases all of them.
    mood.store(200, Ordering::SeqCst);
    assert_eq!(scene.ask("POST", &again(&held), Value::Null).await.0, 202);
    scene.all_in("delivered", 3).await;
    assert_eq!(receiver.came()[before + 1].header("webhook-id"), last);
    // The same for all deliveries of a hook: the probe is sent now.
    mood.store(500, Ordering::SeqCst);
    scene.emit_some(3).await;
    scene.health(&hook, "paused").await;
    scene.all_in("held", 3).await;
    mood.store(200, Ordering::SeqCst);
    let (status, asked) = scene.ask("POST", &format!("{}/try-now", hook.path), json!({})).await;
    assert_eq!((status, &asked["brought_forward"]), (202, &json!(3)), "{asked}");
    scene.all_in("delivered", 6).await;
    scene.app.assert_balanced().await;
}

async fn a_successful_test_retries_waiting_deliveries_at_once(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.retry_schedule = vec![HOUR];
        settings.delivery.pause_after = 10_000;
        settings.delivery.drain_per_second = 500;
    })
    .await;
    let (receiver, mood) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    scene.emit_some(600).await;
    within(30, "all wait", async || (scene.count("waiting").await == 600).then_some(())).await;
    mood.store(200, Ordering::SeqCst);
    let (_, tested) = scene.ask("POST", &format!("{}/test", hook.path), json!({})).await;
    assert_eq!(tested["state"], "delivered", "{tested}");
    within(30, "all are delivered", async || (scene.count("delivered").await == 601).then_some(()))
        .await;
    // One step moves 250 deliveries, and the next follows half a second later.
    let came = receiver.came();
    for (position, later) in came[601..].iter().enumerate() {
        let least = MS(500) * u32::try_from(position / 250).unwrap();
        let took = later.elapsed - came[600].elapsed;
        assert!(took + MS(2) >= least, "number {position} arrived after {took:?}");
    }
    scene.app.assert_balanced().await;
}

/// One event per month, all of which failed; and a clock that jumps.
async fn infrequent_failures_do_not_turn_a_hook_off(db: TestDb) {
    let mut settings = db.settings();
    settings.delivery.retry_schedule.clear();
    let clock = Clock::test(Clock::System.now());
    let config = service_hooks::engine::dispatcher::Config {
        clock: clock.clone(),
        ..db::config(settings.clone())
    };
    let app = TestApp::start_with(db.into(), config).await;
    let token = app.full_token().await;
    let scene = Scene { app, token, settings };
    let (receiver, _) = moody(500).await;
    let hook = scene.hook(&receiver, json!({})).await;
    for month in 1..=4 {
        let event = scene.emit_one().await;
        scene.delivery_in(&event, "failed").await;
        let hook = scene.get(&hook.path).await;
        assert_eq!(
            (&hook["enabled"], &hook["health"]["failures_in_a_row"]),
            (&json!(true), &json!(month)),
            "{hook}"
        );
        clock.advance(24 * 30 * HOUR);
    }
    // Continuous failures do: each of the four monthly gaps counted as half a day, and these make
    // up the rest.
    for _ in 0..8 {
        clock.advance(11 * HOUR);
        let event = scene.emit_one().await;
        scene.delivery_in(&event, "failed").await;
    }
    let off = scene.health(&hook, "off").await;
    assert_eq!(off["failures_in_a_row"], 12, "{off}");
    scene.app.assert_balanced().await;
}
