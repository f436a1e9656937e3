//! Random operations on both the portal and the reference. Each ends with the comparison.

use serde_json::{Value, json};
use service_hooks::domain::event::EventType;

use super::{
    reference::Manner,
    world::{Keyed, OTHER, World, ids},
};
use crate::{engine::scene::EVENT, support::eventually};

/// Only the hooks of [`World::many`] subscribe to it.
const MANY: EventType = EventType::OutboundCallInitiated;
/// More than one step moves (`queue::STEP`).
const MORE_THAN_A_STEP: usize = 260;
/// Maximum number of other hooks.
const HOOKS: usize = 6;

impl World {
    pub async fn operate(&mut self) {
        match self.rng.below(30) {
            0..5 => self.emit_some(1).await,
            5..11 => self.emit_some(8).await,
            11..14 => self.emit_with_a_key().await,
            14..18 => self.slide_one().await,
            18..20 => self.create().await,
            20 => self.delete_one().await,
            21..25 => self.redeliver().await,
            25..27 => self.recover_one().await,
            27 => self.flip_in_the_middle().await,
            28 => self.restart_in_the_middle().await,
            _ => self.cut_short().await,
        }
    }

    fn one_of(&mut self, hooks: &[usize]) -> Option<usize> {
        (!hooks.is_empty()).then(|| hooks[self.rng.below(hooks.len())])
    }

    fn living_one(&mut self) -> Option<usize> {
        let living = self.reference.living();
        self.one_of(&living)
    }

    fn event_type(&mut self) -> EventType {
        if self.rng.once_in(4) { OTHER } else { EVENT }
    }

    /// At least one; fewer where each failure takes long.
    fn few(&mut self, most: usize) -> usize {
        1 + self.rng.below(if self.is_touchy { most.min(3) } else { most })
    }

    async fn emit_some(&mut self, most: usize) {
        let (event, count) = (self.event_type(), self.few(most));
        self.emit(event, count).await;
        self.settle(None).await;
    }

    /// The same request twice at once, or once more later; or another request with its key.
    async fn emit_with_a_key(&mut self) {
        if !self.keyed.is_empty() && self.rng.once_in(2) {
            let place = self.rng.below(self.keyed.len());
            self.note(format!("emit again with key {place}"));
            let Keyed { key, body, answer } = &self.keyed[place];
            assert_eq!(
                self.post_keyed(key, body).await,
                (202, answer.clone()),
                "the first response again"
            );
            let other = json!({"type": OTHER.key(), "data": {}, "more": 1});
            let (status, refused) = self.post_keyed(key, &other).await;
            assert!((400..500).contains(&status), "{status} {refused}");
        } else {
            let (event, count, key) =
                (self.event_type(), self.few(3), format!("key {}", self.keyed.len()));
            self.note(format!("emit {count} of {} twice at once with {key}", event.key()));
            let body = self.events(event, count);
            let ((status, answer), second) =
                tokio::join!(self.post_keyed(&key, &body), self.post_keyed(&key, &body));
            assert_eq!((status, &answer), (202, &second.1));
            self.reference.accept(event, &ids(&answer));
            self.keyed.push(Keyed { key, body, answer });
        }
        self.settle(None).await;
    }

