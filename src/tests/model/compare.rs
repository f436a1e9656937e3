//! After an operation: waits until nothing is in progress, and compares everything with the
//! reference.

use std::collections::{BTreeMap, HashMap};

use service_hooks::{
    domain::{
        delivery::{Delivery, State},
        permission::{Actor, right},
    },
    engine::store::{
        deliveries::{self, Filter},
        hooks,
    },
};
use tokio::time::timeout;

use super::world::World;
use crate::support::{PATIENCE, eventually};

/// The deliveries in the database, by event and hook.
type Found = HashMap<(String, String), Delivery>;

impl World {
    /// Waits until nothing is in progress and everything matches the reference. Open deliveries of
    /// the hook `cut` were interrupted.
    pub async fn settle(&mut self, cut: Option<usize>) {
        self.reference.play(cut);
        // Most of the time is over when the receiver has got its requests. If it does not get them,
        // the comparison reports it.
        let least = self.reference.least_attempts();
        let mut arrived = self.arrived.clone();
        drop(timeout(PATIENCE, arrived.wait_for(|arrived| *arrived >= least)).await);
        let mut found = self.at_rest().await;
        // When a receiver turns out to be gone, the hook's attempts in flight are still to be
        // recorded: the stop waits for them.
        if self.reference.is_gone_undecided() {
            self.restart().await;
            found = self.at_rest().await;
        }
        let mut wrong = Vec::new();
        assert_eq!(found.len(), self.reference.rows.len(), "deliveries");
        for row in 0..self.reference.rows.len() {
            let known = &self.reference.rows[row];
            let key = (known.event.clone(), self.reference.hooks[known.hook].id.clone());
            let delivery = found.get(&key).unwrap_or_else(|| panic!("{key:?} is not there"));
            self.ids.insert(row, delivery.id.to_string());
            wrong.extend(self.reference.adopt(row, (delivery.state, delivery.attempts)).err());
        }
        assert!(wrong.is_empty(), "{} diverge: {wrong:#?}", wrong.len());
        assert_eq!(self.reference.gone_unasked(), None);
        self.compare_hooks().await;
        self.compare_arrivals();
        self.compare_balance().await;
    }

    async fn at_rest(&self) -> Found {
        eventually("nothing is in progress", async || {
            // Counting is cheaper than reading everything.
            let balance = self.scene().app.balance().await;
            if balance.of(State::Pending) + balance.of(State::Waiting) > 0 {
                return None;
            }
            let found = self.read().await;
            self.is_at_rest(&found).then_some(found)
        })
        .await
    }

    async fn read(&self) -> Found {
        let grant = Actor::portal().require(right::DeliveriesRead).unwrap();
        let mut conn = self.scene().app.running.portal.store().read().await.unwrap();
        let all =
            deliveries::page(&mut conn, &grant, &Filter::default(), None, 1_000_000).await.unwrap();
        let keyed = |one: Delivery| ((one.event_id.to_string(), one.hook_id.to_string()), one);
        all.into_iter().map(keyed).collect()
    }

    /// Only deliveries of a hook that is off may be open, and those are held.
    fn is_at_rest(&self, found: &Found) -> bool {
        let off: Vec<&String> = self
            .reference
            .hooks
            .iter()
            .filter(|hook| !hook.is_on && !hook.is_deleted)
            .map(|hook| &hook.id)
            .collect();
        found.iter().all(|((_, hook), delivery)| match delivery.state {
            State::Held => off.contains(&hook),
            state => state.is_final(),
        })
    }

    async fn compare_hooks(&self) {
        let grant = Actor::portal().require(right::HooksRead).unwrap();
        let mut conn = self.scene().app.running.portal.store().read().await.unwrap();
        let found = hooks::all(&mut conn, &grant).await.unwrap();
        let found: BTreeMap<String, bool> =
            found.iter().map(|hook| (hook.id.to_string(), hook.enabled)).collect();
        let living = self.reference.hooks.iter().filter(|hook| !hook.is_deleted);
        assert_eq!(
            found,
            living.map(|hook| (hook.id.clone(), hook.is_on)).collect(),
            "hooks and whether they are on"
        );
    }

    /// Each receiver got its events, each as often as there are recorded attempts: no stop in this
    /// test was a crash.
    fn compare_arrivals(&self) {
        let arrivals = self.receiver.arrivals();
        let came: BTreeMap<_, _> =
            arrivals.into_iter().map(|(key, times)| (key, times.len() as u32)).collect();
        let sent = self.reference.rows.iter().filter(|row| row.attempts > 0);
        let path = |hook: usize| self.reference.hooks[hook].path.clone();
        let sent: BTreeMap<_, _> =
            sent.map(|row| ((path(row.hook), row.event.clone()), row.attempts)).collect();
        let wrong: Vec<_> =
            came.keys().chain(sent.keys()).filter(|key| came.get(*key) != sent.get(*key)).collect();
        assert!(wrong.is_empty(), "received and recorded attempts differ: {wrong:#?}");
    }

    async fn compare_balance(&self) {
        let balance = self.scene().app.balance().await;
        let rows = &self.reference.rows;
        assert!(balance.holds(), "{balance:?}");
        assert_eq!((balance.accepted, balance.pruned), (rows.len() as i64, 0));
        for state in State::ALL {
            let expected = rows.iter().filter(|row| row.state == *state).count();
            assert_eq!(balance.of(*state), expected as i64, "{}", state.key());
        }
    }
}
