//! Flattens a JSON Schema to a list of fields for display and comparison. Fields are in the
//! schema's order, each object before its own fields. Supports what the catalogue's schemas use:
//! properties and arrays, no references.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Draft, Version, personal::is_personal, schema_at, versions};
use crate::domain::{
    contract::{Difference, Field, Rule, diff},
    event::EventType,
};

/// Keywords that are not shown as rules: annotations, and those that have a place of their own in
/// [`Field`].
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

/// The fields of a schema version, with examples from its sample.
pub fn of(event: EventType, version: &Version) -> Vec<Field> {
    let sample = serde_json::from_str(version.sample).unwrap_or_default();
    let mut fields = read(&schema_at(event, version, Draft::default()), &sample);
    fields.iter_mut().for_each(|field| field.is_personal = is_personal(event, &field.path));
    fields
}

/// The differences from the previous version; none for the first version.
pub fn changes(event: EventType, version: &Version) -> Vec<Difference> {
    let previous = versions(event).iter().rev().find(|other| other.number < version.number);
    previous.map(|previous| diff(&of(event, previous), &of(event, version))).unwrap_or_default()
}

/// The fields of a schema. `sample` is a body that matches it; `Null` for none.
pub fn read(schema: &Value, sample: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    collect(schema, sample, "", &mut fields);
    fields
}

/// Adds the properties of an object, or the items of an array, recursively. `path` is the dotted
/// path of `schema`; array items have the suffix `[]`.
fn collect(schema: &Value, sample: &Value, path: &str, fields: &mut Vec<Field>) {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = schema["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|required| required == name));
        add(property, &sample[name], format!("{prefix}{name}"), is_required, fields);
    }
    if schema["items"].is_object() {
        add(&schema["items"], &sample[0], format!("{path}[]"), false, fields);
    }
}

/// Adds one field and everything below it. Only scalar values have an example.
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

