//! Long lists, a page at a time: a cursor names the last row seen, so page 200 costs what page 1
//! costs.

use serde::{Deserialize, Serialize};

/// Rows a page of the API or portal holds unless asked otherwise, and at most.
pub const PAGE_SIZE: u32 = 50;
pub const PAGE_LIMIT: u32 = 200;

/// Part of a list, and where the next part begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `limit` rows out of the `limit + 1` that were read; `cursor` names the last one kept.
    pub fn cut(mut rows: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(cursor) } else { None };
        Self { items: rows, next_cursor }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}
