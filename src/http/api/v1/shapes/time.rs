//! Points in time and durations in the API's JSON.

use std::time::Duration;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type, schema::Schema},
};

use crate::domain::{time::Timestamp, tuning::spelled};

/// A point in time.
#[derive(Clone, Copy)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = Timestamp::parse(&String::deserialize(deserializer)?);
        let expected = || D::Error::custom("a time in RFC 3339, such as 2026-11-22T14:00:00Z");
        time.map(Self).ok_or_else(expected)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A point in time (RFC 3339)."))
            .examples(["2026-11-22T14:00:00.000Z"])
            .into()
    }
}

impl ToSchema for Time {}

/// A duration: `5s`, `2m`, `250ms`.
#[derive(Clone, Copy)]
pub struct Wait(pub Duration);

impl Wait {
    fn read(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok().map(Self)
    }
}

impl Serialize for Wait {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&spelled(self.0))
    }
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer).unwrap_or_default();
        let expected = "a duration such as \"15s\" or \"500ms\"";
        Self::read(&text).ok_or_else(|| D::Error::invalid_type(Unexpected::Str(&text), &expected))
    }
}

impl PartialSchema for Wait {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A duration: a number with its unit, such as `250ms`, `5s` or `2h`."))
            .examples(["5s"])
            .into()
    }
}

impl ToSchema for Wait {
    fn name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
}

/// A retry schedule: the waits after failed attempts.
pub struct Schedule(pub Vec<Duration>);

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a list of waits such as \"30s\" or \"2h\"";
        let waits = Vec::<Wait>::deserialize(deserializer)
            .map_err(|_| D::Error::invalid_type(Unexpected::Other("something else"), &expected))?;
        Ok(Self(waits.into_iter().map(|wait| wait.0).collect()))
    }
}