    async fn post_keyed(&self, key: &str, body: &Value) -> (u16, Value) {
        let scene = self.scene();
        let request = scene.app.request("POST", "/api/v1/events").bearer_auth(&scene.token);
        let request =
            request.header("idempotency-key", key).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    async fn slide_one(&mut self) {
        let living = self.reference.living();
        let off: Vec<usize> =
            living.iter().copied().filter(|hook| !self.reference.hooks[*hook].is_on).collect();
        // Turn on more often than off: otherwise there would soon be little to do.
        let hooks = if off.is_empty() || self.rng.once_in(4) { living } else { off };
        let Some(hook) = self.one_of(&hooks) else { return };
        let is_on = self.reference.hooks[hook].is_on;
        self.slide(hook, !is_on).await;
        self.settle(None).await;
    }

    pub async fn create(&mut self) {
        if self.reference.living().len() >= HOOKS {
            return self.delete_one().await;
        }
        let manner = match self.rng.below(8) {
            0..2 => Manner::Well,
            2..4 => Manner::Fails,
            4 => Manner::Gone,
            // More failures than attempts: the second round succeeds.
            _ => Manner::FailsFirst(self.rng.between(1, 5) as u32),
        };
        let (event, is_on) = (self.event_type(), !self.rng.once_in(8));
        self.make(manner, event, is_on).await;
        self.settle(None).await;
    }

    async fn delete_one(&mut self) {
        let Some(hook) = self.living_one() else { return };
        self.delete(hook).await;
        self.settle(None).await;
    }

    /// Redelivers any delivery; if that is not allowed, the request is rejected.
    async fn redeliver(&mut self) {
        if self.reference.rows.is_empty() {
            return;
        }
        let row = self.rng.below(self.reference.rows.len());
        let (state, hook) =
            (self.reference.rows[row].state, &self.reference.hooks[self.reference.rows[row].hook]);
        let expected = match (state.is_final(), hook.is_deleted) {
            (false, _) => 422,
            (true, true) => 404,
            (true, false) => 202,
        };
        let path = format!("/deliveries/{}/redeliver", self.ids[&row]);
        self.note(format!(
            "redeliver {} {}: {expected}",
            hook.path, self.reference.rows[row].event
        ));
        let (status, answer) = self.scene().ask("POST", &path, json!({})).await;
        assert_eq!(status, expected, "{answer}");
        if status == 202 {
            self.reference.again(row);
        }
        self.settle(None).await;
    }

    async fn recover_one(&mut self) {
        let Some(hook) = self.living_one() else { return };
        if self.is_touchy && self.reference.missed(hook).len() > 5 {
            return self.slide_one().await;
        }
        let restarts = self.rng.once_in(3);
        self.recover(hook, restarts).await;
    }

    /// Redelivers all missed events of a hook by a job, which may be interrupted.
    async fn recover(&mut self, hook: usize, restarts: bool) {
        let missed = self.reference.missed(hook);
        self.note(format!("recover {} of {}", missed.len(), self.reference.hooks[hook].path));
        let body = json!({"since": "2020-01-01T00:00:00Z", "per_second": 1000});
        let (status, job) = self.ask("POST", hook, "/recover", body).await;
        assert_eq!(status, 202, "{job}");
        if restarts {
            self.restart().await;
        }
        let path = format!("/jobs/{}", job["id"].as_str().unwrap());
        let job = eventually("the job is done", async || {
            let job = self.scene().get(&path).await;
            (job["state"] == "done").then_some(job)
        })
        .await;
        let count = missed.len();
        assert_eq!(
            (&job["total"], &job["done"], &job["skipped"]),
            (&count.into(), &count.into(), &0.into())
        );
        for row in missed {
            self.reference.again(row);
        }
        self.settle(None).await;
    }

    /// Graceful restart with deliveries in flight: nothing is lost and nothing is sent twice.
    async fn restart_in_the_middle(&mut self) {
        let count = self.few(8);
        self.emit(EVENT, count).await;
        self.restart().await;
        self.settle(None).await;
    }

    /// Off and on with deliveries in flight. (When a receiver is gone, the hook keeps the last
    /// state that its owner set.)
    async fn flip_in_the_middle(&mut self) {
        let count = self.few(8);
        let is_fit = |hook: &usize| {
            self.reference.hooks[*hook].is_on && self.reference.hooks[*hook].manner != Manner::Gone
        };
        let fit: Vec<usize> = self.reference.living().into_iter().filter(is_fit).collect();
        let Some(hook) = self.one_of(&fit) else { return };
        self.emit(self.reference.hooks[hook].event, count).await;
        self.slide(hook, false).await;
        self.slide(hook, true).await;
        self.settle(None).await;
    }

    /// Off or deleted with deliveries in flight; the restart waits for attempts.
    async fn cut_short(&mut self) {
        let (count, is_deleted) = (self.few(8), self.rng.once_in(3));
        let on: Vec<usize> = self
            .reference
            .living()
            .into_iter()
            .filter(|hook| self.reference.hooks[*hook].is_on)
            .collect();
        let Some(hook) = self.one_of(&on) else { return };
        self.emit(self.reference.hooks[hook].event, count).await;
        if is_deleted {
            self.delete(hook).await;
        } else {
            self.slide(hook, false).await;
        }
        self.restart().await;
        self.settle(Some(hook)).await;
    }

    /// A hook with more skipped and then more held deliveries than one step moves, until it is
    /// deleted.
    pub async fn many(&mut self) {
        let manner = if self.is_touchy || !self.rng.once_in(3) {
            Manner::Well
        } else {
            Manner::FailsFirst(1)
        };
        let hook = self.make(manner, MANY, false).await;
        self.emit(MANY, MORE_THAN_A_STEP).await;
        self.settle(None).await;
        self.recover(hook, false).await;
        if !self.rng.once_in(3) {
            self.slide(hook, true).await;
            if self.rng.once_in(2) {
                self.settle(None).await;
            } else {
                self.slide(hook, false).await;
                self.restart().await;
                self.settle(Some(hook)).await;
            }
        }
        self.delete(hook).await;
        self.settle(None).await;
    }
}
