//! A portal, the receiver of all its hooks and the reference, and operations that apply to both
//! sides.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use serde_json::{Value, json};
use service_hooks::{domain::event::EventType, engine::catalogue::sample};
use tokio::sync::watch;

use super::reference::{Hook, Manner, Reference};
use crate::{
    engine::scene::{EVENT, Scene, body},
    simulation::rng::Rng,
    support::{
        db::TestDb,
        receiver::{Came, Receiver, Reply},
    },
};

/// The event types of most hooks: [`EVENT`], whose bodies have a member to order by, and this one.
pub const OTHER: EventType = EventType::ConversationAbandoned;

/// An accepted request with an idempotency key.
pub struct Keyed {
    pub key: String,
    pub body: Value,
    pub answer: Value,
}

/// The portal, its receiver and the reference.
pub struct World {
    seed: u64,
    pub rng: Rng,
    scene: Option<Scene>,
    pub receiver: Receiver,
    /// The number of requests that arrived.
    pub arrived: watch::Receiver<u32>,
    pub reference: Reference,
    /// The deliveries' ids, by their index in the reference.
    pub ids: HashMap<usize, String>,
    pub keyed: Vec<Keyed>,
    /// Hooks are paused after a few failures.
    pub is_touchy: bool,
    done: Vec<String>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let done = self.done.join("\n  ");
            eprintln!(
                "repeat it with SERVICE_HOOKS_TEST_MODEL_SEED={}; operations:\n  {done}",
                self.seed
            );
        }
    }
}

impl World {
    pub async fn start(seed: u64, rng: Rng, db: TestDb) -> Self {
        let is_touchy = seed.is_multiple_of(3);
        let scene = Scene::start(db, |settings| {
            let delivery = &mut settings.delivery;
            delivery.retry_schedule = [20, 30].map(Duration::from_millis).to_vec();
            delivery.drain_per_second = 5000;
            delivery.pause_after = if is_touchy { 3 } else { 1_000_000 };
            delivery.first_probe = Duration::from_millis(50);
            delivery.longest_probe = Duration::from_millis(50);
        })
        .await;
        let (count, arrived) = watch::channel(0);
        let receiver = Receiver::ruled(rule(count)).await;
        let mut world = Self {
            seed,
            rng,
            scene: Some(scene),
            receiver,
            arrived,
            reference: Reference::default(),
            ids: HashMap::new(),
            keyed: Vec::new(),
            is_touchy,
            done: Vec::new(),
        };
        for manner in [Manner::Well, Manner::Fails, Manner::FailsFirst(2)] {
            world.make(manner, EVENT, true).await;
        }
        world
    }

    pub fn scene(&self) -> &Scene {
        self.scene.as_ref().unwrap()
    }

    pub fn note(&mut self, what: String) {
        self.done.push(what);
    }

    pub async fn restart(&mut self) {
        self.note("restart".to_owned());
        self.scene = Some(self.scene.take().unwrap().restart().await);
    }

    /// Creates a hook with this behaviour and returns its index.
    pub async fn make(&mut self, manner: Manner, event: EventType, is_on: bool) -> usize {
        // Where hooks are paused, a receiver that always fails is held and probed for longer than a
        // test could wait: probes do not use up the schedule.
        let manner = match manner {
            Manner::Fails | Manner::FailsFirst(3..) if self.is_touchy => Manner::FailsFirst(2),
            manner => manner,
        };
        let place = self.reference.hooks.len();
        let path = format!("/{}/{place}", manner.word());
        let mut own = json!({"name": path, "event_type": event.key(), "enabled": is_on,
                             "callback_url": self.receiver.url(&path)});
        if event == EVENT && self.rng.once_in(3) {
            own["order_by"] = "customerIdentifier".into();
        }
        self.note(format!("make {path}: {own}"));
        let id = self.scene().hook(&self.receiver, own).await.id;
        self.reference.hooks.push(Hook { id, path, manner, event, is_on, is_deleted: false });
        place
    }

    pub async fn slide(&mut self, hook: usize, is_on: bool) {
        self.note(format!("slide {}: {is_on}", self.reference.hooks[hook].path));
        let (status, answer) = self.ask("PATCH", hook, "", json!({"enabled": is_on})).await;
        assert_eq!(status, 200, "{answer}");
        self.reference.slide(hook, is_on);
    }

    pub async fn delete(&mut self, hook: usize) {
        self.note(format!("delete {}", self.reference.hooks[hook].path));
        let (status, answer) = self.ask("DELETE", hook, "", Value::Null).await;
        assert_eq!(status, 204, "{answer}");
        self.reference.delete(hook);
    }

    pub async fn ask(&self, method: &str, hook: usize, below: &str, body: Value) -> (u16, Value) {
        let path = format!("/hooks/{}{below}", self.reference.hooks[hook].id);
        self.scene().ask(method, &path, body).await
    }

    /// A request with this many events, with few keys if it is small.
    pub fn events(&mut self, event: EventType, count: usize) -> Value {
        let mut data = |number: usize| match event {
            EVENT => {
                let key = self.rng.below(if count < 20 { 3 } else { 1000 });
                body(&number.to_string(), &key.to_string())
            }
            other => serde_json::from_str(sample(other)).unwrap(),
        };
        (0..count).map(|number| json!({"type": event.key(), "data": data(number)})).collect()
    }

    /// Emits this many events of a type, without waiting for the result.
    pub async fn emit(&mut self, event: EventType, count: usize) {
        self.note(format!("emit {count} of {}", event.key()));
        let mut body = self.events(event, count);
        if count == 1 {
            body = body[0].take();
        }
        let (status, answer) = self.scene().ask("POST", "/events", body).await;
        assert_eq!(status, 202, "{answer}");
        self.reference.accept(event, &ids(&answer));
    }
}

/// The ids of the events that a response acknowledges.
pub fn ids(answer: &Value) -> Vec<String> {
    let one = std::slice::from_ref(answer);
    let all = answer.as_array().map_or(one, Vec::as_slice);
    all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Responds according to the path and the number of requests for the event at that path.
fn rule(arrived: watch::Sender<u32>) -> impl Fn(&Came) -> Reply + Send + Sync + 'static {
    let counts = Mutex::new(HashMap::<(String, String), u32>::new());
    move |came| {
        let mut counts = counts.lock().unwrap();
        let count =
            counts.entry((came.path.clone(), came.header("webhook-id").to_owned())).or_default();
        *count += 1;
        arrived.send_modify(|arrived| *arrived += 1);
        Reply::status(Manner::of_path(&came.path).status(*count))
    }
}
