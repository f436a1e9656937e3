//! A JSON Schema read as a list of fields, in its own order, objects before what is inside them. It
//! understands what the catalogue's own schemas are made of: properties, lists, and no references.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Draft, Version, personal::is_personal, schema_at, versions};
use crate::domain::{
    contract::{Difference, Field, Rule, diff},
    event::EventType,
};

/// What says something about a schema but demands nothing of a value by itself.
const NOT_RULES: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "examples",
    "default",
    "type",
    "properties",
    "required",
    "items",
];

/// The fields of one version, with the examples of its sample.
pub fn of(event: EventType, version: &Version) -> Vec<Field> {
    let sample = serde_json::from_str(version.sample).unwrap_or_default();
    let mut fields = read(&schema_at(event, version, Draft::default()), &sample);
    fields.iter_mut().for_each(|field| field.is_personal = is_personal(event, &field.path));
    fields
}

/// A version beside the one before it; the first has none.
pub fn changes(event: EventType, version: &Version) -> Vec<Difference> {
    let before = versions(event).iter().rev().find(|other| other.number < version.number);
    before.map(|before| diff(&of(event, before), &of(event, version))).unwrap_or_default()
}

/// The fields of a schema.
pub fn read(schema: &Value, sample: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    collect(schema, sample, "", &mut fields);
    fields
}

fn collect(schema: &Value, sample: &Value, path: &str, fields: &mut Vec<Field>) {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = schema["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|known| known == name));
        add(property, &sample[name], format!("{prefix}{name}"), is_required, fields);
    }
    if schema["items"].is_object() {
        add(&schema["items"], &sample[0], format!("{path}[]"), false, fields);
    }
}

fn add(schema: &Value, sample: &Value, path: String, required: bool, fields: &mut Vec<Field>) {
    let is_plain = !sample.is_null() && !sample.is_object() && !sample.is_array();
    fields.push(Field {
        path: path.clone(),
        kinds: kinds(&schema["type"]),
        required,
        rules: rules(schema),
        meaning: schema["description"].as_str().unwrap_or_default().to_owned(),
        example: is_plain.then(|| sample.to_string()),
        is_personal: false,
    });
    collect(schema, sample, &path, fields);
}

