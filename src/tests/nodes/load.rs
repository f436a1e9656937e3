//! Producers that emit through any server that answers, and the comparison of what they were
//! promised with what came.

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
/// Between two events of a producer: the servers are to be busy, not drowned.
const PACE: Duration = Duration::from_millis(25);
/// What a test has to ask for (`more`) before what it says of lost and repeated events means
/// anything.
const LEAST: usize = 20;
/// A server that is stopped does not answer; its callers turn to another.
const PATIENCE: Duration = Duration::from_secs(3);

/// An event that was answered with 202, and when.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub id: String,
    pub at: Timestamp,
}

/// See the module.
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

    /// The servers as they are now.
    pub fn turn_to(&self, cluster: &Cluster) {
        *self.addresses.lock().unwrap() =
            cluster.nodes.iter().map(|node| node.settings.listen).collect();
    }

    pub fn so_far(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// Waits until this many more are acknowledged.
    pub async fn more(&self, count: usize) {
        let until = self.acknowledged.lock().unwrap().len() + count;
        eventually("events are acknowledged", async || {
            (self.acknowledged.lock().unwrap().len() >= until).then_some(())
        })
        .await;
    }

    /// No more; what was acknowledged altogether.
    pub async fn stop(self) -> Vec<Acknowledged> {
        self.is_over.store(true, Ordering::SeqCst);
        futures::future::join_all(self.producers).await;
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        assert!(
            acknowledged.len() >= LEAST,
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
            .timeout(PATIENCE);
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

/// What came of what was acknowledged.
pub struct Tally {
    /// Requests beyond the first of an event to a path.
    pub repeats: usize,
    /// From acknowledgement to first arrival, in milliseconds, sorted.
    pub waits: Vec<i64>,
}

impl Tally {
    pub fn percentile(&self, percent: usize) -> i64 {
        self.waits[(self.waits.len() - 1) * percent / 100]
    }
}

/// Waits until every acknowledged event has come to every path: none may be lost.
pub async fn all_arrived(
    receiver: &Receiver,
    paths: &HashMap<uuid::Uuid, String>,
    acked: &[Acknowledged],
) -> Tally {
    let missing = || {
        let arrivals = receiver.arrivals();
        let has = |event: &Acknowledged, path: &String| {
            arrivals.contains_key(&(path.clone(), event.id.clone()))
        };
        acked
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
        acked.len() * paths.len()
    );
    let arrivals = receiver.arrivals();
    let wait = |event: &Acknowledged, path: &String| {
        arrivals[&(path.clone(), event.id.clone())][0].0 - event.at.0
    };
    let mut waits: Vec<i64> = acked
        .iter()
        .flat_map(|event| paths.values().map(move |path| wait(event, path).max(0)))
        .collect();
    waits.sort_unstable();
    Tally { repeats: arrivals.values().map(|came| came.len() - 1).sum(), waits }
}
