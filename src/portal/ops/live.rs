//! Live updates: tells open pages that they must be read again. What changed is not told: each page
//! reads its own address again, with the permissions of its reader.

use super::Error;
use crate::portal::ctx::{Denied, OpCtx};

/// The version of everything that pages show; see
/// [`Dispatcher::version`](crate::engine::Dispatcher::version). For every signed-in user: it says
/// only that something has changed.
pub async fn version(ctx: &OpCtx) -> Result<String, Error> {
    if ctx.user.is_none() {
        return Err(Denied::Unknown.into());
    }
    Ok(ctx.portal.dispatcher.version().await)
}
