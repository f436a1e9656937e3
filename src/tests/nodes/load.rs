//! Load generator for cluster tests, and a check that every acknowledged event was delivered.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use service_hooks::{
    domain::time::Timestamp,
    engine::{
        catalogue::sample,
        clock::{Clock, random_unit},
        delivery::client::plain_client,
    },
};
use tokio::task::JoinHandle;

use super::cluster::{Cluster, EVENT};
use crate::support::{eventually, receiver::Receiver};

const PRODUCERS: usize = 4;
/// Delay between two events of a producer.
const PACE: Duration = Duration::from_millis(25);
/// Minimum number of acknowledged events: with fewer, a result about losses and duplicates means
/// nothing.
const MIN_ACKNOWLEDGED: usize = 20;
/// Request timeout: a stopped server doesn't respond.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// An acknowledged event (202), and the time of its acknowledgement.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub id: String,
    pub at: Timestamp,
}

/// Running producers, each of which sends its events to random servers.
pub struct Load {
    pub acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    pub addresses: Arc<Mutex<Vec<SocketAddr>>>,
    is_over: Arc<AtomicBool>,
    producers: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(cluster: &Cluster) -> Self {
        let addresses = cluster.nodes.iter().map(|node| node.settings.listen).collect();
        let mut load = Self {
            acknowledged: Arc::default(),
            addresses: Arc::new(Mutex::new(addresses)),
            is_over: Arc::default(),
            producers: Vec::new(),
        };
        for _ in 0..PRODUCERS {
            let (acknowledged, addresses) = (load.acknowledged.clone(), load.addresses.clone());
            load.producers.push(tokio::spawn(produce(
                cluster.token.clone(),
                acknowledged,
                addresses,
                load.is_over.clone(),
            )));
        }
        load
    }

    /// Replaces the servers by those of the cluster.
    pub fn set_servers(&self, cluster: &Cluster) {
        *self.addresses.lock().unwrap() =
            cluster.nodes.iter().map(|node| node.settings.listen).collect();
    }

    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Waits until this many more events are acknowledged.
    pub async fn wait_for(&self, count: usize) {
        let until = self.acknowledged.lock().unwrap().len() + count;
        eventually("events are acknowledged", async || {
            (self.acknowledged.lock().unwrap().len() >= until).then_some(())
        })
        .await;
    }

    /// Stops the producers and returns all acknowledged events.
    pub async fn stop(self) -> Vec<Acknowledged> {
        self.is_over.store(true, Ordering::SeqCst);
        futures::future::join_all(self.producers).await;
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        assert!(
            acknowledged.len() >= MIN_ACKNOWLEDGED,
            "only {} events were acknowledged",
            acknowledged.len()
        );
        acknowledged
    }
}

async fn produce(
    token: String,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    is_over: Arc<AtomicBool>,
) {
    let client = plain_client().unwrap();
    let body = format!(r#"{{"type":"{}","data":{}}}"#, EVENT.key(), sample(EVENT));
    while !is_over.load(Ordering::SeqCst) {
        let address = {
            let addresses = addresses.lock().unwrap();
            addresses[(random_unit() * addresses.len() as f64) as usize]
        };
        let request = client
            .post(format!("http://{address}/api/v1/events"))
            .bearer_auth(&token)
            .timeout(REQUEST_TIMEOUT);
        let answer = async {
            let answer = request.body(body.clone()).send().await.ok()?;
            let is_accepted = answer.status() == 202;
            let accepted: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
            accepted["id"].as_str().filter(|_| is_accepted).map(str::to_owned)
        };
        if let Some(id) = answer.await {
            acknowledged.lock().unwrap().push(Acknowledged { id, at: Clock::System.now() });
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Delivery statistics of the acknowledged events.
pub struct Tally {
    /// Duplicate deliveries: requests beyond the first of an event at a path.
    pub duplicates: usize,
    /// From acknowledgement to first arrival, in milliseconds, sorted.
    pub latencies: Vec<i64>,
}

impl Tally {
    pub fn percentile(&self, percent: usize) -> i64 {
        self.latencies[(self.latencies.len() - 1) * percent / 100]
    }
}

/// Waits until every path has received every acknowledged event.
pub async fn all_arrived(
    receiver: &Receiver,
    paths: &HashMap<uuid::Uuid, String>,
    acknowledged: &[Acknowledged],
) -> Tally {
    let missing = || {
        let arrivals = receiver.arrivals();
        let has = |event: &Acknowledged, path: &String| {
            arrivals.contains_key(&(path.clone(), event.id.clone()))
        };
        acknowledged
            .iter()
            .map(|event| paths.values().filter(|path| !has(event, path)).count())
            .sum::<usize>()
    };
    let waited = tokio::time::timeout(crate::support::PATIENCE, async {
        while missing() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(
        waited.await.is_ok(),
        "{} of {} deliveries are lost",
        missing(),
        acknowledged.len() * paths.len()
    );
    let arrivals = receiver.arrivals();
    let latency = |event: &Acknowledged, path: &String| {
        arrivals[&(path.clone(), event.id.clone())][0].0 - event.at.0
    };
    let mut latencies: Vec<i64> = acknowledged
        .iter()
        .flat_map(|event| paths.values().map(move |path| latency(event, path).max(0)))
        .collect();
    latencies.sort_unstable();
    Tally { duplicates: arrivals.values().map(|requests| requests.len() - 1).sum(), latencies }
}
