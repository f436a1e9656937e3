//! `kill -9` at random moments under load. What was acknowledged arrives, with the id that its 202 named.
//!
//! `SERVICE_HOOKS_TEST_KILLS` makes it longer (20 unless set).

use std::{
    collections::HashSet,
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
        permission::{Actor, Permission},
    },
    engine::{
        catalogue::sample,
        clock::random_share,
        config::Settings,
        store::{Store, balance},
    },
};

use crate::support::{
    binary::{Server, succeed},
    db::TestDb,
    eventually, on_both,
    receiver::Receiver,
};

on_both!(nothing_acknowledged_is_lost);

const EVENT: EventType = EventType::WorkItemClosed;
/// Producers that emit at the same time, each waiting for its answer.
const PRODUCERS: usize = 8;
/// Events acknowledged by a server before it is killed.
const LEAST: usize = 5;

fn kills() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the long mode is asked for by hand")]
    std::env::var("SERVICE_HOOKS_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

async fn nothing_acknowledged_is_lost(db: TestDb) {
    let mut settings = db.settings();
    settings.listen = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let arguments = ["token", "create", "--name", "t", "--permission", "events:emit", "hooks:write", "deliveries:read"];
    let token = succeed(&settings, &arguments, "");
    let receiver = Receiver::start().await;
    let mut server = Server::start(&settings);
    make_hook(&settings, &token, &receiver).await;

    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| tokio::spawn(produce(settings.clone(), token.clone(), acknowledged.clone(), is_over.clone())))
        .collect();
    let more = async |count: usize| {
        let until = acknowledged.lock().unwrap().len() + count;
        eventually("events are acknowledged", async || (acknowledged.lock().unwrap().len() >= until).then_some(()))
            .await;
    };
    for kill in 0..kills() {
        // Most are killed while they work, however long it takes them to begin; every fourth while it starts.
        if kill % 4 != 3 {
            more(LEAST).await;
        }
        tokio::time::sleep(Duration::from_millis((random_share() * 300.0) as u64)).await;
        server.kill();
        server = Server::start(&settings);
    }
    more(LEAST).await;
    is_over.store(true, Ordering::SeqCst);
    futures::future::join_all(producers).await;

    let acknowledged = acknowledged.lock().unwrap().clone();
    let missing = async || {
        let came = receiver.came();
        let arrived: HashSet<&str> = came.iter().map(|came| came.header("webhook-id")).collect();
        acknowledged.iter().filter(|id| !arrived.contains(id.as_str())).count()
    };
    eventually("every acknowledged event arrived", async || (missing().await == 0).then_some(())).await;
    assert_balanced(&settings, &mut server).await;
    let repeats = receiver.came().len()
        - receiver.came().iter().map(|came| came.header("webhook-id")).collect::<HashSet<_>>().len();
    eprintln!("{} kills, {} acknowledged, {repeats} repeated, 0 lost", kills(), acknowledged.len());
    // What was in flight at a kill may come twice, and nothing else.
    assert!(repeats <= kills() * settings.delivery.in_flight_per_hook, "{repeats} repeats");
}

async fn produce(settings: Settings, token: String, acknowledged: Arc<Mutex<Vec<String>>>, is_over: Arc<AtomicBool>) {
    let client = service_hooks::engine::delivery::client::plain_client().unwrap();
    let body = format!(r#"{{"type":"{}","data":{}}}"#, EVENT.key(), sample(EVENT));
    while !is_over.load(Ordering::SeqCst) {
        let request = client.post(format!("http://{}/api/v1/events", settings.listen)).bearer_auth(&token);
        let answer = async {
            let answer = request.body(body.clone()).send().await.ok()?;
            if answer.status() != 202 {
                return None;
            }
            let accepted: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
            accepted["id"].as_str().map(str::to_owned)
        };
        match answer.await {
            Some(id) => acknowledged.lock().unwrap().push(id),
            // The server is being killed or started.
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn make_hook(settings: &Settings, token: &str, receiver: &Receiver) {
    let client = service_hooks::engine::delivery::client::plain_client().unwrap();
    let hook = json!({"name": "n", "event_type": EVENT.key(), "callback_url": receiver.url("/in"), "api_key": "k", "enabled": true});
    eventually("the hook is made", async || {
        let request = client.post(format!("http://{}/api/v1/hooks", settings.listen)).bearer_auth(token);
        let answer = request.body(hook.to_string()).send().await.ok()?;
        (answer.status() == 201).then_some(())
    })
    .await;
}

/// Once everything is settled the books balance; read from the database itself, with the server gone.
async fn assert_balanced(settings: &Settings, server: &mut Server) {
    let grant = Actor::portal().require(Permission::SystemRead).unwrap();
    server.kill();
    let store = Store::open(settings).await.unwrap();
    let balance = balance::read(&mut store.read().await.unwrap(), &grant).await.unwrap();
    assert!(balance.holds(), "{balance:?}");
    store.close().await;
}
