//! What an event's body is made of, field by field, and how two versions of it differ. Pure: where
//! the fields come from is the engine's catalogue.
//!
//! A change can hurt on either side. *Receivers* are hurt when something they were promised may be
//! missing or be of another kind; *senders* when something they send is no longer accepted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::invalid::FieldError;

/// One member of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// In dots: `agent.email`; what is in a list has brackets: `tags[]`.
    pub path: String,
    /// `string`, `null`, ...; none: anything.
    pub kinds: BTreeSet<String>,
    /// In the object it belongs to.
    pub required: bool,
    pub rules: Vec<Rule>,
    pub meaning: String,
    /// From the sample, as JSON.
    pub example: Option<String>,
    /// It is about a person.
    pub is_personal: bool,
}

/// What a value has to be beyond its kind: a keyword of JSON Schema and its value as JSON.
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
        // Null last: it is the exception, whatever the alphabet says.
        let (null, others): (Vec<_>, Vec<_>) = self.kinds.iter().partition(|kind| *kind == "null");
        others.into_iter().chain(null).cloned().collect::<Vec<_>>().join(" or ")
    }

    /// Its rules for people: `not empty`, `0 or more`.
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

/// What is to be said about a body before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyCheck {
    /// It is as the schema demands.
    Fits,
    /// Lines and columns are counted from 1, columns in characters.
    NotJson { line: usize, column: usize, words: String },
    /// It is JSON, but these members are not as the schema demands.
    Differs(Vec<FieldError>),
}

/// How one field differs between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub path: String,
    pub what: What,
    /// A receiver of the old version may stumble over the new one.
    pub breaks_receivers: bool,
    /// A sender of the old version may be refused by the new one.
    pub breaks_senders: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    Added,
    Removed,
    /// What changed, in words.
    Changed(Vec<String>),
}

/// Everything that differs, in the order of the new version and then what is gone.
pub fn diff(old: &[Field], new: &[Field]) -> Vec<Difference> {
    let find = |fields: &[Field], path: &str| fields.iter().position(|field| field.path == path);
    let mut differences = Vec::new();
    for field in new {
        match find(old, &field.path) {
            Some(position) => differences.extend(changed(&old[position], field)),
            None => {
                // Inside something that is new itself, only that something can be missed.
                let parent_was =
                    parent(&field.path).is_none_or(|parent| find(old, parent).is_some());
                let breaks_senders = field.required && parent_was;
                differences.push(Difference {
                    path: field.path.clone(),
                    what: What::Added,
                    breaks_receivers: false,
                    breaks_senders,
                });
            }
        }
    }
    let gone = old.iter().filter(|field| find(new, &field.path).is_none());
    differences.extend(gone.map(|field| Difference {
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

/// Which way something moved: what was promised to receivers grew weaker, what is demanded of
/// senders grew stricter.
#[derive(Clone, Copy, Default)]
struct Moved {
    looser: bool,
    stricter: bool,
}

fn changed(old: &Field, new: &Field) -> Option<Difference> {
    let mut words = Vec::new();
    let mut moved = Moved::default();
    if old.kinds != new.kinds {
        words.push(format!("type: {} → {}", old.kind(), new.kind()));
        let takes = |wide: &Field, kind: &str| {
            wide.kinds.contains(kind) || (kind == "integer" && wide.kinds.contains("number"))
        };
        let takes_all_of = |wide: &Field, narrow: &Field| {
            wide.kinds.is_empty()
                || (!narrow.kinds.is_empty() && narrow.kinds.iter().all(|kind| takes(wide, kind)))
        };
        moved.looser |= !takes_all_of(old, new);
        moved.stricter |= !takes_all_of(new, old);
    }
    if old.required != new.required {
        let word = |field: &Field| if field.required { "required" } else { "optional" };
        words.push(format!("{} → {}", word(old), word(new)));
        moved.looser |= old.required;
        moved.stricter |= new.required;
    }
    let keywords: BTreeSet<&str> =
        old.rules.iter().chain(&new.rules).map(|rule| rule.keyword.as_str()).collect();
    for keyword in keywords {
        let (before, after) = (old.rule(keyword), new.rule(keyword));
        if before != after {
            let says = |value: Option<&str>| value.unwrap_or("none").to_owned();
            words.push(format!("{keyword}: {} → {}", says(before), says(after)));
            let this = rule_moved(keyword, before, after);
            moved.looser |= this.looser;
            moved.stricter |= this.stricter;
        }
    }
    if old.meaning != new.meaning {
        words.push("another description".to_owned());
    }
    (!words.is_empty()).then(|| Difference {
        path: new.path.clone(),
        what: What::Changed(words),
        breaks_receivers: moved.looser,
        breaks_senders: moved.stricter,
    })
}

fn rule_moved(keyword: &str, before: Option<&str>, after: Option<&str>) -> Moved {
    let (Some(before), Some(after)) = (before, after) else {
        return Moved { looser: after.is_none(), stricter: before.is_none() };
    };
    // Of bounds it is known which way is stricter; of everything else (a pattern, another list)
    // nothing is.
    let numbers = before.parse::<f64>().ok().zip(after.parse::<f64>().ok());
    match numbers {
        Some((before, after)) if keyword.starts_with("min") => {
            Moved { looser: after < before, stricter: after > before }
        }
        Some((before, after)) if keyword.starts_with("max") => {
            Moved { looser: after > before, stricter: after < before }
        }
        _ => Moved { looser: true, stricter: true },
    }
}
