//! The recorded workload: a portal on a recorded disk, concurrent producers, receivers that
//! sometimes fail, frequent checkpoints, and a restart in the middle.

use std::sync::Arc;

use service_hooks::{
    domain::event::EventType,
    engine::{
        Dispatcher,
        catalogue::sample,
        config::Settings,
        dispatcher::{Accepted, Emit, EmitError},
        store::Error,
    },
};

use super::{
    tape::{Entry, Tape},
    vfs,
};
use crate::support::{
    app::TestApp,
    db::{self, TestDb},
    receiver::{Receiver, Reply},
};

pub const EVENT: EventType = EventType::WorkItemClosed;
/// Hooks of the event type: two on, one off.
pub const HOOKS: i64 = 3;
const PRODUCERS: usize = 6;
const EVENTS_EACH: usize = 20;
/// Checkpoints every few commits, so that cuts hit them.
const CHECKPOINT: &str = "PRAGMA wal_autocheckpoint = 64";

/// A portal whose disk is recorded.
pub struct Recorded {
    pub app: TestApp,
    pub tape: &'static Tape,
    pub settings: Settings,
    pub receiver: Receiver,
    pub token: String,
}

impl Recorded {
    /// With three hooks.
    pub async fn start(tape: Tape) -> Self {
        Self::start_with(tape, |settings| settings.limits.reserve_bytes = 0).await
    }

    /// The same, with changed settings.
    pub async fn start_with(tape: Tape, change: impl FnOnce(&mut Settings)) -> Self {
        let (vfs, tape) = vfs::register(tape);
        let db = TestDb::sqlite();
        let mut settings = db.settings();
        change(&mut settings);
        settings.database_url = format!("{}?vfs={vfs}", settings.database_url);
        let app = TestApp::start_with(Arc::new(db), db::config(settings.clone())).await;
        checkpoint_often(app.running.portal.store()).await;
        let token = app.full_token().await;
        let receiver = Receiver::start().await;
        let mut last = String::new();
        for _ in 0..HOOKS {
            last = app.hook(&token, EVENT, &receiver).await["id"].as_str().unwrap().to_owned();
            tape.push(Entry::Acknowledged(last.parse().unwrap()));
        }
        let path = format!("/hooks/{last}");
        assert_eq!(
            app.api(&token, "PATCH", &path, Some(serde_json::json!({"enabled": false}))).await.0,
            200
        );
        Self { app, tape, settings, receiver, token }
    }

    /// Emits one event and records its acknowledgement.
    pub async fn emit(&self) -> Result<Accepted, EmitError> {
        let accepted = self.engine().emit(event(0), "test").await?;
        self.tape.push(Entry::Acknowledged(accepted.id.0));
        Ok(accepted)
    }

    pub fn engine(&self) -> &Dispatcher {
        &self.app.running.portal.dispatcher
    }

    /// Emits until each producer's share is acknowledged, and records every acknowledgement
    /// immediately.
    pub async fn emit_much(&self) {
        self.receiver.reply((0..40).map(|number| Reply::status([200, 500, 200, 429][number % 4])));
        let producers = (0..PRODUCERS).map(|producer| {
            let (engine, tape) = (self.engine().clone(), self.tape);
            tokio::spawn(async move {
                for number in 0..EVENTS_EACH {
                    let accepted =
                        engine.emit(event(producer * EVENTS_EACH + number), "test").await.unwrap();
                    tape.push(Entry::Acknowledged(accepted.id.0));
                }
            })
        });
        for producer in futures::future::join_all(producers).await {
            producer.unwrap();
        }
    }

    /// Emits while the disk fails: nothing may be acknowledged.
    pub async fn emit_and_fail(&self) {
        let many = (0..20).map(|number| self.engine().emit(event(number), "test"));
        let answers = futures::future::join_all(many).await;
        assert!(answers.iter().all(Result::is_err), "{answers:?}");
    }

    pub async fn restart(mut self) -> Self {
        self.app.running.shutdown().await;
        self.app = TestApp::start_with(self.app.db, db::config(self.settings.clone())).await;
        checkpoint_often(self.app.running.portal.store()).await;
        self
    }

    pub async fn stop(self) -> (Vec<Entry>, Settings, Arc<TestDb>) {
        let TestApp { running, db, .. } = self.app;
        running.shutdown().await;
        (self.tape.take(), self.settings, db)
    }
}

/// Bodies of many sizes: some fill whole pages.
pub fn event(number: usize) -> Emit {
    let padding = "x".repeat([0, 100, 1000, 9000][number % 4]);
    let sample = sample(EVENT).trim_end().trim_end_matches('}').to_owned();
    Emit { event_type: EVENT, body: format!("{sample}, \"padding\": \"{padding}\"}}").into() }
}

async fn checkpoint_often(store: &service_hooks::engine::store::Store) {
    let set: Result<(), Error> =
        store.write(|conn| Box::pin(async move { conn.control(CHECKPOINT).await })).await;
    set.unwrap();
}

/// A complete recording: start, a temporarily full disk, a restart, temporarily failing syncs,
/// stop.
pub async fn record(tape: Tape) -> (Vec<Entry>, Settings, Arc<TestDb>) {
    let recorded = Recorded::start(tape).await;
    recorded.emit_much().await;
    recorded.tape.set_full(true);
    recorded.emit_and_fail().await;
    recorded.tape.set_full(false);
    recorded.emit().await.unwrap();
    let recorded = recorded.restart().await;
    // NORMAL would not even notice.
    if !recorded.tape.is_normal {
        recorded.tape.set_syncs_fail(true);
        recorded.emit_and_fail().await;
        recorded.tape.set_syncs_fail(false);
    }
    recorded.emit_much().await;
    recorded.stop().await
}
