//! The fields of an event's payload, and the differences between two schema versions. The engine's
//! catalogue provides the fields.
//!
//! A change can break either side: *receivers*, if a promised field may be missing or has another
//! type; *senders*, if a payload that was valid is no longer accepted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::invalid::FieldError;

/// A field of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// With dots: `agent.email`. Items of a list have brackets: `tags[]`.
    pub path: String,
    /// JSON types: `string`, `null`, ... Empty: any type.
    pub kinds: BTreeSet<String>,
    /// In its parent object.
    pub required: bool,
    pub rules: Vec<Rule>,
    pub meaning: String,
    /// The sample's value, as JSON.
    pub example: Option<String>,
    /// It holds personal data.
    pub is_personal: bool,
}

/// A constraint: a keyword of JSON Schema and its value as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub keyword: String,
    pub value: String,
}

impl Field {
    /// `string or null`.
    pub fn kind(&self) -> String {
        if self.kinds.is_empty() {
            return "anything".to_owned();
        }
        // Null last: it is the exception.
        let (null, others): (Vec<_>, Vec<_>) = self.kinds.iter().partition(|kind| *kind == "null");
        others.into_iter().chain(null).cloned().collect::<Vec<_>>().join(" or ")
    }

    /// The rules as text: `not empty`, `0 or more`.
    pub fn rule_words(&self) -> String {
        self.rules.iter().map(Rule::words).collect::<Vec<_>>().join(", ")
    }

    fn rule(&self, keyword: &str) -> Option<&str> {
        self.rules.iter().find(|rule| rule.keyword == keyword).map(|rule| rule.value.as_str())
    }
}

impl Rule {
    pub fn words(&self) -> String {
        let value = self.value.trim_matches('"');
        match self.keyword.as_str() {
            "minLength" if value == "1" => "not empty".to_owned(),
            "minLength" => format!("at least {value} characters"),
            "maxLength" => format!("at most {value} characters"),
            "minimum" => format!("{value} or more"),
            "maximum" => format!("{value} or less"),
            "minItems" => format!("at least {value} entries"),
            "maxItems" => format!("at most {value} entries"),
            "format" if value == "date-time" => "a time in RFC 3339".to_owned(),
            "format" => format!("format {value}"),
            "enum" => format!("one of {value}"),
            keyword => format!("{keyword} {value}"),
        }
    }
}

/// The result of checking a payload before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyCheck {
    /// It matches the schema.
    Valid,
    /// Lines and columns are counted from 1, columns in characters.
    NotJson { line: usize, column: usize, words: String },
    /// It is JSON, but these fields don't match the schema.
    SchemaMismatch(Vec<FieldError>),
}

/// How one field differs between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub path: String,
    pub what: What,
    /// A receiver for the old version may fail with the new one.
    pub breaks_receivers: bool,
    /// A payload for the old version may be rejected by the new one.
    pub breaks_senders: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    Added,
    Removed,
    /// A text for each change.
    Changed(Vec<String>),
}

/// All differences: added and changed fields in the order of the new version, then removed fields.
pub fn diff(old: &[Field], new: &[Field]) -> Vec<Difference> {
    let find = |fields: &[Field], path: &str| fields.iter().position(|field| field.path == path);
    let mut differences = Vec::new();
    for field in new {
        match find(old, &field.path) {
            Some(position) => differences.extend(changed(&old[position], field)),
            None => {
                // Inside a new object, only the object itself can be missing.
                let is_parent_known =
                    parent(&field.path).is_none_or(|parent| find(old, parent).is_some());
                let breaks_senders = field.required && is_parent_known;
                differences.push(Difference {
                    path: field.path.clone(),
                    what: What::Added,
                    breaks_receivers: false,
                    breaks_senders,
                });
            }
        }
    }
    let removed = old.iter().filter(|field| find(new, &field.path).is_none());
    differences.extend(removed.map(|field| Difference {
        path: field.path.clone(),
        what: What::Removed,
        breaks_receivers: true,
        breaks_senders: false,
    }));
    differences
}

/// `agent` of `agent.id`, `tags` of `tags[]`.
fn parent(path: &str) -> Option<&str> {
    match path.strip_suffix("[]") {
        Some(list) => Some(list),
        None => path.rsplit_once('.').map(|(parent, _)| parent),
    }
}

/// The direction of a change: looser guarantees break receivers, stricter requirements break
/// senders.
#[derive(Clone, Copy, Default)]
struct Direction {
    looser: bool,
    stricter: bool,
}

fn changed(old: &Field, new: &Field) -> Option<Difference> {
    let mut words = Vec::new();
    let mut direction = Direction::default();
    if old.kinds != new.kinds {
        words.push(format!("type: {} → {}", old.kind(), new.kind()));
        let accepts = |wide: &Field, kind: &str| {
            wide.kinds.contains(kind) || (kind == "integer" && wide.kinds.contains("number"))
        };
        let accepts_all_of = |wide: &Field, narrow: &Field| {
            wide.kinds.is_empty()
                || (!narrow.kinds.is_empty() && narrow.kinds.iter().all(|kind| accepts(wide, kind)))
        };
        direction.looser |= !accepts_all_of(old, new);
        direction.stricter |= !accepts_all_of(new, old);
    }
    if old.required != new.required {
        let presence = |field: &Field| if field.required { "required" } else { "optional" };
        words.push(format!("{} → {}", presence(old), presence(new)));
        direction.looser |= old.required;
        direction.stricter |= new.required;
    }
    let keywords: BTreeSet<&str> =
        old.rules.iter().chain(&new.rules).map(|rule| rule.keyword.as_str()).collect();
    for keyword in keywords {
        let (before, after) = (old.rule(keyword), new.rule(keyword));
        if before != after {
            let text = |value: Option<&str>| value.unwrap_or("none").to_owned();
            words.push(format!("{keyword}: {} → {}", text(before), text(after)));
            let of_rule = rule_direction(keyword, before, after);
            direction.looser |= of_rule.looser;
            direction.stricter |= of_rule.stricter;
        }
    }
    if old.meaning != new.meaning {
        words.push("new description".to_owned());
    }
    (!words.is_empty()).then(|| Difference {
        path: new.path.clone(),
        what: What::Changed(words),
        breaks_receivers: direction.looser,
        breaks_senders: direction.stricter,
    })
}

fn rule_direction(keyword: &str, before: Option<&str>, after: Option<&str>) -> Direction {
    let (Some(before), Some(after)) = (before, after) else {
        return Direction { looser: after.is_none(), stricter: before.is_none() };
    };
    // The direction is known for bounds only. Other keywords (pattern, enum) may break both sides.
    let numbers = before.parse::<f64>().ok().zip(after.parse::<f64>().ok());
    match numbers {
        Some((before, after)) if keyword.starts_with("min") => {
            Direction { looser: after < before, stricter: after > before }
        }
        Some((before, after)) if keyword.starts_with("max") => {
            Direction { looser: after > before, stricter: after < before }
        }
        _ => Direction { looser: true, stricter: true },
    }
}
