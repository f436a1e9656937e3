//! JSON deserialisation that rejects duplicate field names. Parsers disagree about which of two
//! values counts, and a signed payload must mean the same to every receiver. Otherwise it accepts
//! exactly what `serde_json` accepts.

use std::{collections::HashMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Any JSON value without duplicate field names at any depth.
pub struct StrictJson(pub Value);

/// The fields of an object, without duplicate names. `V` decides about duplicates inside of the
/// values.
pub struct UniqueFields<V>(pub HashMap<String, V>);

const FIELD: &str = "the field \"";
const TWICE: &str = "\" appears twice";

/// The message is part of the API's error response.
fn duplicate<E: Error>(name: &str) -> E {
    E::custom(format_args!("{FIELD}{name}{TWICE}"))
}

/// The sentence of [`duplicate`], if the error is one. Other data errors may quote a value.
pub(super) fn duplicate_in(error: &serde_json::Error) -> Option<String> {
    let message = error.is_data().then(|| error.to_string())?;
    let end = message.rfind(TWICE)? + TWICE.len();
    message.starts_with(FIELD).then(|| message[..end].to_owned())
}

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(Self)
    }
}

/// Builds a [`Value`], and fails on a duplicate field.
struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // `serde_json` never parses a number to NaN or infinity, so the `Null` is not reached.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(StrictJson(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, StrictJson(value))) = entries.next_entry::<String, StrictJson>()? {
            if object.contains_key(&name) {
                return Err(duplicate(&name));
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueFields<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueFieldsVisitor(PhantomData)).map(Self)
    }
}

/// Reads one object, and fails on a duplicate field.
struct UniqueFieldsVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for UniqueFieldsVisitor<V> {
    type Value = HashMap<String, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = HashMap::new();
        while let Some((name, value)) = entries.next_entry::<String, V>()? {
            if found.contains_key(&name) {
                return Err(duplicate(&name));
            }
            found.insert(name, value);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_json_is_read_like_serde_json() {
        for text in [
            "null",
            "true",
            "-1",
            "18446744073709551615",
            "1.5e3",
            r#""a\u00e9""#,
            r#"{"b":[1,{"a":{}}],"a":null}"#,
        ] {
            let StrictJson(value) = serde_json::from_str(text).unwrap();
            assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
        }
        assert!(serde_json::from_str::<StrictJson>("{\"a\":1").is_err());
    }

    #[test]
    fn a_duplicate_field_is_an_error_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"c":2,"a":3}}]"#, r#"{"a":1,"\u0061":2}"#]
        {
            let error = serde_json::from_str::<StrictJson>(text).err().unwrap().to_string();
            assert!(error.starts_with("the field \"a\" appears twice"), "{error}");
        }
        assert!(serde_json::from_str::<UniqueFields<i64>>(r#"{"a":1,"a":1}"#).is_err());
        assert_eq!(
            serde_json::from_str::<UniqueFields<i64>>(r#"{"a":1,"b":2}"#).unwrap().0.len(),
            2
        );
    }
}
