//! The event catalogue: for each event type its JSON Schema in two drafts, generated from the types
//! in [`payloads`], a sample, and the validation of every emitted payload. Knows no store and no
//! network. Start with [`payloads`] and `versions`.

mod check;
pub mod fields;
pub mod masked;
pub mod payloads;
pub mod personal;
mod samples;
mod schema;
pub mod strict;
pub mod syntax;
mod validate;
mod versions;

pub use check::check;
pub use schema::{
    Draft, ordering_fields, schema, schema_at, schema_file_name, schema_text, schema_text_at,
};
pub use validate::validate;
pub use versions::{Version, current, sample, versions};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::event::EventType;

    #[test]
    fn every_schema_is_valid_in_its_draft_and_accepts_its_examples() {
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
                let validator =
                    jsonschema::options().should_validate_formats(true).build(&document).unwrap();
                for example in document["examples"].as_array().unwrap() {
                    assert!(validator.is_valid(example), "{event} {draft:?}");
                }
                assert!(document["$id"].is_string() && document["title"].is_string());
                for (name, field) in document["properties"].as_object().unwrap() {
                    assert!(field["description"].is_string(), "{event}.{name} has no description");
                }
            }
        }
    }

    #[test]
    fn the_required_fields_are_those_of_the_contract() {
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
    fn optional_fields_may_be_null_or_absent_and_extra_fields_pass() {
        let mut body: Value = serde_json::from_str(sample(EventType::WorkItemClosed)).unwrap();
        body["extra"] = json!({"any": [1, 2]});
        for name in ["notes", "completionCode", "customerId"] {
            body[name] = Value::Null;
        }
        body["agent"]["email"] = Value::Null;
        body["agent"].as_object_mut().unwrap().remove("phone");
        assert_eq!(validate(EventType::WorkItemClosed, &body), Ok(()));
        body.as_object_mut().unwrap().remove("notes");
        assert_eq!(validate(EventType::WorkItemClosed, &body), Ok(()));
    }

    #[test]
    fn a_fault_names_the_field() {
        let fields = |event, body: Value| {
            let invalid = validate(event, &body).unwrap_err();
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
        for time in [
            "2022-03-08T07:39:47Z",
            "2022-03-08T07:39:47.6052457Z",
            "2022-03-08T07:39:47+05:45",
            "2022-03-08t07:39:47z",
        ] {
            body["Timestamp"] = json!(time);
            assert_eq!(validate(EventType::OutboundCallInitiated, &body), Ok(()), "{time}");
        }
    }
}
