//! A page of a list, and its query parameters (keyset pagination).

use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::domain::page::{PAGE_LIMIT, PAGE_SIZE};

/// A page of a list. Each list has its own type: for a generic one `openapi.json` would repeat the
/// schema of the items.
macro_rules! page {
    ($(#[doc = $doc:literal])+ $name:ident of $item:ident) => {
        $(#[doc = $doc])+
        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            pub items: Vec<$item>,
            /// Send it as `cursor` to get the next page. Null on the last page.
            #[schema(required = true)]
            pub next_cursor: Option<String>,
        }

        impl $name {
            pub fn of<T>(
                page: crate::domain::page::Page<T>,
                shape: impl FnMut(T) -> $item,
            ) -> Self {
                let crate::domain::page::Page { items, next_cursor } = page.map(shape);
                Self { items, next_cursor }
            }
        }
    };
}

pub(super) use page;

/// The query parameters of a page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// The `next_cursor` of the previous page. Leave it out for the first page.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "cursor")]
    pub cursor: Option<Cursor>,
    /// The maximum number of items in a page.
    #[serde(default)]
    #[param(value_type = Option<u32>, required = false, minimum = 1, maximum = 200, default = 50)]
    pub limit: Limit,
}

impl Window {
    /// The last row of the previous page, and the number of rows.
    pub fn parts(self) -> (Option<Uuid>, u32) {
        (self.cursor.map(|Cursor(last)| last), self.limit.0)
    }
}

/// The id of the last row of the previous page. Opaque to clients.
pub struct Cursor(pub Uuid);

/// Reads a cursor. An empty one is the first page, so that a client can begin a loop with it.
pub fn cursor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cursor>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let cursor = Uuid::try_parse(&text).map(|last| Some(Cursor(last)));
    cursor.map_err(|_| D::Error::custom("the next_cursor of a page"))
}

/// The number of rows of a page.
#[derive(Clone, Copy)]
pub struct Limit(pub u32);

impl Default for Limit {
    fn default() -> Self {
        Self(PAGE_SIZE)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = String::deserialize(deserializer)?.parse().ok();
        let limit = limit.filter(|limit| (1..=PAGE_LIMIT).contains(limit));
        let expected = || D::Error::custom(format_args!("a number from 1 to {PAGE_LIMIT}"));
        limit.map(Self).ok_or_else(expected)
    }
}