fn kinds(kind: &Value) -> BTreeSet<String> {
    match kind {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        kind => kind.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn rules(schema: &Value) -> Vec<Rule> {
    let keywords = schema
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(keyword, _)| !NOT_RULES.contains(&keyword.as_str()));
    keywords
        .map(|(keyword, value)| Rule { keyword: keyword.clone(), value: value.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::contract::What;

    fn object(properties: Value, required: &[&str]) -> Vec<Field> {
        read(
            &json!({"type": "object", "properties": properties, "required": required}),
            &Value::Null,
        )
    }

    /// `path kind [R][S]`: what differs, and whom it breaks.
    fn told(old: &[Field], new: &[Field]) -> Vec<String> {
        let tell = |difference: Difference| {
            let kind = match &difference.what {
                What::Added => "added".to_owned(),
                What::Removed => "removed".to_owned(),
                What::Changed(words) => words.join("; "),
            };
            let receivers = if difference.breaks_receivers { " R" } else { "" };
            let senders = if difference.breaks_senders { " S" } else { "" };
            format!("{} {kind}{receivers}{senders}", difference.path)
        };
        diff(old, new).into_iter().map(tell).collect()
    }

    #[test]
    fn the_catalogues_fields_are_named_in_dots_with_rules_and_examples() {
        let event = EventType::WorkItemClosed;
        let fields = of(event, super::super::current(event));
        let find = |path: &str| fields.iter().find(|field| field.path == path).unwrap();
        let email = find("agent.email");
        assert_eq!((email.kind().as_str(), email.required), ("string or null", false));
        assert_eq!(email.example.as_deref(), Some("\"john@agent.com\""));
        assert!(!email.meaning.is_empty());
        assert_eq!((find("id").rule_words().as_str(), find("id").required), ("not empty", true));
        assert_eq!(find("createdAt").rule_words(), "a time in RFC 3339");
        assert_eq!(find("agent").example, None, "its members have theirs");
        let event = EventType::ConversationAbandoned;
        let fields = of(event, super::super::current(event));
        let waited = fields.iter().find(|field| field.path == "timeInQueue").unwrap();
        assert_eq!((waited.kind().as_str(), waited.rule_words().as_str()), ("number", "0 or more"));
        for event in EventType::ALL {
            assert_eq!(
                changes(*event, &versions(*event)[0]),
                [],
                "the first version differs from nothing"
            );
        }
    }

    #[test]
    fn a_version_that_says_the_same_differs_in_nothing() {
        let fields = object(
            json!({"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "number"}}}),
            &["a"],
        );
        assert_eq!(told(&fields, &fields), Vec::<String>::new());
        let moved = object(
            json!({"b": {"type": "array", "items": {"type": "number"}}, "a": {"type": "string"}}),
            &["a"],
        );
        assert_eq!(told(&fields, &moved), Vec::<String>::new(), "order means nothing");
    }

    #[test]
    fn what_is_gone_breaks_receivers_and_what_is_new_and_required_breaks_senders() {
        let old = object(json!({"a": {"type": "string"}, "gone": {"type": "string"}}), &["a"]);
        let new = object(
            json!({"a": {"type": "string"}, "must": {"type": "string"}, "may": {"type": "string"},
                   "inner": {"type": "object", "required": ["id"],
                       "properties": {"id": {"type": "string"}}}}),
            &["a", "must"],
        );
        assert_eq!(
            told(&old, &new),
            ["must added S", "may added", "inner added", "inner.id added", "gone removed R"]
        );
        // In an object that was there, a new required member is missed.
        let inner = |required: &[&str]| {
            object(
                json!({"inner": {"type": "object", "required": required,
                       "properties": required.iter().map(|name| ((*name).to_owned(),
                           json!({"type": "string"}))).collect::<serde_json::Map<_, _>>()}}),
                &[],
            )
        };
        assert_eq!(told(&inner(&["id"]), &inner(&["id", "name"])), ["inner.name added S"]);
    }

    #[test]
    fn types_break_whoever_they_were_widened_or_narrowed_for() {
        let with = |kind: Value| object(json!({"a": {"type": kind}}), &["a"]);
        let (text, maybe, number) =
            (with(json!("string")), with(json!(["string", "null"])), with(json!("number")));
        assert_eq!(told(&text, &maybe), ["a type: string → string or null R"]);
        assert_eq!(told(&maybe, &text), ["a type: string or null → string S"]);
        assert_eq!(told(&text, &number), ["a type: string → number R S"]);
        assert_eq!(told(&number, &with(json!("integer"))), ["a type: number → integer S"]);
        let anything = object(json!({"a": {}}), &["a"]);
        assert_eq!(told(&anything, &text), ["a type: anything → string S"]);
        assert_eq!(told(&text, &anything), ["a type: string → anything R"]);
    }

    #[test]
    fn required_and_rules_break_by_direction() {
        let with = |property: Value, required: &[&str]| object(json!({"a": property}), required);
        let plain = || json!({"type": "string"});
        assert_eq!(told(&with(plain(), &["a"]), &with(plain(), &[])), ["a required → optional R"]);
        assert_eq!(told(&with(plain(), &[]), &with(plain(), &["a"])), ["a optional → required S"]);
        let long = |min: u32| with(json!({"type": "string", "minLength": min}), &["a"]);
        assert_eq!(told(&long(1), &long(10)), ["a minLength: 1 → 10 S"]);
        assert_eq!(told(&long(10), &long(1)), ["a minLength: 10 → 1 R"]);
        let short = |max: u32| with(json!({"type": "string", "maxLength": max}), &["a"]);
        assert_eq!(told(&short(5), &short(9)), ["a maxLength: 5 → 9 R"]);
        assert_eq!(told(&with(plain(), &["a"]), &long(1)), ["a minLength: none → 1 S"]);
        assert_eq!(told(&long(1), &with(plain(), &["a"])), ["a minLength: 1 → none R"]);
        let listed = |list: Value| with(json!({"type": "string", "enum": list}), &["a"]);
        assert_eq!(
            told(&listed(json!(["x"])), &listed(json!(["y"]))),
            [r#"a enum: ["x"] → ["y"] R S"#]
        );
        let said = |words: &str| with(json!({"type": "string", "description": words}), &["a"]);
        assert_eq!(
            told(&said("one"), &said("two")),
            ["a another description"],
            "words break nothing"
        );
    }
}
