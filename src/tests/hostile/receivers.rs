//! Hostile receivers beside healthy ones, at a server with few descriptors: the healthy ones get
//! everything exactly once in the meantime, and no delivery is recorded as delivered without a
//! response.

use std::{collections::HashMap, time::Duration};

use service_hooks::{
    domain::{
        delivery::{Delivery, State},
        id::HookId,
        permission::{Actor, right},
        time::Timestamp,
    },
    engine::{
        clock::Clock,
        store::{
            Store, balance,
            deliveries::{self, Filter},
            health,
        },
    },
};

use super::{
    Scene,
    neighbours::{Kind, Neighbour},
};
use crate::support::{db::TestDb, eventually, on_both, receiver::Receiver};

on_both!(hostile_receivers_do_not_affect_other_hooks);

/// Hooks of one kind: together they could have more attempts in flight than the server has permits.
const HOSTILE: usize = 8;
const HEALTHY: usize = 2;
/// Requests of hostile hooks before the second half of the events begins.
const REACHED: usize = 3 * HOSTILE;
/// Events before and after that.
const EVENTS: usize = 10;
/// The expected worst duration of a hundred deliveries beside them, on a quiet machine. Printed for
/// information only.
const BAR: Duration = Duration::from_millis(50);

/// Queries to the database beside the server.
struct Records {
    store: Store,
}

impl Records {
    async fn open(scene: &Scene) -> Self {
        Self { store: Store::open(&scene.settings).await.unwrap() }
    }

    async fn of(&self, hook: HookId) -> Vec<Delivery> {
        let mut conn = self.store.read().await.unwrap();
        let filter = Filter { hook: Some(hook), ..Filter::default() };
        let grant = Actor::portal().require(right::DeliveriesRead).unwrap();
        deliveries::page(&mut conn, &grant, &filter, None, 10_000).await.unwrap()
    }

    /// Is the hook healthy? Other hooks must not delay it.
    async fn is_healthy(&self, hook: HookId) -> bool {
        let grant = Actor::portal().require(right::HooksRead).unwrap();
        let all = health::all(&mut self.store.read().await.unwrap(), &grant).await.unwrap();
        all.get(&hook).is_none_or(|health| health.failures == 0 && health.paused.is_none())
    }

    async fn assert_balanced(&self) {
        let grant = Actor::portal().require(right::SystemRead).unwrap();
        let balance = balance::read(&mut self.store.read().await.unwrap(), &grant).await.unwrap();
        assert!(balance.holds(), "{balance:?}");
    }
}

async fn hostile_receivers_do_not_affect_other_hooks(db: TestDb) {
    let scene = Scene::start_with(db, &[("SERVICE_HOOKS_DELIVERY__TIMEOUT", "1s")]).await;
    let records = Records::open(&scene).await;
    let receiver = Receiver::start().await;
    let mut healthy = Vec::new();
    for number in 0..HEALTHY {
        healthy.push(scene.hook(&receiver.url(&format!("/{number}"))).await);
    }
    let mut emitted = HashMap::new();
    for _ in 0..EVENTS {
        emit(&scene, &mut emitted).await;
    }
    receiver.wait_for(HEALTHY * emitted.len()).await;
    eprintln!("alone: {:?} of 100", worst(&receiver, &emitted));
    for kind in Kind::ALL {
        let neighbour = Neighbour::start(kind).await;
        let mut hostile = Vec::new();
        for number in 0..HOSTILE {
            hostile.push(scene.hook(&format!("http://{}/{number}", neighbour.address)).await);
        }
        let before = emitted.len();
        for _ in 0..EVENTS {
            emit(&scene, &mut emitted).await;
        }
        let is_busy = async || (neighbour.requests() >= REACHED).then_some(());
        eventually("the hostile receivers got requests", is_busy).await;
        for _ in 0..EVENTS {
            emit(&scene, &mut emitted).await;
        }
        // Regardless of how many of the others are in flight.
        receiver.wait_for(HEALTHY * emitted.len()).await;
        let these = emitted.iter().filter(|(_, (number, _))| *number >= before);
        let these = these.map(|(id, when)| (id.clone(), *when)).collect();
        eprintln!(
            "beside receivers of kind {kind:?}: {:?} of 100; at most {BAR:?} when quiet",
            worst(&receiver, &these)
        );
        if kind == Kind::Reset {
            let all = async || (neighbour.requests() >= Kind::ALL_RESETS).then_some(());
            eventually("it was reset after each byte", all).await;
        }
        for hook in &hostile {
            scene.delete(*hook).await;
        }
        assert_answered(&records, kind, &neighbour, &hostile).await;
    }
    assert_all_delivered_once(&records, &receiver, &healthy, emitted.len()).await;
    records.assert_balanced().await;
    records.store.close().await;
}

/// Emits an event and notes its number and its start.
async fn emit(scene: &Scene, emitted: &mut HashMap<String, (usize, Timestamp)>) {
    let (number, at) = (emitted.len(), Clock::System.now());
    emitted.insert(scene.emit().await, (number, at));
}

/// The longest of a hundred deliveries of these events, from before the emit until its arrival at
/// the receiver.
fn worst(receiver: &Receiver, emitted: &HashMap<String, (usize, Timestamp)>) -> Duration {
    let came = receiver.came();
    let took = |came: &crate::support::receiver::Came| {
        emitted.get(came.header("webhook-id")).map(|(_, begun)| begun.until(came.at))
    };
    let mut all: Vec<Duration> = came.iter().filter_map(took).collect();
    all.sort_unstable();
    all[(all.len() * 99).div_ceil(100) - 1]
}

/// Once nothing is in flight: not more deliveries are recorded as delivered than were answered, and
/// every event is accounted for.
async fn assert_answered(records: &Records, kind: Kind, neighbour: &Neighbour, hooks: &[HookId]) {
    let settled = eventually("no attempt is in flight", async || {
        let mut all = Vec::new();
        for hook in hooks {
            all.extend(records.of(*hook).await);
        }
        all.iter().all(|delivery| delivery.state.is_final()).then_some(all)
    })
    .await;
    assert_eq!(settled.len(), HOSTILE * 2 * EVENTS, "{kind:?}: every event is accounted for");
    let delivered = settled.iter().filter(|delivery| delivery.state == State::Delivered).count();
    let (answered, requests) = (neighbour.answered(), neighbour.requests());
    eprintln!("    {requests} requests, {answered} answers, {delivered} delivered");
    assert!(
        delivered <= answered,
        "{kind:?}: {delivered} recorded as delivered, but {answered} answered"
    );
}

/// Each healthy hook received each event once, and it is recorded.
async fn assert_all_delivered_once(
    records: &Records,
    receiver: &Receiver,
    hooks: &[HookId],
    events: usize,
) {
    for hook in hooks {
        let all = eventually("they are recorded", async || {
            let all = records.of(*hook).await;
            all.iter().all(|delivery| delivery.state == State::Delivered).then_some(all)
        })
        .await;
        assert!(
            all.len() == events && all.iter().all(|delivery| delivery.attempts == 1),
            "{} of {events}",
            all.len()
        );
        assert!(records.is_healthy(*hook).await);
    }
    let arrivals = receiver.arrivals();
    assert!(
        arrivals.len() == hooks.len() * events && arrivals.values().all(|times| times.len() == 1)
    );
}
