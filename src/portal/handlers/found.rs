//! Finding the hook that a page or a form names.

use crate::{
    domain::id::HookId,
    portal::{ctx::OpCtx, ops},
};

/// An id from an address. What is not an id names no hook.
pub(super) fn parse_id(id: &str) -> Result<HookId, ops::Error> {
    id.parse().map_err(|_| ops::Error::NotFound("hook"))
}

/// As it was found. Of a hook that is not: what is still known of it, for its pages.
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
