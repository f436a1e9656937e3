//! `kill -9` at random moments under load. All acknowledged events arrive, with the ids in their
//! responses; for a hook with ordered deliveries, in order.
//!
//! `SERVICE_HOOKS_TEST_KILLS`: number of kills (default 20).

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use service_hooks::{
    domain::{
        event::EventType,
        permission::{Actor, right},
    },
    engine::{
        catalogue::sample,
        clock::random_unit,
        config::Settings,
        store::{Store, balance},
    },
};

use crate::support::{
    binary::{Server, succeed},
    db::TestDb,
    eventually, on_both,
    order::assert_kept,
    receiver::{Came, Receiver},
};

on_both!(nothing_acknowledged_is_lost);

const PLAIN: &str = "/plain";
const IN_ORDER: &str = "/in-order";
const EVENT: EventType = EventType::WorkItemClosed;
/// Concurrent producers, each of which waits for its response.
const PRODUCERS: usize = 8;
/// Minimum events acknowledged by a server before it is killed.
const LEAST: usize = 5;
/// Maximum unrecorded deliveries of a key (README).
const UNRECORDED: usize = 33;

fn kills() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the long mode is asked for by hand")]
    std::env::var("SERVICE_HOOKS_TEST_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(20)
}

async fn nothing_acknowledged_is_lost(db: TestDb) {
    let mut settings = db.settings();
    settings.listen =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let arguments = [
        "token",
        "create",
        "--name",
        "t",
        "--permission",
        "events:emit",
        "hooks:write",
        "deliveries:read",
    ];
    let token = succeed(&settings, &arguments, "");
    let receiver = Receiver::start().await;
    let mut server = Server::start(&settings);
    make_hook(&settings, &token, json!({"callback_url": receiver.url(PLAIN)})).await;
    let keeps_order =
        json!({"callback_url": receiver.url(IN_ORDER), "order_by": "customerIdentifier"});
    make_hook(&settings, &token, keeps_order).await;

    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|number| {
            let producer = Producer { number, settings: settings.clone(), token: token.clone() };
            tokio::spawn(producer.produce(acknowledged.clone(), is_over.clone()))
        })
        .collect();
    let more = async |count: usize| {
        let until = acknowledged.lock().unwrap().len() + count;
        eventually("events are acknowledged", async || {
            (acknowledged.lock().unwrap().len() >= until).then_some(())
        })
        .await;
    };
    for kill in 0..kills() {
        // Most are killed while they work, however long their start takes; every fourth is killed
        // during its start.
        if kill % 4 != 3 {
            more(LEAST).await;
        }
        tokio::time::sleep(Duration::from_millis((random_unit() * 300.0) as u64)).await;
        server.kill();
        server = Server::start(&settings);
    }
    more(LEAST).await;
    is_over.store(true, Ordering::SeqCst);
    futures::future::join_all(producers).await;

    let acknowledged = acknowledged.lock().unwrap().clone();
    let missing = async || {
        let came = receiver.came();
        let arrived: HashSet<(&str, &str)> =
            came.iter().map(|came| (came.path.as_str(), came.header("webhook-id"))).collect();
        let is_missing = |id: &&String| {
            [PLAIN, IN_ORDER].iter().any(|path| !arrived.contains(&(*path, id.as_str())))
        };
        acknowledged.iter().filter(is_missing).count()
    };
    eventually("every acknowledged event arrived", async || (missing().await == 0).then_some(()))
        .await;
    assert_balanced(&settings, &mut server).await;
    let (plain, in_order) = (repeats(&receiver, PLAIN), repeats(&receiver, IN_ORDER));
    eprintln!(
        "{} kills, {} acknowledged, {plain} and {in_order} repeated, 0 lost",
        kills(),
        acknowledged.len()
    );
    // Only deliveries that were in flight at a kill may arrive twice.
    assert!(plain <= kills() * settings.delivery.in_flight_per_hook, "{plain} repeats");
    assert!(in_order <= kills() * PRODUCERS * UNRECORDED, "{in_order} repeats");
    assert_in_order(&receiver);
}

fn of_path<'a>(came: &'a [Came], path: &'a str) -> impl Iterator<Item = &'a Came> {
    came.iter().filter(move |came| came.path == path)
}

fn repeats(receiver: &Receiver, path: &str) -> usize {
    let came = receiver.came();
    let ids: HashSet<&str> = of_path(&came, path).map(|came| came.header("webhook-id")).collect();
    of_path(&came, path).count() - ids.len()
}

fn assert_in_order(receiver: &Receiver) {
    let mut of_key: HashMap<String, Vec<usize>> = HashMap::new();
    for came in of_path(&receiver.came(), IN_ORDER) {
        of_key
            .entry(came.member("customerIdentifier"))
            .or_default()
            .push(came.member("id").parse().unwrap());
    }
    assert_eq!(of_key.len(), PRODUCERS);
    for (key, numbers) in of_key {
        assert_kept(&key, &numbers, 1);
    }
}

struct Producer {
    number: usize,
    settings: Settings,
    token: String,
}

impl Producer {
    /// Emits one event after the other, each after the previous one was acknowledged.
    async fn produce(self, acknowledged: Arc<Mutex<Vec<String>>>, is_over: Arc<AtomicBool>) {
        let client = service_hooks::engine::delivery::client::plain_client().unwrap();
        let mut next = 0;
        while !is_over.load(Ordering::SeqCst) {
            let request = client
                .post(format!("http://{}/api/v1/events", self.settings.listen))
                .bearer_auth(&self.token);
            let answer = async {
                let answer = request.body(self.body(next)).send().await.ok()?;
                if answer.status() != 202 {
                    return None;
                }
                let accepted: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
                accepted["id"].as_str().map(str::to_owned)
            };
            match answer.await {
                Some(id) => {
                    acknowledged.lock().unwrap().push(id);
                    next += 1;
                }
                // The server is being killed or started. The request may have been accepted anyway.
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    fn body(&self, number: usize) -> String {
        let mut data: Value = serde_json::from_str(sample(EVENT)).unwrap();
        data["id"] = number.to_string().into();
        data["customerIdentifier"] = format!("producer {}", self.number).into();
        json!({"type": EVENT.key(), "data": data}).to_string()
    }
}

async fn make_hook(settings: &Settings, token: &str, more: Value) {
    let client = service_hooks::engine::delivery::client::plain_client().unwrap();
    let mut hook = json!({"name": "n", "event_type": EVENT.key(), "api_key": "k", "enabled": true});
    hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    eventually("the hook is made", async || {
        let request =
            client.post(format!("http://{}/api/v1/hooks", settings.listen)).bearer_auth(token);
        let answer = request.body(hook.to_string()).send().await.ok()?;
        (answer.status() == 201).then_some(())
    })
    .await;
}

/// Checks the balance once everything is settled, in the database itself, after the server was
/// stopped.
async fn assert_balanced(settings: &Settings, server: &mut Server) {
    let grant = Actor::portal().require(right::SystemRead).unwrap();
    server.kill();
    let store = Store::open(settings).await.unwrap();
    let balance = balance::read(&mut store.read().await.unwrap(), &grant).await.unwrap();
    assert!(balance.holds(), "{balance:?}");
    store.close().await;
}
