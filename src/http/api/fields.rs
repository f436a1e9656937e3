//! Deserializes a struct from a JSON object or a query string and collects the errors of all
//! fields. Serde stops at the first error; here an invalid field is left out and the struct is
//! deserialized again. Fields need `#[serde(default)]` or `Option`, or there is no second pass.
//!
//! `Option<T>`: the field may be absent, but not null. `Option<Option<T>>`: it may also be null.

mod value;

use std::cell::{Cell, RefCell};

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use self::value::{Field, ValueError};
use crate::domain::invalid::Invalid;

/// At most this many unknown fields are listed.
const UNKNOWN: usize = 10;

/// Reads a JSON object.
pub fn of_object<'de, T: Deserialize<'de>>(members: &'de Map<String, Value>) -> Result<T, Invalid> {
    let progress = Progress::default();
    let (value, mut invalid) = collect(members, Source::Body, &progress);
    for name in unknown(members, &progress).take(UNKNOWN) {
        invalid.add(name, "unknown", "is not a known field");
    }
    finish(value, invalid)
}

/// Reads a query string. An empty parameter counts as absent if its type is an `Option`.
pub fn of_query<T: de::DeserializeOwned>(query: &str) -> Result<T, Invalid> {
    let mut parameters = Map::new();
    let mut twice = Invalid::default();
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        let (name, text) = (name.into_owned(), Value::String(text.into_owned()));
        if parameters.contains_key(&name) {
            twice.add("query", "unknown", format!("has the parameter {name} twice"));
        }
        parameters.insert(name, text);
    }
    let progress = Progress::default();
    let (value, mut invalid) = collect(&parameters, Source::Query, &progress);
    for name in unknown(&parameters, &progress).take(UNKNOWN) {
        let known = progress.known.get().join(", ");
        let message = format!("has the unknown parameter {name}. Known parameters: {known}.");
        invalid.add("query", "unknown", message);
    }
    twice.0.truncate(UNKNOWN);
    invalid.0.append(&mut twice.0);
    finish(value, invalid)
}

fn finish<T>(value: Option<T>, invalid: Invalid) -> Result<T, Invalid> {
    match value {
        Some(value) => invalid.or(value),
        None => Err(invalid),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Body,
    Query,
}

/// The state of the passes over one struct.
#[derive(Default)]
struct Progress {
    /// The struct's field names.
    known: Cell<&'static [&'static str]>,
    /// The field that is being read.
    current: Cell<Option<&'static str>>,
    /// Invalid fields. The next pass leaves them out.
    errors: RefCell<Vec<(&'static str, ValueError)>>,
}

impl Progress {
    fn is_invalid(&self, name: &str) -> bool {
        self.errors.borrow().iter().any(|(invalid, _)| *invalid == name)
    }
}

fn unknown<'a>(
    members: &'a Map<String, Value>,
    progress: &'a Progress,
) -> impl Iterator<Item = &'a str> {
    members.keys().map(String::as_str).filter(|name| !progress.known.get().contains(name))
}

fn collect<'de, T: Deserialize<'de>>(
    members: &'de Map<String, Value>,
    source: Source,
    progress: &Progress,
) -> (Option<T>, Invalid) {
    let value = loop {
        match T::deserialize(Object { members, source, progress }) {
            Ok(value) => break Some(value),
            Err(error) => match progress.current.take() {
                Some(name) => progress.errors.borrow_mut().push((name, error)),
                // A required field is missing.
                None => break None,
            },
        }
    };
    let mut invalid = Invalid::default();
    for (name, error) in progress.errors.borrow().iter() {
        invalid.add(name, error.code, format!("must be {}", error.expected));
    }
    if value.is_none() && invalid.is_empty() {
        invalid.add("body", "required", "lacks a required field");
    }
    (value, invalid)
}

/// One pass over a struct.
#[derive(Clone, Copy)]
struct Object<'de, 'p> {
    members: &'de Map<String, Value>,
    source: Source,
    progress: &'p Progress,
}