/// The JSON types of a field: one, several (such as string and null), or none for any type.
fn kinds(kind: &Value) -> BTreeSet<String> {
    match kind {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        kind => kind.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// The remaining keywords, such as `minLength`.
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

    /// The fields of an object schema.
    fn object(properties: Value, required: &[&str]) -> Vec<Field> {
        read(
            &json!({"type": "object", "properties": properties, "required": required}),
            &Value::Null,
        )
    }

    /// Each difference as `path kind [R][S]`. R: breaks receivers. S: breaks senders.
    fn changes_of(old: &[Field], new: &[Field]) -> Vec<String> {
        let describe = |difference: Difference| {
            let kind = match &difference.what {
                What::Added => "added".to_owned(),
                What::Removed => "removed".to_owned(),
                What::Changed(words) => words.join("; "),
            };
            let receivers = if difference.breaks_receivers { " R" } else { "" };
            let senders = if difference.breaks_senders { " S" } else { "" };
            format!("{} {kind}{receivers}{senders}", difference.path)
        };
        diff(old, new).into_iter().map(describe).collect()
    }

    #[test]
    fn fields_have_dotted_paths_rules_and_examples() {
        let event = EventType::WorkItemClosed;
        let fields = of(event, super::super::current(event));
        let find = |path: &str| fields.iter().find(|field| field.path == path).unwrap();
        let email = find("agent.email");
        assert_eq!((email.kind().as_str(), email.required), ("string or null", false));
        assert_eq!(email.example.as_deref(), Some("\"john@agent.com\""));
        assert!(!email.meaning.is_empty());
        assert_eq!((find("id").rule_words().as_str(), find("id").required), ("not empty", true));
        assert_eq!(find("createdAt").rule_words(), "a time in RFC 3339");
        assert_eq!(find("agent").example, None, "its fields have examples of their own");
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
    fn equivalent_schemas_have_no_differences() {
        let fields = object(
            json!({"a": {"type": "string"}, "b": {"type": "array", "items": {"type": "number"}}}),
            &["a"],
        );
        assert_eq!(changes_of(&fields, &fields), Vec::<String>::new());
        let moved = object(
            json!({"b": {"type": "array", "items": {"type": "number"}}, "a": {"type": "string"}}),
            &["a"],
        );
        assert_eq!(changes_of(&fields, &moved), Vec::<String>::new(), "the order is irrelevant");
    }

    #[test]
    fn a_removed_field_breaks_receivers_and_a_new_required_one_breaks_senders() {
        let old = object(json!({"a": {"type": "string"}, "gone": {"type": "string"}}), &["a"]);
        let new = object(
            json!({"a": {"type": "string"}, "must": {"type": "string"}, "may": {"type": "string"},
                   "inner": {"type": "object", "required": ["id"],
                       "properties": {"id": {"type": "string"}}}}),
            &["a", "must"],
        );
        assert_eq!(
            changes_of(&old, &new),
            ["must added S", "may added", "inner added", "inner.id added", "gone removed R"]
        );
        // A new required field breaks senders also inside of an existing object.
        let inner = |required: &[&str]| {
            object(
                json!({"inner": {"type": "object", "required": required,
                       "properties": required.iter().map(|name| ((*name).to_owned(),
                           json!({"type": "string"}))).collect::<serde_json::Map<_, _>>()}}),
                &[],
            )
        };
        assert_eq!(changes_of(&inner(&["id"]), &inner(&["id", "name"])), ["inner.name added S"]);
    }

    #[test]
    fn wider_types_break_receivers_and_narrower_types_break_senders() {
        let with = |kind: Value| object(json!({"a": {"type": kind}}), &["a"]);
        let (text, nullable, number) =
            (with(json!("string")), with(json!(["string", "null"])), with(json!("number")));
        assert_eq!(changes_of(&text, &nullable), ["a type: string → string or null R"]);
        assert_eq!(changes_of(&nullable, &text), ["a type: string or null → string S"]);
        assert_eq!(changes_of(&text, &number), ["a type: string → number R S"]);
        assert_eq!(changes_of(&number, &with(json!("integer"))), ["a type: number → integer S"]);
        let anything = object(json!({"a": {}}), &["a"]);
        assert_eq!(changes_of(&anything, &text), ["a type: anything → string S"]);
        assert_eq!(changes_of(&text, &anything), ["a type: string → anything R"]);
    }

    #[test]
    fn stricter_rules_break_senders_and_looser_rules_break_receivers() {
        let with = |property: Value, required: &[&str]| object(json!({"a": property}), required);
        let plain = || json!({"type": "string"});
        assert_eq!(
            changes_of(&with(plain(), &["a"]), &with(plain(), &[])),
            ["a required → optional R"]
        );
        assert_eq!(
            changes_of(&with(plain(), &[]), &with(plain(), &["a"])),
            ["a optional → required S"]
        );
        let long = |min: u32| with(json!({"type": "string", "minLength": min}), &["a"]);
        assert_eq!(changes_of(&long(1), &long(10)), ["a minLength: 1 → 10 S"]);
        assert_eq!(changes_of(&long(10), &long(1)), ["a minLength: 10 → 1 R"]);
        let short = |max: u32| with(json!({"type": "string", "maxLength": max}), &["a"]);
        assert_eq!(changes_of(&short(5), &short(9)), ["a maxLength: 5 → 9 R"]);
        assert_eq!(changes_of(&with(plain(), &["a"]), &long(1)), ["a minLength: none → 1 S"]);
        assert_eq!(changes_of(&long(1), &with(plain(), &["a"])), ["a minLength: 1 → none R"]);
        let listed = |list: Value| with(json!({"type": "string", "enum": list}), &["a"]);
        assert_eq!(
            changes_of(&listed(json!(["x"])), &listed(json!(["y"]))),
            [r#"a enum: ["x"] → ["y"] R S"#]
        );
        let described = |words: &str| with(json!({"type": "string", "description": words}), &["a"]);
        assert_eq!(
            changes_of(&described("one"), &described("two")),
            ["a new description"],
            "a description breaks nothing"
        );
    }
}
