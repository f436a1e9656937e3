//! With `order_by`: every key keeps its order through failures, and no key waits for another.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use service_hooks::engine::clock::random_unit;

use super::scene::Scene;
use crate::support::{
    db::TestDb,
    on_both,
    receiver::{Came, Receiver, Reply},
};

on_both!(
    a_failing_key_keeps_its_order_and_delays_no_other_key,
    the_order_survives_a_restart_with_more_than_the_window,
    two_hundred_events_of_mixed_keys_with_random_failures_stay_in_order,
    the_order_survives_a_pause,
);

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Events that were answered with 200, by key, in order of arrival.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<String, Vec<u32>>>>);

impl Ledger {
    fn enter(&self, came: &Came) {
        let number = came.member("id").parse().unwrap();
        self.0.lock().unwrap().entry(came.member("customerIdentifier")).or_default().push(number);
    }

    fn of(&self, key: &str) -> Vec<u32> {
        self.0.lock().unwrap().get(key).cloned().unwrap_or_default()
    }

    /// Every key is complete and in order.
    fn assert_orderly(&self, events: &[(String, String)]) {
        let keys: HashSet<&String> = events.iter().map(|(_, key)| key).collect();
        for key in keys {
            let sent: Vec<u32> = events
                .iter()
                .filter(|(_, own)| own == key)
                .map(|(id, _)| id.parse().unwrap())
                .collect();
            assert_eq!(self.of(key), sent, "{key}");
        }
    }
}

/// A receiver that rejects requests for which `refuses` is true and records the others.
async fn keeping(refuses: impl Fn(&Came) -> bool + Send + Sync + 'static) -> (Receiver, Ledger) {
    let ledger = Ledger::default();
    let book = ledger.clone();
    let receiver = Receiver::ruled(move |came| {
        if refuses(came) {
            return Reply::status(500);
        }
        book.enter(came);
        Reply::status(200)
    });
    (receiver.await, ledger)
}

fn mixed(count: usize, keys: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (number.to_string(), format!("key {}", number * 7 % keys))).collect()
}

async fn a_failing_key_keeps_its_order_and_delays_no_other_key(db: TestDb) {
    let scene = Scene::start(db, |settings| settings.delivery.pause_after = 10_000).await;
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let refuses = move |came: &Came| {
        came.member("customerIdentifier") == "key 3" && down.load(Ordering::SeqCst)
    };
    let (receiver, ledger) = keeping(refuses).await;
    let own = json!({"order_by": "customerIdentifier", "retry_schedule": vec!["2s"; 30]});
    scene.hook(&receiver, own).await;
    let events = mixed(60, 6);
    scene.emit(&events).await;
    scene.all_in("delivered", 50).await;
    // Of the failing key only the first delivery was attempted.
    let tried: HashSet<String> = receiver
        .came()
        .iter()
        .filter(|came| came.member("customerIdentifier") == "key 3")
        .map(|came| came.member("id"))
        .collect();
    assert_eq!(tried.len(), 1, "{tried:?}");
    // Later deliveries of that key wait too; those of other keys do not.
    scene.emit(&[("100", "key 3"), ("101", "key 1")]).await;
    scene.all_in("delivered", 51).await;
    is_down.store(false, Ordering::SeqCst);
    scene.all_in("delivered", 62).await;
    let all: Vec<(String, String)> = events
        .into_iter()
        .chain([("100".into(), "key 3".into()), ("101".into(), "key 1".into())])
        .collect();
    ledger.assert_orderly(&all);
    scene.app.assert_balanced().await;
}

async fn the_order_survives_a_restart_with_more_than_the_window(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.lane_window = 8;
        settings.delivery.pause_after = 10_000;
    })
    .await;
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    // A third of the keys fails until after the restart.
    let refuses = move |came: &Came| {
        down.load(Ordering::SeqCst)
            && ["key 0", "key 3"].contains(&came.member("customerIdentifier").as_str())
    };
    let (receiver, ledger) = keeping(refuses).await;
    let own = json!({"order_by": "customerIdentifier", "retry_schedule": vec!["2s"; 30]});
    scene.hook(&receiver, own).await;
    let events = mixed(150, 6);
    scene.emit(&events[..100]).await;
    receiver.wait_for(30).await;
    let scene = scene.restart().await;
    scene.emit(&events[100..]).await;
    scene.all_in("delivered", 100).await;
    is_down.store(false, Ordering::SeqCst);
    scene.all_in("delivered", 150).await;
    ledger.assert_orderly(&events);
    scene.app.assert_balanced().await;
}

async fn two_hundred_events_of_mixed_keys_with_random_failures_stay_in_order(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.lane_window = 20;
        settings.delivery.pause_after = 10_000;
    })
    .await;
    let (receiver, ledger) = keeping(|_| random_unit() < 0.2).await;
    let own = json!({"order_by": "customerIdentifier", "retry_schedule": vec!["5ms"; 30]});
    scene.hook(&receiver, own).await;
    let events = mixed(240, 12);
    // In batches and one by one, like real producers.
    scene.emit(&events[..150]).await;
    for some in events[150..].chunks(9) {
        scene.emit(some).await;
    }
    scene.all_in("delivered", 240).await;
    ledger.assert_orderly(&events);
    scene.app.assert_balanced().await;
}

async fn the_order_survives_a_pause(db: TestDb) {
    let scene = Scene::start(db, |settings| {
        settings.delivery.pause_after = 4;
        settings.delivery.first_probe = MS(60);
        settings.delivery.drain_per_second = 1000;
    })
    .await;
    let is_down = Arc::new(AtomicBool::new(false));
    let down = is_down.clone();
    let (receiver, ledger) = keeping(move |_| down.load(Ordering::SeqCst)).await;
    let own = json!({"order_by": "customerIdentifier", "retry_schedule": vec!["10ms"; 30]});
    let hook = scene.hook(&receiver, own).await;
    let events = mixed(400, 8);
    scene.emit(&events[..30]).await;
    is_down.store(true, Ordering::SeqCst);
    scene.emit(&events[30..60]).await;
    scene.health(&hook, "paused").await;
    scene.emit(&events[60..]).await;
    is_down.store(false, Ordering::SeqCst);
    scene.all_in("delivered", 400).await;
    ledger.assert_orderly(&events);
    scene.app.assert_balanced().await;
}
