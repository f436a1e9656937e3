//! Drafts: rejected form input, kept sealed for ten minutes for the session that sent it.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tower_sessions::Session;

use super::Error;
use crate::{
    domain::{busy::Busy, id::DraftId},
    engine::store::{self, secrets::Place},
    portal::{
        auth::session::id_hash,
        ctx::OpCtx,
        store::drafts::{self, Draft},
    },
};

const KEPT: Duration = Duration::from_secs(600);

pub(super) fn place(id: &DraftId) -> Place<'_> {
    Place { table: "drafts", column: "sealed", row: id.0.as_bytes() }
}

/// Stores a form; its id goes into the URL of the page that shows the form again.
pub async fn keep<T: Serialize>(
    ctx: &OpCtx,
    session: &Session,
    form: &T,
) -> Result<DraftId, Error> {
    // Nothing is written for clients that are not signed in: see `handlers::returned`.
    let (Some(user), Some(session_hash)) = (&ctx.user, session.id().map(id_hash)) else {
        return Err(Error::SignIn);
    };
    let clock = ctx.portal.clock();
    let id = DraftId(clock.id());
    let now = clock.now();
    // Forms are plain structs of strings: serialising them cannot fail.
    let text = serde_json::to_vec(form).unwrap_or_default();
    let sealed = ctx.portal.store().vault.seal(place(&id), &text);
    let draft = Draft { id, user: user.id, session_hash, sealed, expires_at: now.after(KEPT) };
    let kept: Result<bool, store::Error> = ctx
        .portal
        .store()
        .write(move |conn| Box::pin(async move { drafts::insert(conn, &draft, now).await }))
        .await;
    if kept? { Ok(id) } else { Err(Error::Busy { reason: Busy::Drafts, seconds: KEPT.as_secs() }) }
}

/// A form that the same user stored in an earlier session: for a form that continues it after the
/// user has signed in again.
pub async fn find_earlier<T: DeserializeOwned>(ctx: &OpCtx, id: &str) -> Result<Option<T>, Error> {
    let (Ok(id), Some(user)) = (id.parse::<DraftId>(), &ctx.user) else { return Ok(None) };
    let mut conn = ctx.portal.store().read().await?;
    let found = drafts::find_of(&mut conn, id, user.id, ctx.portal.clock().now()).await?;
    let Some(sealed) = found else { return Ok(None) };
    let text = ctx.portal.store().vault.open(place(&id), &sealed)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// The stored form, if it belongs to this session and has not expired. A draft of another form
/// reads as `None`.
pub async fn find<T: DeserializeOwned>(
    ctx: &OpCtx,
    session: &Session,
    id: &str,
) -> Result<Option<T>, Error> {
    let (Ok(id), Some(session_id)) = (id.parse::<DraftId>(), session.id()) else { return Ok(None) };
    let mut conn = ctx.portal.store().read().await?;
    let found = drafts::find(&mut conn, id, &id_hash(session_id), ctx.portal.clock().now()).await?;
    let Some(sealed) = found else { return Ok(None) };
    let text = ctx.portal.store().vault.open(place(&id), &sealed)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// The same, once: it is deleted.
pub async fn take<T: DeserializeOwned>(
    ctx: &OpCtx,
    session: &Session,
    id: &str,
) -> Result<Option<T>, Error> {
    let Some(found) = find(ctx, session, id).await? else { return Ok(None) };
    let (Ok(id), Some(session_id)) = (id.parse::<DraftId>(), session.id()) else { return Ok(None) };
    let hash = id_hash(session_id);
    let deleted: Result<(), store::Error> = ctx
        .portal
        .store()
        .write(move |conn| Box::pin(async move { drafts::delete(conn, id, &hash).await }))
        .await;
    deleted?;
    Ok(Some(found))
}
