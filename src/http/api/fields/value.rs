//! One field's value, as serde reads it: the errors say what the field must be, in plain words.

use std::fmt::Display;

use serde::{
    de::{
        self, Error, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

/// Why one field can't be read.
#[derive(Debug)]
pub struct Wrong {
    pub code: &'static str,
    /// What the field must be: `a string`.
    pub wanted: String,
}

impl Wrong {
    fn kind(wanted: impl Display) -> Self {
        Self { code: "type", wanted: wanted.to_string() }
    }

    fn format(wanted: impl Display) -> Self {
        Self { code: "format", wanted: wanted.to_string() }
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "must be {}", self.wanted)
    }
}

impl std::error::Error for Wrong {}

impl Error for Wrong {
    /// What a type of our own says when it reads text: what the text must be.
    fn custom<T: Display>(wanted: T) -> Self {
        Self::format(wanted)
    }

    fn invalid_type(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::kind(wanted)
    }

    fn invalid_value(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::format(wanted)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::format(match known {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        })
    }
}

/// A value, and how `Option` is to be read.
#[derive(Clone, Copy)]
pub struct Field<'de> {
    value: &'de Value,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The field of a body: `Option` says that it may be absent, not that it may be null.
    Body,
    /// A parameter of a query: the empty text counts as absent.
    Query,
    /// Below the field's own `Option`, or inside a list: null is a value.
    Inside,
}

impl<'de> Field<'de> {
    pub fn whole(value: &'de Value, is_query: bool) -> Self {
        Self { value, place: if is_query { Place::Query } else { Place::Body } }
    }

    fn inside(value: &'de Value) -> Self {
        Self { value, place: Place::Inside }
    }
}

impl<'de> IntoDeserializer<'de, Wrong> for Field<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// What serde calls `i64` and the like is a whole number to people.
macro_rules! whole_numbers {
    ($($method:ident)+) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.deserialize_any(visitor).map_err(|_| Wrong::kind("a whole number"))
        }
    )+ };
}

impl<'de> de::Deserializer<'de> for Field<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
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
                visitor.visit_seq(SeqDeserializer::new(items.iter().map(Field::inside)))
            }
            Value::Object(members) => visitor.visit_map(MapDeserializer::new(
                members.iter().map(|(name, value)| (name.as_str(), Field::inside(value))),
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let inside = Self::inside(self.value);
        match self.place {
            Place::Query if self.value == "" => visitor.visit_none(),
            Place::Body | Place::Query => visitor.visit_some(inside),
            Place::Inside if self.value.is_null() => visitor.visit_none(),
            Place::Inside => visitor.visit_some(inside).map_err(|Wrong { code, wanted }| Wrong {
                code,
                wanted: format!("null or {wanted}"),
            }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_any(visitor).map_err(|_| Wrong::kind("true or false"))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if !self.value.is_array() {
            return Err(Wrong::kind("a list"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let Value::String(text) = self.value else { return Err(Wrong::kind("a string")) };
        visitor.visit_enum(StrDeserializer::new(text))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
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
