//! Records all statements that sqlx logs, and the notices of PostgreSQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::{Arc, Mutex, OnceLock},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, filter::Targets, layer::Context, layer::SubscriberExt, util::SubscriberInitExt,
};

/// All clones share one state.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Each with the number of its executions.
    statements: BTreeMap<String, usize>,
    notices: BTreeSet<String>,
}

/// Starts recording, once per process.
pub fn listen() -> Heard {
    static HEARD: OnceLock<Heard> = OnceLock::new();
    let begin = || {
        let heard = Heard::default();
        let targets = [QUERIES, NOTICES].map(|target| (target, tracing::Level::TRACE));
        let layer = heard.clone().with_filter(Targets::new().with_targets(targets));
        tracing_subscriber::registry().with(layer).try_init().unwrap();
        heard
    };
    HEARD.get_or_init(begin).clone()
}

const QUERIES: &str = "sqlx::query";
const NOTICES: &str = "sqlx::postgres::notice";

impl Heard {
    /// Every statement once, on one line.
    pub fn statements(&self) -> Vec<String> {
        self.0.lock().unwrap().statements.keys().cloned().collect()
    }

    /// The number of executions of statements that contain `part`.
    pub fn times(&self, part: &str) -> usize {
        let heard = self.0.lock().unwrap();
        heard
            .statements
            .iter()
            .filter(|(text, _)| text.contains(part))
            .map(|(_, times)| times)
            .sum()
    }

    pub fn notices(&self) -> Vec<String> {
        self.0.lock().unwrap().notices.iter().cloned().collect()
    }
}

pub fn one_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct Fields {
    summary: String,
    statement: String,
    message: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => self.summary = value.to_owned(),
            "db.statement" => self.statement = value.to_owned(),
            "message" => self.message = value.to_owned(),
            _ => {}
        }
    }
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut heard = self.0.lock().unwrap();
        match event.metadata().target() {
            QUERIES => {
                // For a short statement the summary is the whole text.
                let text =
                    if fields.statement.is_empty() { &fields.summary } else { &fields.statement };
                *heard.statements.entry(one_line(text)).or_default() += 1;
            }
            NOTICES => drop(heard.notices.insert(fields.message)),
            _ => {}
        }
    }
}
