//! The quick search: hooks by name, address or event type, and deliveries, events and jobs by id.
//! Shows only what the user may see.

use uuid::Uuid;

use super::{Error, error::Tombstone};
use crate::{
    domain::{
        busy::Busy,
        delivery::Delivery,
        event::EventType,
        hook::Hook,
        id::{EventId, HookId, JobId},
        id_text::IdText,
        permission::right,
    },
    engine::store::{
        hooks,
        lookup::{self, Ids},
    },
    portal::ctx::OpCtx,
};

/// Objects of each kind that an id or its beginning may lead to.
const MOST: u32 = 5;

/// The objects whose id is in the text.
#[derive(Default)]
pub struct ById {
    pub deliveries: Vec<Delivery>,
    pub events: Vec<(EventId, EventType)>,
    pub jobs: Vec<JobId>,
    /// A deleted hook whose whole id was given.
    pub deleted: Option<Tombstone>,
}

/// All hooks that the user may see; none without the permission.
pub async fn hooks(ctx: &OpCtx) -> Result<Vec<Hook>, Error> {
    permit(ctx)?;
    let Ok(grant) = ctx.require(right::HooksRead) else { return Ok(Vec::new()) };
    Ok(hooks::all(&mut ctx.portal.store().read().await?, &grant).await?)
}

/// The objects whose id begins like this.
pub async fn by_id(ctx: &OpCtx, id: IdText) -> Result<ById, Error> {
    let mut found = ById::default();
    if let Ok(grant) = ctx.require(right::DeliveriesRead) {
        let ids = Ids { first: id.first, last: id.last };
        let mut conn = ctx.portal.store().read().await?;
        found.deliveries = lookup::deliveries(&mut conn, &grant, ids, MOST).await?;
        found.events = lookup::events(&mut conn, &grant, ids, MOST).await?;
        found.jobs = lookup::jobs(&mut conn, &grant, ids, MOST).await?;
    }
    if id.is_whole() {
        found.deleted = deleted_hook(ctx, id.first).await?;
    }
    Ok(found)
}

async fn deleted_hook(ctx: &OpCtx, id: Uuid) -> Result<Option<Tombstone>, Error> {
    match super::hooks::explain_missing(ctx, HookId(id)).await? {
        Error::Deleted(tombstone) => Ok(Some(*tombstone)),
        _ => Ok(None),
    }
}

/// The palette asks while someone types, so the limit is generous.
fn permit(ctx: &OpCtx) -> Result<(), Error> {
    let actor = ctx.actor.as_ref().ok_or(Error::SignIn)?;
    let permit = ctx.portal.lookups.take(&actor.limited_as, ctx.portal.clock().now());
    match permit {
        Ok(_permit) => Ok(()),
        Err(wait) => Err(Error::Busy { reason: Busy::Searches, seconds: wait.as_secs() + 1 }),
    }
}
