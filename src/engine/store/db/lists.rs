//! Lists of rows and ids in statements: in a few sizes only, so that all texts fit into the
//! cache of prepared statements.

/// Appends `($1, $2, ...)` to a query, and binds the ids. Use [`padded`] to limit the number of
/// different statement texts. `ids` must not be empty: `IN ()` is not valid SQL.
macro_rules! push_list {
    ($query:expr, $ids:expr) => {{
        $query.push("(");
        let mut list = $query.separated(", ");
        for id in $ids {
            list.push_bind(*id);
        }
        $query.push(")");
    }};
}
pub(crate) use push_list;

/// The most rows that one statement writes or looks up.
const MAX_ROWS: usize = 128;
/// Up to this, any number of rows has its own statement text; above it, only multiples of it do. So
/// most commits need at most two statements, and all texts fit into the cache of prepared
/// statements.
const SMALL_CHUNK: usize = 16;
/// Splits rows into chunks of a few different sizes, largest first, one statement for each.
pub(in crate::engine::store) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = match rows.len() {
            0 => return None,
            few @ ..=SMALL_CHUNK => few,
            many => many.min(MAX_ROWS) / SMALL_CHUNK * SMALL_CHUNK,
        };
        let (chunk, remaining) = rows.split_at(size);
        rows = remaining;
        Some(chunk)
    })
}

/// Splits ids into lists for `IN (...)`. Each list is padded to a power of two by repeating its
/// first id, so that there are only a few different statement texts.
pub(in crate::engine::store) fn padded<T: Copy>(ids: &[T]) -> impl Iterator<Item = Vec<T>> {
    ids.chunks(MAX_ROWS).map(|ids| {
        let size = ids.len().next_power_of_two();
        ids.iter().chain(std::iter::repeat(&ids[0])).take(size).copied().collect()
    })
}
