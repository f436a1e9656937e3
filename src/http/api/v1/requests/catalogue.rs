//! Requests about event types.

use serde::{Deserialize, Deserializer, de::Error};
use utoipa::{IntoParams, ToSchema};

use crate::engine::catalogue::Draft;

/// The draft and the version of a schema.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SchemaChoice {
    /// The JSON Schema draft. Default: 2020-12.
    #[param(inline)]
    pub draft: Option<DraftKey>,
    /// The schema version. Default: the current one.
    #[serde(default)]
    #[param(value_type = Option<u32>, required = false, minimum = 1)]
    pub v: VersionNumber,
}

/// A JSON Schema draft.
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

/// A version number. An empty text is not one.
#[derive(Default)]
pub struct VersionNumber(pub Option<u32>);

impl<'de> Deserialize<'de> for VersionNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = String::deserialize(deserializer)?.parse();
        number.map(|number| Self(Some(number))).map_err(|_| D::Error::custom("a version number"))
    }
}
