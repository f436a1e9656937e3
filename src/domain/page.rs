//! Keyset pagination: a cursor is the id of the last row, so that page 200 is as fast as page 1.

use serde::{Deserialize, Serialize};

/// The default and the maximum number of rows of a page.
pub const PAGE_SIZE: u32 = 50;
pub const PAGE_LIMIT: u32 = 200;

/// A page of a list, and the cursor of the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `limit` rows from the `limit + 1` that were read: an extra row means that
    /// there is a next page. `cursor` is the cursor of a row.
    pub fn cut(mut rows: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let limit = limit as usize;
        let has_next = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if has_next { rows.last().map(cursor) } else { None };
        Self { items: rows, next_cursor }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}
