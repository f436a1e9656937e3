//! Finds the hook of a page or a form.

use crate::{
    domain::id::HookId,
    portal::{ctx::OpCtx, ops},
};

/// Parses a hook id from a URL. An invalid id is "not found".
pub(super) fn parse_id(id: &str) -> Result<HookId, ops::Error> {
    id.parse().map_err(|_| ops::Error::NotFound("hook"))
}

/// Replaces "not found" of a deleted hook by what is still known about it.
pub(super) async fn or_tombstone<T>(
    ctx: &OpCtx,
    id: &str,
    found: Result<T, ops::Error>,
) -> Result<T, ops::Error> {
    match found {
        Err(ops::Error::NotFound("hook")) => {
            Err(ops::hooks::explain_missing(ctx, parse_id(id)?).await?)
        }
        found => found,
    }
}
