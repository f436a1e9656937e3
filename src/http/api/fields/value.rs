//! A serde deserializer for the value of one field. Its errors say what the field must be.

use std::fmt::Display;

use serde::{
    de::{
        self, Error, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

/// Why a field is invalid.
#[derive(Debug)]
pub struct ValueError {
    pub code: &'static str,
    /// What the field must be, such as `a string`.
    pub expected: String,
}

impl ValueError {
    fn kind(expected: impl Display) -> Self {
        Self { code: "type", expected: expected.to_string() }
    }

    fn format(expected: impl Display) -> Self {
        Self { code: "format", expected: expected.to_string() }
    }
}

impl Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "must be {}", self.expected)
    }
}

impl std::error::Error for ValueError {}

impl Error for ValueError {
    /// Our own types pass what the text must be.
    fn custom<T: Display>(expected: T) -> Self {
        Self::format(expected)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::kind(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::format(expected)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::format(match known {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        })
    }
}

/// A value, and where it stands, which decides what `Option` means.
#[derive(Clone, Copy)]
pub struct Field<'de> {
    value: &'de Value,
    position: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// A field of a body. `Option`: it may be absent, but not null.
    Body,
    /// A query parameter. `Option`: an empty text counts as absent.
    Query,
    /// Inside the field's own `Option` or inside a list, where null is a value.
    Nested,
}

impl<'de> Field<'de> {
    pub fn whole(value: &'de Value, is_query: bool) -> Self {
        Self { value, position: if is_query { Position::Query } else { Position::Body } }
    }

    fn nested(value: &'de Value) -> Self {
        Self { value, position: Position::Nested }
    }
}

impl<'de> IntoDeserializer<'de, ValueError> for Field<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Errors say "a whole number" instead of serde's `i64`.
macro_rules! whole_numbers {
    ($($method:ident)+) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
            self.deserialize_any(visitor).map_err(|_| ValueError::kind("a whole number"))
        }
    )+ };
}

impl<'de> de::Deserializer<'de> for Field<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(Field::nested)))
            }
            Value::Object(members) => visitor.visit_map(MapDeserializer::new(
                members.iter().map(|(name, value)| (name.as_str(), Field::nested(value))),
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let nested = Self::nested(self.value);
        match self.position {
            Position::Body | Position::Query => visitor.visit_some(nested),
            Position::Nested if self.value.is_null() => visitor.visit_none(),
            Position::Nested => {
                visitor.visit_some(nested).map_err(|ValueError { code, expected }| ValueError {
                    code,
                    expected: format!("null or {expected}"),
                })
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_any(visitor).map_err(|_| ValueError::kind("true or false"))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if !self.value.is_array() {
            return Err(ValueError::kind("a list"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let Value::String(text) = self.value else { return Err(ValueError::kind("a string")) };
        visitor.visit_enum(StrDeserializer::new(text))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map
        struct identifier ignored_any
    }
}
