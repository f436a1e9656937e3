//! Requests about event types.

use serde::{Deserialize, Deserializer, de::Error};
use utoipa::{IntoParams, ToSchema};

use crate::engine::catalogue::Draft;

/// Which schema of an event type.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SchemaChoice {
    /// The draft of JSON Schema. Without it: 2020-12.
    #[param(inline)]
    pub draft: Option<DraftKey>,
    /// The version of the schema. Without it: the current one.
    #[serde(default)]
    #[param(value_type = Option<u32>, required = false, minimum = 1)]
    pub v: VersionNumber,
}

/// A draft of JSON Schema.
#[derive(Clone, Copy, Deserialize, ToSchema)]
pub enum DraftKey {
    #[serde(rename = "2020-12")]
    Draft2020,
    #[serde(rename = "07", alias = "7")]
    Draft07,
}

impl From<DraftKey> for Draft {
    fn from(draft: DraftKey) -> Self {
        match draft {
            DraftKey::Draft2020 => Self::Draft2020,
            DraftKey::Draft07 => Self::Draft07,
        }
    }
}

/// A version's number, if there is one. The empty text is no number.
#[derive(Default)]
pub struct VersionNumber(pub Option<u32>);

impl<'de> Deserialize<'de> for VersionNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = String::deserialize(deserializer)?.parse();
        number.map(|number| Self(Some(number))).map_err(|_| D::Error::custom("a version's number"))
    }
}
