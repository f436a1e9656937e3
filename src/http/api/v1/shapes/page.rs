//! A page of a list, and the parameters that ask for one.

use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::domain::page::{PAGE_LIMIT, PAGE_SIZE};

/// A page of a list. A type of its own for each list: for a generic one `openapi.json` would repeat
/// the whole of its items' type.
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

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// The `next_cursor` of the page before. Without it: the first page.
    #[param(value_type = Option<String>)]
    pub cursor: Option<Cursor>,
    /// How many items a page has at most.
    #[serde(default)]
    #[param(value_type = Option<u32>, required = false, minimum = 1, maximum = 200, default = 50)]
    pub limit: Limit,
}

impl Window {
    /// The last row of the page before, and how many rows the page has.
    pub fn parts(self) -> (Option<Uuid>, u32) {
        (self.cursor.map(|Cursor(last)| last), self.limit.0)
    }
}

/// The id of the last row of the page before. To callers it is a text that they give back.
pub struct Cursor(pub Uuid);

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::try_parse(&text)
            .map(Self)
            .map_err(|_| D::Error::custom("a next_cursor of an earlier page"))
    }
}

/// How many rows a page has.
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
        let wanted = || D::Error::custom(format_args!("a number from 1 to {PAGE_LIMIT}"));
        limit.map(Self).ok_or_else(wanted)
    }
}