impl<'de> de::Deserializer<'de> for Object<'de, '_> {
    type Error = ValueError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.progress.known.set(fields);
        visitor.visit_map(Fields { object: self, remaining: fields.iter(), value: None })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_struct("", &[], visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The fields that are present, in the struct's order.
struct Fields<'de, 'p> {
    object: Object<'de, 'p>,
    remaining: std::slice::Iter<'static, &'static str>,
    value: Option<&'de Value>,
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ValueError> {
        let Object { members, progress, .. } = self.object;
        for name in self.remaining.by_ref() {
            let Some(value) = members.get(*name).filter(|_| !progress.is_invalid(name)) else {
                continue;
            };
            self.value = Some(value);
            progress.current.set(Some(name));
            return seed.deserialize((*name).into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ValueError> {
        let value = self.value.take().unwrap_or(&Value::Null);
        let is_query = self.object.source == Source::Query;
        let read = seed.deserialize(Field::whole(value, is_query))?;
        self.object.progress.current.set(None);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Example {
        #[serde(default)]
        name: String,
        on: Option<bool>,
        number: Option<u32>,
        cleared: Option<Option<u32>>,
        state: Option<Light>,
        list: Option<Vec<Light>>,
        any: Option<Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Light {
        Red,
        Amber,
        Green,
    }

    fn read(value: &Value) -> Result<Example, Invalid> {
        of_object(value.as_object().unwrap())
    }

    #[test]
    fn valid_fields_are_read() {
        let none = Example {
            name: String::new(),
            on: None,
            number: None,
            cleared: None,
            state: None,
            list: None,
            any: None,
        };
        assert_eq!(read(&json!({})).unwrap(), none);
        let all = json!({"any": {"a": [1, null]}, "list": ["red", "green"], "cleared": null,
            "number": 7, "on": true, "name": "n", "state": "amber"});
        let expected = Example {
            name: "n".to_owned(),
            on: Some(true),
            number: Some(7),
            cleared: Some(None),
            state: Some(Light::Amber),
            list: Some(vec![Light::Red, Light::Green]),
            any: Some(json!({"a": [1, null]})),
        };
        assert_eq!(read(&all).unwrap(), expected);
        assert_eq!(read(&json!({"cleared": 3})).unwrap().cleared, Some(Some(3)));
    }

    #[test]
    fn all_invalid_fields_are_reported_in_the_order_of_the_struct() {
        let all = json!({"other": 1, "state": "blue", "list": "red", "cleared": -1, "number": 1.5,
            "on": null, "name": 7});
        let invalid = read(&all).unwrap_err();
        let expected = [
            ("name", "type", "must be a string"),
            ("on", "type", "must be true or false"),
            ("number", "type", "must be a whole number"),
            ("cleared", "type", "must be null or a whole number"),
            ("state", "format", "must be red, amber or green"),
            ("list", "type", "must be a list"),
            ("other", "unknown", "is not a known field"),
        ];
        let found = invalid.0.iter().map(|e| (e.field.as_str(), e.code.as_str(), &*e.message));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn at_most_ten_unknown_fields_are_reported() {
        let many: Map<_, _> = (0..1000).map(|number| (format!("m{number}"), json!(1))).collect();
        assert_eq!(of_object::<Example>(&many).unwrap_err().0.len(), UNKNOWN);
    }

    #[test]
    fn a_query_string_is_read_the_same_way() {
        let read = of_query::<Example>("state=red&name=a%20b").unwrap();
        assert_eq!((read.state, read.name), (Some(Light::Red), "a b".to_owned()));
        let read = of_query::<Example>("name=").unwrap();
        assert_eq!((read.state, read.name), (None, String::new()));
        let fields = |query: &str| {
            let invalid = of_query::<Example>(query).unwrap_err();
            invalid.0.into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("state=blue"), ["state"]);
        assert_eq!(fields("state="), ["state"], "an empty value is a value");
        assert_eq!(fields("stat=red&state=blue"), ["state", "query"]);
        assert_eq!(fields("state=red&state=red"), ["query"]);
    }

    #[derive(Debug, Deserialize)]
    struct StrictJson {
        #[serde(rename = "needed")]
        _needed: u32,
    }

    #[test]
    fn a_missing_required_field_is_an_error_and_ends_the_passes() {
        for (value, field) in [(json!({}), "body"), (json!({"needed": "x"}), "needed")] {
            let invalid = of_object::<StrictJson>(value.as_object().unwrap()).unwrap_err();
            assert_eq!(invalid.0[0].field, field);
        }
    }
}
