//! The contract of each event: its JSON Schema in two drafts, generated from the types in
//! [`payloads`], its sample, and the judge that every emitted body passes. Knows no store and no
//! network.

mod check;
pub mod fields;
pub mod masked;
mod payloads;
pub mod personal;
mod samples;
pub mod strict;
mod versions;

use std::sync::LazyLock;

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use serde_json::Value;

pub use check::check;
pub use versions::{Version, current, sample, versions};

use crate::domain::{event::EventType, invalid::Invalid};

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

struct Judges([Validator; EventType::ALL.len()]);

/// Compiled once: a schema of our own that does not compile is a bug, and the tests would show it.
static JUDGES: LazyLock<Judges> = LazyLock::new(|| {
    Judges(std::array::from_fn(|position| {
        jsonschema::options()
            .should_validate_formats(true)
            .build(&schema(EventType::ALL[position], Draft::Draft2020))
            .expect("the generated schemas compile")
    }))
});

/// At most this many faults are told at once.
const FAULTS: usize = 20;

/// Judges a body against the schema of its event. Faults name the member: `data.timeInQueue`.
pub fn judge(event: EventType, body: &Value) -> Result<(), Invalid> {
    let position = EventType::ALL.iter().position(|known| *known == event).unwrap_or(0);
    let mut invalid = Invalid::default();
    for fault in JUDGES.0[position].iter_errors(body).take(FAULTS) {
        let (field, message) = name_fault(&fault);
        invalid.add(&field, "schema", message);
    }
    invalid.or(())
}

/// Where the fault is, in dots, and what it is. A missing member is named itself, not its parent.
fn name_fault(fault: &jsonschema::ValidationError<'_>) -> (String, String) {
    use jsonschema::error::ValidationErrorKind as Kind;
    let pointer = fault.instance_path().to_string();
    let mut field = format!("data{}", pointer.replace('/', "."));
    let message = match fault.kind() {
        Kind::Required { property } => {
            if let Some(name) = property.as_str() {
                field = format!("{field}.{name}");
            }
            "is required".to_owned()
        }
        Kind::Type { .. } => format!("has the wrong type: {}", clipped(&fault.to_string())),
        Kind::Format { format } => {
            format!("must be a {format} (RFC 3339, such as 2022-03-08T07:39:47Z)")
        }
        Kind::MinLength { .. } => "must not be empty".to_owned(),
        Kind::Minimum { limit } => format!("must be {limit} or more"),
        _ => clipped(&fault.to_string()),
    };
    (field, message)
}

/// Producers' values can be long, and personal; a message is neither.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 160;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_schema_is_valid_in_its_draft_and_takes_its_own_examples() {
        for event in EventType::ALL {
            let numbers: Vec<_> = versions(*event).iter().map(|version| version.number).collect();
            assert_eq!(
                numbers,
                (1..=current(*event).number).collect::<Vec<_>>(),
                "{event}: versions without a gap"
            );
            let both = |version| [(version, Draft::Draft2020), (version, Draft::Draft07)];
            for (version, draft) in versions(*event).iter().flat_map(both) {
                let document = schema_at(*event, version, draft);
                let meta = document["$schema"].as_str().unwrap();
                assert!(
                    meta.contains(if draft == Draft::Draft07 { "draft-07" } else { "2020-12" }),
                    "{meta}"
                );
                assert!(jsonschema::meta::is_valid(&document), "{event} {draft:?}");
                let judge =
                    jsonschema::options().should_validate_formats(true).build(&document).unwrap();
                for example in document["examples"].as_array().unwrap() {
                    assert!(judge.is_valid(example), "{event} {draft:?}");
                }
                assert!(document["$id"].is_string() && document["title"].is_string());
                for (name, field) in document["properties"].as_object().unwrap() {
                    assert!(field["description"].is_string(), "{event}.{name} has no description");
                }
            }
        }
    }

    #[test]
    fn what_is_required_is_the_designs_list() {
        let required = |event| {
            let mut names: Vec<String> =
                serde_json::from_value(schema(event, Draft::Draft2020)["required"].clone())
                    .unwrap();
            names.sort();
            names.join(" ")
        };
        assert_eq!(
            required(EventType::ConversationAbandoned),
            "customerPhoneNumber queue timeInQueue timestamp"
        );
        assert_eq!(
            required(EventType::OutboundCallInitiated),
            "Timestamp agentID targetPhoneNumber"
        );
        assert_eq!(
            required(EventType::WorkItemClosed),
            "agent closedAt createdAt customerIdentifier id isOutbound mediaType \
             primaryConversationId result"
        );
    }

    #[test]
    fn optional_members_may_be_null_or_absent_and_extra_ones_pass() {
        let mut body: Value = serde_json::from_str(sample(EventType::WorkItemClosed)).unwrap();
        body["extra"] = json!({"any": [1, 2]});
        for name in ["notes", "completionCode", "customerId"] {
            body[name] = Value::Null;
        }
        body["agent"]["email"] = Value::Null;
        body["agent"].as_object_mut().unwrap().remove("phone");
        assert_eq!(judge(EventType::WorkItemClosed, &body), Ok(()));
        body.as_object_mut().unwrap().remove("notes");
        assert_eq!(judge(EventType::WorkItemClosed, &body), Ok(()));
    }

    #[test]
    fn faults_name_the_member() {
        let fields = |event, body: Value| {
            let invalid = judge(event, &body).unwrap_err();
            invalid.0.into_iter().map(|fault| fault.field).collect::<Vec<_>>().join(" ")
        };
        let abandoned = EventType::ConversationAbandoned;
        let good = || serde_json::from_str::<Value>(sample(abandoned)).unwrap();
        let with = |name: &str, value: Value| {
            let mut body = good();
            body[name] = value;
            body
        };
        assert_eq!(fields(abandoned, with("timeInQueue", json!(-1))), "data.timeInQueue");
        assert_eq!(fields(abandoned, with("timeInQueue", json!("5"))), "data.timeInQueue");
        assert_eq!(fields(abandoned, with("timestamp", json!("yesterday"))), "data.timestamp");
        assert_eq!(
            fields(abandoned, with("customerPhoneNumber", json!(""))),
            "data.customerPhoneNumber"
        );
        assert_eq!(fields(abandoned, json!([])), "data");
        assert_eq!(
            fields(
                EventType::OutboundCallInitiated,
                json!({"agentID": "a", "targetPhoneNumber": "b"})
            ),
            "data.Timestamp"
        );
        let mut item: Value = serde_json::from_str(sample(EventType::WorkItemClosed)).unwrap();
        item["agent"]["id"] = json!(7);
        assert_eq!(fields(EventType::WorkItemClosed, item), "data.agent.id");
    }

    #[test]
    fn times_of_any_precision_and_offset_pass() {
        let mut body: Value =
            serde_json::from_str(sample(EventType::OutboundCallInitiated)).unwrap();
        for moment in [
            "2022-03-08T07:39:47Z",
            "2022-03-08T07:39:47.6052457Z",
            "2022-03-08T07:39:47+05:45",
            "2022-03-08t07:39:47z",
        ] {
            body["Timestamp"] = json!(moment);
            assert_eq!(judge(EventType::OutboundCallInitiated, &body), Ok(()), "{moment}");
        }
    }
}
