//! A hook with ordered deliveries on several servers, one of which is killed: every key stays in
//! order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use service_hooks::engine::catalogue::sample;

use super::cluster::{Cluster, EVENT};
use crate::support::{
    db::TestDb,
    order::assert_kept,
    receiver::{Came, Receiver, Reply},
    within,
};

const KEYS: usize = 5;
const EACH: usize = 120;
/// Maximum unrecorded deliveries of a key (README).
const UNRECORDED: usize = 33;

/// Numbers of received events, by key.
type Book = Arc<Mutex<HashMap<String, Vec<usize>>>>;

async fn keeping() -> (Receiver, Book) {
    let book = Book::default();
    let kept = book.clone();
    let receiver = Receiver::ruled(move |came: &Came| {
        let number = came.member("id").parse().unwrap();
        kept.lock().unwrap().entry(came.member("customerIdentifier")).or_default().push(number);
        Reply { after: Duration::from_millis(2), ..Reply::status(200) }
    });
    (receiver.await, book)
}

/// Emits one event after the other, those of a key through one server: each is accepted after the
/// previous one. (Between servers the order is that of their clocks, which differ by milliseconds.)
async fn emit(cluster: &Cluster, number: usize) {
    let mut data: Value = serde_json::from_str(sample(EVENT)).unwrap();
    data["id"] = number.to_string().into();
    data["customerIdentifier"] = format!("key {}", number % KEYS).into();
    let body = json!({"type": EVENT.key(), "data": data});
    within(60, "an event is accepted", async || {
        let (status, _) =
            cluster.api(number % KEYS % cluster.nodes.len(), "POST", "/events", body.clone()).await;
        (status == 202).then_some(())
    })
    .await;
}

fn is_complete(book: &Book, count: usize) -> bool {
    let book = book.lock().unwrap();
    (0..count).all(|number| {
        book.get(&format!("key {}", number % KEYS)).is_some_and(|came| came.contains(&number))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_keeps_its_order_on_several_servers_and_when_one_is_killed() {
    let mut cluster = Cluster::start(TestDb::postgres().await, 2).await;
    let (receiver, book) = keeping().await;
    let hook = cluster.hook(&receiver, "/in", json!({"order_by": "customerIdentifier"})).await;
    within(30, "the lane has an owner", async || {
        cluster.owners().await.contains_key(&hook).then_some(())
    })
    .await;
    let count = KEYS * EACH;
    for number in 0..count {
        if number == count / 2 {
            let owner = cluster.owners().await.get(&hook).copied();
            let position =
                cluster.nodes.iter().position(|node| Some(node.id) == owner).unwrap_or(0);
            cluster.nodes.swap_remove(position).server.kill();
        }
        emit(&cluster, number).await;
    }
    within(120, "everything has arrived", async || is_complete(&book, count).then_some(())).await;
    cluster.assert_balanced().await;
    for (key, came) in book.lock().unwrap().iter() {
        // Deliveries that were not recorded at the kill are repeated, in order.
        assert_kept(key, came, KEYS);
        assert!(came.len() <= EACH + UNRECORDED, "{key}: {came:?}");
    }
}
