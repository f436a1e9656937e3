//! The JSON Schema of each event, in two drafts, generated from the types in [`super::payloads`].
//! May import domain.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::versions::{Version, current};
use crate::domain::event::EventType;

/// The JSON Schema drafts a schema can be had in.
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

/// The schema of an event as a document: the version in force.
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

/// The schema as the bytes that are downloaded.
pub fn schema_text(event: EventType, draft: Draft) -> String {
    schema_text_at(event, current(event), draft)
}

/// One version's bytes.
pub fn schema_text_at(event: EventType, version: &Version, draft: Draft) -> String {
    let mut text = serde_json::to_string_pretty(&schema_at(event, version, draft))
        .expect("a JSON value can be written");
    text.push('\n');
    text
}

/// The members of an event's body that deliveries can be kept in order by: those that hold a word
/// or a number.
pub fn members(event: EventType) -> Vec<String> {
    let document = schema(event, Draft::Draft2020);
    let is_plain = |member: &Value| {
        let kinds = &member["type"];
        let has = |kind: &str| {
            kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind))
        };
        has("string") && member["format"].is_null()
    };
    let members = document["properties"].as_object().into_iter().flatten();
    members.filter(|(_, member)| is_plain(member)).map(|(name, _)| name.clone()).collect()
}

/// The file name a schema is saved under.
pub fn schema_file_name(event: EventType) -> String {
    format!("{}.schema.json", event.key())
}
