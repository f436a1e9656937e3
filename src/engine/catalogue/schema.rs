//! The JSON Schema of each event, in two drafts, generated from the types in [`super::payloads`].
//! May import domain.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::versions::{Version, current};
use crate::domain::event::EventType;

/// The JSON Schema drafts that each schema is generated in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draft {
    #[default]
    Draft2020,
    Draft07,
}

impl Draft {
    /// `07` or `2020-12`, as the API's `?draft=` and the command line's `--draft` spell them.
    pub fn from_key(key: &str) -> Option<Self> {
        match key {
            "2020-12" => Some(Self::Draft2020),
            "07" | "7" => Some(Self::Draft07),
            _ => None,
        }
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::Draft2020 => "2020-12",
            Self::Draft07 => "07",
        }
    }
}

/// The current version of an event's schema.
pub fn schema(event: EventType, draft: Draft) -> Value {
    schema_at(event, current(event), draft)
}

/// One version of an event's schema.
pub fn schema_at(event: EventType, version: &Version, draft: Draft) -> Value {
    let settings = match draft {
        Draft::Draft2020 => SchemaSettings::draft2020_12(),
        Draft::Draft07 => SchemaSettings::draft07(),
    };
    let mut document = (version.generate)(settings).to_value();
    let example: Value =
        serde_json::from_str(version.sample).expect("the samples are JSON; a test reads them all");
    document["$id"] =
        format!("urn:service-hooks:{}:v{}:draft-{}", event.key(), version.number, draft.key())
            .into();
    document["examples"] = Value::Array(vec![example]);
    document
}

/// The current schema as formatted text, for downloads.
pub fn schema_text(event: EventType, draft: Draft) -> String {
    schema_text_at(event, current(event), draft)
}

/// One version of the schema as formatted text.
pub fn schema_text_at(event: EventType, version: &Version, draft: Draft) -> String {
    let mut text = serde_json::to_string_pretty(&schema_at(event, version, draft))
        .expect("a JSON value can be written");
    text.push('\n');
    text
}

/// The top-level payload fields that a hook can use as ordering key: strings without a format.
pub fn ordering_fields(event: EventType) -> Vec<String> {
    let document = schema(event, Draft::Draft2020);
    let is_plain_string = |field: &Value| {
        let kinds = &field["type"];
        let has = |kind: &str| {
            kinds == kind
                || kinds.as_array().is_some_and(|kinds| kinds.iter().any(|known| known == kind))
        };
        has("string") && field["format"].is_null()
    };
    let fields = document["properties"].as_object().into_iter().flatten();
    fields.filter(|(_, field)| is_plain_string(field)).map(|(name, _)| name.clone()).collect()
}

/// The file name of a schema download.
pub fn schema_file_name(event: EventType) -> String {
    format!("{}.schema.json", event.key())
}
